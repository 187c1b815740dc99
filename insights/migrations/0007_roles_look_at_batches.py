"""What the roles may look at of the batches of sourcing."""

from django.db import migrations

from insights.roles import grant_new


def add_permissions(apps, schema_editor):
    grant_new(apps, schema_editor, {"orchestration": ("sourcingbatch", "batchedline")})


class Migration(migrations.Migration):
    dependencies = [("insights", "0006_roles_connection_settings"), ("orchestration", "0005_sourcing_batches")]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
