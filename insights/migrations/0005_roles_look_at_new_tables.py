"""What the roles may look at of tables that came after them; what sites gave or took otherwise stays."""

from django.db import migrations

from insights.roles import grant_new

NEW = {
    "inventory": ("importchunk",),
    "orders": ("ordersplit",),
    "orchestration": ("goldenorder",),
}


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, NEW)


class Migration(migrations.Migration):
    dependencies = [
        ("insights", "0004_roles_of_setup"),
        ("inventory", "0003_imports_as_jobs"),
        ("orchestration", "0003_golden_orders"),
        ("orders", "0004_order_split"),
    ]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
