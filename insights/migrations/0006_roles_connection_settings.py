"""What the roles may look at of the settings that connections had."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"providers": ("connectionsettings",)})


class Migration(migrations.Migration):
    dependencies = [("insights", "0005_roles_look_at_new_tables"), ("providers", "0003_settings_over_time")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
