"""What a source takes on for a day of its own zone, counted under concurrency: locked in one order, never above the most."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from fulfillment.locks import DAYS
from fulfillment.models import FulfillmentOrder, SourceDay
from fulfillment.services import list_days
from iom.lib import bulk, lock_order

COLUMNS = ("source", "day", "unit", "regular", "maximum")


@dataclass(frozen=True, slots=True)
class Use:
    """So much of a source's day; `regular` and `maximum` as the source says now."""

    unit: str
    regular: int
    maximum: int
    amount: int


def take(uses: Mapping[tuple[int, date], Use]) -> dict[int, int]:
    """Count all of it or, where one day has no room, nothing. Returns the sources without room, with what is left.

    The days stay locked until the transaction ends, so a plan made again with what is left finds it.
    """
    if not uses:
        return {}
    lock_order.lock(DAYS)
    rows = [(source, day, use.unit, use.regular, use.maximum) for (source, day), use in sorted(uses.items())]
    bulk.insert(SourceDay, COLUMNS, rows, skip_conflicts=True)
    locked = _lock({source for source, _ in uses}, {day for _, day in uses})
    counted, full = [], {}
    for pk, source, day, unit, used, before in locked:
        use = uses.get((source, day))
        if use is None or use.unit != unit:
            continue
        most = max(use.maximum, used)
        if used + use.amount > use.maximum:
            full[source] = max(0, use.maximum - used)
        elif most != before or use.amount:
            counted.append((pk, used + use.amount, min(use.regular, most), most))
    if not full:
        bulk.update(SourceDay, "pk", ("used", "regular", "maximum"), counted)
    return full


def give_back(fulfillment_order_ids: Collection[int]) -> None:
    """What these took of a day that is not over is free again; called twice it gives back once."""
    today = timezone.now().date() - timedelta(days=1)
    list_days.give_back(dict.fromkeys(fulfillment_order_ids))
    rows = FulfillmentOrder.objects.filter(
        pk__in=fulfillment_order_ids, capacity_day__gte=today, capacity_used__gt=0
    )
    freed: Counter[tuple[int, date, str]] = Counter()
    for source, day, unit, used in rows.values_list(
        "source_id", "capacity_day", "capacity_unit", "capacity_used"
    ):
        freed[source, day, unit] += used
    if not freed:
        return
    lock_order.lock(DAYS)
    _free(freed, _lock({source for source, _, _ in freed}, {day for _, day, _ in freed}))
    rows.update(capacity_used=0)


def _free(freed: Mapping[tuple[int, date, str], int], locked: Collection[tuple]) -> None:
    """By source, day and unit; work that names no unit was counted in the one that the day had."""
    left = [
        (pk, max(0, used - less))
        for pk, source, day, unit, used, _ in locked
        if (less := freed.get((source, day, unit), 0) + freed.get((source, day, ""), 0))
    ]
    bulk.update(SourceDay, "pk", ("used",), left)


def give_back_lines(lost: Mapping[int, tuple[int, int]], whole: Collection[int]) -> None:
    """Fulfillment orders that bring some (units, lines) less, or of `whole` nothing: what these took of a day is free again."""
    rows = FulfillmentOrder.objects.filter(pk__in=lost, capacity_day__isnull=False)
    named = ("source_id", "capacity_day", "capacity_unit", "capacity_used")
    counted = {pk: row for pk, *row in rows.values_list("pk", *named)}
    if not counted:
        return
    list_days.give_back({pk: None if pk in whole else lost[pk][1] for pk in counted})
    taken = {pk: row for pk, row in counted.items() if row[3]}
    if not taken:
        return
    lock_order.lock(DAYS)
    locked = _lock({row[0] for row in taken.values()}, {row[1] for row in taken.values()})
    of_day = {(source, day): unit for _, source, day, unit, _, _ in locked}
    freed: Counter[tuple[int, date, str]] = Counter()
    left = []
    for pk, (source, day, unit, used) in taken.items():
        units, lines = lost[pk]
        counts = unit or of_day.get((source, day), "")
        part = {"units": units, "lines": lines, "orders": 0}.get(counts, 0)
        less = used if pk in whole else min(used, part)
        freed[source, day, unit] += less
        left.append((pk, used - less))
    _free(freed, locked)
    bulk.update(FulfillmentOrder, "pk", ("capacity_used",), left)


def _lock(sources: Collection[int], days: Collection[date]) -> list[tuple]:
    rows = SourceDay.objects.filter(source_id__in=sources, day__in=days).order_by("pk")
    return list(
        rows.select_for_update(no_key=True).values_list("pk", "source_id", "day", "unit", "used", "maximum")
    )
