"""What the roles may look at of the order lines a day that lists take."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"fulfillment": ("listday",)})


class Migration(migrations.Migration):
    dependencies = [("insights", "0010_roles_look_at_replans"), ("fulfillment", "0016_list_days")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
