"""What the roles may look at of what is planned again in the background."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"fulfillment": ("replan",)})


class Migration(migrations.Migration):
    dependencies = [("insights", "0009_roles_future_sale"), ("fulfillment", "0014_replans")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
