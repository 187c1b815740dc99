"""Adds up old deltas, so that counters stay small: one row an hour, and one a day after a week."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from insights.listeners import COLUMNS
from insights.models import Rollup
from iom.lib import bulk

BATCH = 5_000
HOURS_KEPT = timedelta(days=7)


def compact(now: datetime | None = None) -> int:
    """Add up what is older than the present hour; returns the rows saved. Sums that readers see never change."""
    now = (now or timezone.now()).replace(minute=0, second=0, microsecond=0)
    saved, after = 0, 0
    while True:
        fewer, after = _compact_batch(now, after)
        saved += fewer
        if not after:
            return saved


@transaction.atomic
def _compact_batch(now: datetime, after: int) -> tuple[int, int]:
    """Rows saved in the next batch, and where to go on; 0 when there is no more.

    Two at once: the second finds its rows gone and leaves everything as it is.
    """
    rows = Rollup.objects.filter(pk__gt=after, hour__lt=now).order_by("pk")[:BATCH]
    found = list(rows.values_list("pk", *COLUMNS))
    groups: dict[tuple, list[int]] = defaultdict(list)
    sums: Counter = Counter()
    for pk, metric, hour, channel, label, value in found:
        key = (metric, _kept_hour(hour, now), channel, label)
        groups[key].append(pk)
        sums[key] += value
    many = {key for key, ids in groups.items() if len(ids) > 1}
    ids = [pk for key in many for pk in groups[key]]
    following = found[-1][0] if len(found) == BATCH else 0
    if not ids:
        return 0, following
    if Rollup.objects.filter(pk__in=ids).delete()[0] != len(ids):
        transaction.set_rollback(True)
        return 0, 0
    bulk.insert(Rollup, COLUMNS, [(*key, sums[key]) for key in many if sums[key]])
    return len(ids) - sum(bool(sums[key]) for key in many), following


def _kept_hour(hour: datetime, now: datetime) -> datetime:
    return hour if hour > now - HOURS_KEPT else hour.replace(hour=0)
