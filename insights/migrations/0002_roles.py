"""The roles as groups. Permissions are normally made after all migrations, so they are made here first."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from insights.roles import ROLES, granted

APPS = ("auth", "axes", "inventory", "orders", "fulfillment", "providers", "orchestration", "insights")


def make_roles(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in APPS:
        config = apps.get_app_config(label)
        config.models_module = True  # a historic app has none, and would be skipped
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    Permission, Group = apps.get_model("auth", "Permission"), apps.get_model("auth", "Group")
    rows = Permission.objects.using(alias).values_list("content_type__app_label", "codename", "pk")
    existing = {f"{label}.{codename}": pk for label, codename, pk in rows}
    for role in ROLES:
        group, _ = Group.objects.using(alias).get_or_create(name=role)
        group.permissions.set([existing[name] for name in granted(role, existing, early=True)])


def remove_roles(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Group.objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("axes", "0010_accessattemptexpiration"),
        ("inventory", "0001_initial"),
        ("orders", "0001_initial"),
        ("fulfillment", "0001_initial"),
        ("providers", "0001_initial"),
        ("orchestration", "0001_initial"),
        ("insights", "0001_initial"),
    ]
    operations = [migrations.RunPython(make_roles, remove_roles)]
