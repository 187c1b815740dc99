"""Since when the units of a planned line are there, and when they leave. Source: reference ATP-5."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from fulfillment import shipping_setup
from fulfillment.calendars import Calendar, NoWorkingDay, Schedule, local, ship_day
from fulfillment.sourcing_strategy import LinePlan, SourceFacts

Dates = tuple[date | None, date | None]


def dates_of(
    plans: Mapping[int, LinePlan], sources: Mapping[int, SourceFacts], now: datetime
) -> dict[int, Dates]:
    """By line: the local day at its farthest source, as stock is on hand, and the day on which its last part leaves.

    Where no carrier was chosen, the source's own working day says when; three queries then, if sources have calendars.
    """
    plain = {pk for plan in plans.values() if plan.ships_on is None for pk, *_ in plan.allocations}
    leaves = _ship_days([sources[pk] for pk in sorted(plain)], now) if plain else {}
    today: dict[str, date] = {}
    found: dict[int, Dates] = {}
    for line, plan in plans.items():
        places = [pk for pk, *_ in plan.allocations]
        for pk in places:
            zone = sources[pk].time_zone
            if zone not in today:
                today[zone] = local(now, zone).date()
        here = max((today[sources[pk].time_zone] for pk in places), default=None)
        days = [leaves[pk] for pk in places if leaves.get(pk)]
        found[line] = (here, plan.ships_on or max(days, default=None))
    return found


def _ship_days(sources: Sequence[SourceFacts], now: datetime) -> dict[int, date]:
    """Those that never work are left out; sources that work alike share the arithmetic."""
    calendars = shipping_setup.calendars_by_id() if any(source.calendar_id for source in sources) else {}
    known: dict[tuple, date | None] = {}
    found = {}
    for source in sources:
        key = (source.time_zone, source.calendar_id, source.cutoff, source.processing_minutes)
        if key not in known:
            known[key] = _ship_day(source, calendars.get(source.calendar_id, shipping_setup.ALWAYS_OPEN), now)
        if known[key]:
            found[source.id] = known[key]
    return found


def _ship_day(source: SourceFacts, calendar: Calendar, now: datetime) -> date | None:
    work = timedelta(minutes=source.processing_minutes)
    try:
        return ship_day(Schedule(source.time_zone, calendar, source.cutoff, work), now)
    except NoWorkingDay:
        return None
