"""Order lines a day of lists, counted under concurrency: one conditional UPDATE a day, so that nobody gets above the limit.

Days of lists are counted before days of sources, each in one order, so two committers do not wait for each other.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from fulfillment.list_limits import Bucket, ListUse
from fulfillment.locks import LIST_DAYS
from fulfillment.models import ListDay, ListDayUse, SourceList
from iom.lib import bulk, lock_order

USE = ("list_day", "fulfillment_order", "lines")


def take(uses: Mapping[Bucket, ListUse]) -> dict[Bucket, int]:
    """Count all of it or, where one day has no room, nothing. Returns the days without room, with what is counted there.

    What was looked at stays locked until the transaction ends, so a plan made again finds it.
    """
    if not uses:
        return {}
    lock_order.lock(LIST_DAYS)
    rows, counted, full = _rows(uses), [], {}
    for bucket, pk in rows:
        if _count(pk, uses[bucket]):
            counted.append((pk, uses[bucket].lines))
        else:
            day = ListDay.objects.select_for_update(no_key=True).only("used").get(pk=pk)
            full[bucket] = day.used
    if full:
        undo(counted)
    return full


def _rows(uses: Mapping[Bucket, ListUse]) -> list[tuple[Bucket, int]]:
    """With its row, which is made where there is none, in the order in which all count."""
    lists = dict(SourceList.objects.filter(key__in={key for key, _ in uses}).values_list("key", "pk"))
    wanted = sorted((lists[key], day) for key, day in uses if key in lists)
    bulk.insert(ListDay, ("source_list", "day"), wanted, skip_conflicts=True)
    found = ListDay.objects.filter(source_list__in=lists.values(), day__in={day for _, day in uses}).order_by(
        "source_list", "day"
    )
    rows = found.values_list("pk", "source_list__key", "day")
    return [((key, day), pk) for pk, key, day in rows if (key, day) in uses]


def _count(pk: int, use: ListUse) -> bool:
    row = ListDay.objects.filter(pk=pk)
    if use.fits is not None:
        if use.fits < 0:
            return False
        row = row.filter(used__lte=use.fits)
    values = {} if use.most is None else {"maximum": use.most}
    return bool(row.update(used=F("used") + use.lines, **values))


def undo(counted: Collection[tuple[int, int]]) -> None:
    for pk, lines in counted:
        ListDay.objects.filter(pk=pk).update(used=F("used") - lines)


def give_back_all(uses: Mapping[Bucket, ListUse]) -> None:
    """What `take` counted in this transaction."""
    undo([(pk, uses[bucket].lines) for bucket, pk in _rows(uses)] if uses else [])


def write(parts: Collection[tuple[Bucket, int, int]]) -> None:
    """Which fulfillment order counts for how many lines: (list and day, fulfillment order, lines)."""
    if not parts:
        return
    rows = ListDay.objects.filter(
        source_list__key__in={key for (key, _), _, _ in parts}, day__in={day for (_, day), _, _ in parts}
    ).values_list("source_list__key", "day", "pk")
    ids = {(key, day): pk for key, day, pk in rows}
    known = [(ids[bucket], work, lines) for bucket, work, lines in parts if bucket in ids]
    bulk.insert(ListDayUse, USE, known)


def give_back(lost: Mapping[int, int | None]) -> None:
    """Fulfillment order -> lines that it no longer brings (None: nothing any more); called twice it gives back once."""
    today = timezone.now().date() - timedelta(days=1)
    rows = ListDayUse.objects.filter(
        fulfillment_order_id__in=lost, list_day__day__gte=today, lines__gt=0
    ).order_by("list_day__source_list", "list_day__day", "pk")
    freed: Counter[int] = Counter()
    left = []
    for pk, day, work, lines in rows.values_list("pk", "list_day_id", "fulfillment_order_id", "lines"):
        less = lines if lost[work] is None else min(lines, lost[work])
        freed[day] += less
        left.append((pk, lines - less))
    if freed:
        lock_order.lock(LIST_DAYS)
        undo(list(freed.items()))
        bulk.update(ListDayUse, "pk", ("lines",), left)
