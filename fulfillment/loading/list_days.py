"""What is counted of lists that a strategy limits, as planners see it."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from fulfillment import calendars
from fulfillment.list_limits import Bucket, ListDays, members_of
from fulfillment.loading.kept import setup
from fulfillment.models import ListDay
from fulfillment.sourcing_strategy import Rules


def list_days(rules: Iterable[Rules], now: datetime) -> ListDays:
    """Of the lists that any of these strategies limits; no query where none does."""
    members = members_of(limit for one in rules for limit in one.list_limits)
    if not members:
        return ListDays()
    days = source_days({source for sources in members.values() for source in sources}, setup().sources, now)
    return ListDays(members, days, _used(members, now))


def source_days(sources: Iterable[int], setups, now: datetime) -> dict[int, date]:
    """The day, in its own zone, on which each source works on what is ordered now; one that never works is left out."""
    found = {}
    for pk in sources:
        try:
            found[pk] = calendars.capacity_day(setups[pk].schedule(), now)
        except (KeyError, calendars.NoWorkingDay):
            continue
    return found


def _used(keys: Iterable[str], now: datetime) -> Counter[Bucket]:
    rows = ListDay.objects.filter(source_list__key__in=list(keys), day__gte=now.date() - calendars.ONE_DAY)
    return Counter(
        {(key, day): used for key, day, used in rows.values_list("source_list__key", "day", "used")}
    )
