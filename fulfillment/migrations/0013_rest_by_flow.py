"""Until now every strategy left its rest to the flow, whatever it said; those that never chose say so from here on."""

from django.db import migrations


def leave_to_flow(apps, schema_editor):
    alias = schema_editor.connection.alias
    apps.get_model("fulfillment", "Strategy").objects.using(alias).filter(rest="inbox").update(rest="flow")
    versions = apps.get_model("fulfillment", "StrategyVersion").objects.using(alias)
    for version in versions.filter(document__rest="inbox").iterator(chunk_size=500):
        versions.filter(pk=version.pk).update(document={**version.document, "rest": "flow"})


def back(apps, schema_editor):
    alias = schema_editor.connection.alias
    apps.get_model("fulfillment", "Strategy").objects.using(alias).filter(rest="flow").update(rest="inbox")
    versions = apps.get_model("fulfillment", "StrategyVersion").objects.using(alias)
    for version in versions.filter(document__rest="flow").iterator(chunk_size=500):
        versions.filter(pk=version.pk).update(document={**version.document, "rest": "inbox"})


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0012_rest_as_the_flow_says")]
    operations = [migrations.RunPython(leave_to_flow, back)]
