"""What the roles may do with the values of future sales."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"fulfillment": ("futuresale",)})


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0011_costs_of_strategies"), ("insights", "0008_roles_look_at_what_ifs")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
