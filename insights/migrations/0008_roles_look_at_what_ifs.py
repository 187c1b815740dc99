"""Who may look may look at what-ifs; what sites gave or took otherwise stays."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from insights.roles import ROLES, granted

NEW = {"fulfillment": ("whatif",)}


def add_permissions(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in NEW:
        config = apps.get_app_config(label)
        config.models_module = True  # a historic app has none, and would be skipped
        create_permissions(config, verbosity=0, using=alias, apps=apps)
    Permission, Group = apps.get_model("auth", "Permission"), apps.get_model("auth", "Group")
    rows = Permission.objects.using(alias).values_list("content_type__app_label", "codename", "pk")
    existing = {f"{label}.{codename}": pk for label, codename, pk in rows}
    endings = tuple(f"_{model}" for models in NEW.values() for model in models)
    for group in Group.objects.using(alias).filter(name__in=ROLES):
        names = [name for name in granted(group.name, existing, early=True) if name.endswith(endings)]
        group.permissions.add(*[existing[name] for name in names])


class Migration(migrations.Migration):
    dependencies = [("insights", "0007_roles_look_at_batches"), ("fulfillment", "0010_what_if")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
