"""What the roles may do with the tables of sourcing; what sites gave or took otherwise stays."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from insights.roles import ROLES, granted

APPS = ("inventory", "orders", "fulfillment")
NEW = (
    "workingcalendar", "workinghours", "calendarday", "carrier", "carrierservice", "zoneband", "rate", "surcharge",
    "transittime", "lateness", "sourceservice", "carrierpickup", "shippingratefactor", "sourcelist",
    "strategyconstraint", "sourcepriority", "methodrule", "rejectionreason", "strategyversion", "sourceday", "listday",
    "sourcingrun",
)  # fmt: skip


def add_permissions(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in APPS:
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    Permission, Group = apps.get_model("auth", "Permission"), apps.get_model("auth", "Group")
    rows = Permission.objects.using(alias).values_list("content_type__app_label", "codename", "pk")
    existing = {f"{label}.{codename}": pk for label, codename, pk in rows}
    for role in ROLES:
        group = Group.objects.using(alias).filter(name=role).first()
        if group:
            names = [name for name in granted(role, existing, early=True) if _is_new(name)]
            group.permissions.add(*[existing[name] for name in names])


def _is_new(name):
    _, _, model = name.partition("_")
    return model in NEW or name.endswith(("publish_strategy", "change_strategy"))


class Migration(migrations.Migration):
    dependencies = [
        ("fulfillment", "0003_first_versions"),
        ("insights", "0003_room_in_pages"),
        ("inventory", "0002_calendars_and_capacity"),
        ("orders", "0002_fulfillment_methods"),
    ]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
