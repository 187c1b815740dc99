"""Published strategies say how hard a batch is solved, as drafts do."""

from django.db import migrations


def complete(apps, schema_editor):
    versions = apps.get_model("fulfillment", "StrategyVersion").objects.using(schema_editor.connection.alias)
    for version in versions.exclude(document__has_key="batch_mode").iterator(chunk_size=500):
        versions.filter(pk=version.pk).update(document={**version.document, "batch_mode": "fast"})


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0008_batch_mode")]
    operations = [migrations.RunPython(complete, migrations.RunPython.noop)]
