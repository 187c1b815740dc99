"""Who may look may look at what-ifs; what sites gave or took otherwise stays."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"fulfillment": ("whatif",)})


class Migration(migrations.Migration):
    dependencies = [("insights", "0007_roles_look_at_batches"), ("fulfillment", "0010_what_if")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
