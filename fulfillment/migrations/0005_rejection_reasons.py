"""The reasons to refuse that a first installation begins with; people change them on their page."""

from django.db import migrations

REASONS = (
    # code, label, stock effect, cool-down days
    ("not_found", "Not found", "zero", 30),
    ("damaged", "Damaged", "less_one", 7),
    ("no_time", "No time today", "none", 1),
)


def make_reasons(apps, schema_editor):
    RejectionReason = apps.get_model("fulfillment", "RejectionReason")
    for code, label, effect, days in REASONS:
        RejectionReason.objects.using(schema_editor.connection.alias).get_or_create(
            code=code, defaults={"label": label, "stock_effect": effect, "cooldown_days": days}
        )


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0004_rejections")]
    operations = [migrations.RunPython(make_reasons, migrations.RunPython.noop)]
