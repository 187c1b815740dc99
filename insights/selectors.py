"""Reads of the counters: sums by label, by channel, by bucket of time. No read here touches an order."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDay, TruncHour

from insights.models import Rollup


def totals(
    names: Sequence[str], *, since: datetime | None = None, until: datetime | None = None, channel: int = 0
) -> Mapping[tuple[str, str], int]:
    """(metric, label) -> sum; `channel` 0 is every channel, no `since` is from the beginning."""
    rows = _rows(names, since, until, channel).values_list("metric", "label").annotate(Sum("value"))
    return {(metric, label): value for metric, label, value in rows}


def series(
    metric: str, *, by: str, since: datetime, until: datetime, hourly: bool, channel: int = 0
) -> Mapping[object, Mapping[datetime, int]]:
    """`by` value -> start of bucket -> sum; `by` is `label` or `channel_id`."""
    bucket = (TruncHour if hourly else TruncDay)("hour")
    rows = _rows([metric], since, until, channel).annotate(bucket=bucket)
    found: dict = {}
    for key, start, value in rows.values_list(by, "bucket").annotate(Sum("value")):
        found.setdefault(key, {})[start] = value
    return found


def buckets(since: datetime, until: datetime, *, hourly: bool) -> list[datetime]:
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    count = -((since - until) // step)
    return [since + step * index for index in range(count)]


def _rows(names: Sequence[str], since: datetime | None, until: datetime | None, channel: int):
    rows = Rollup.objects.filter(metric__in=names).order_by()
    if since:
        rows = rows.filter(hour__gte=since)
    if until:
        rows = rows.filter(hour__lt=until)
    return rows.filter(channel_id=channel) if channel else rows
