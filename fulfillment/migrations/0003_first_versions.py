"""Every strategy there is becomes its own version 1, so that what works stays as it is."""

from django.db import migrations
from django.utils import timezone


def make_first_versions(apps, schema_editor):
    alias = schema_editor.connection.alias
    Strategy = apps.get_model("fulfillment", "Strategy")
    StrategyVersion = apps.get_model("fulfillment", "StrategyVersion")
    for strategy in Strategy.objects.using(alias).filter(live_version=None):
        version = StrategyVersion.objects.using(alias).create(
            strategy=strategy,
            number=1,
            document=_document(strategy),
            comment="As it was before there were versions",
            published_by="system",
            published_at=timezone.now(),
        )
        Strategy.objects.using(alias).filter(pk=strategy.pk).update(live_version=version)


def _document(strategy):
    return {
        "key": strategy.key,
        "name": strategy.name,
        "description": "",
        "objective": "nearest",
        "source_list": "",
        "sources": sorted(strategy.sources.values_list("code", flat=True)),
        "max_distance_km": strategy.max_distance_km,
        "max_sources_per_order": strategy.max_sources_per_order,
        "split_lines": strategy.split_lines,
        "weights": {},
        "is_batch": False,
        "batch_minutes": 5,
        "alternate": "",
        "rest": "inbox",
        "constraints": [],
    }


def remove_versions(apps, schema_editor):
    alias = schema_editor.connection.alias
    apps.get_model("fulfillment", "Strategy").objects.using(alias).update(live_version=None)
    apps.get_model("fulfillment", "StrategyVersion").objects.using(alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("fulfillment", "0002_sourcing_setup")]
    operations = [migrations.RunPython(make_first_versions, remove_versions)]
