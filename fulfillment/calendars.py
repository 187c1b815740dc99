"""Days and slots of sources and carriers, pure: hours, holidays, cutoffs, pickups, each in its own time zone.

Moments come and go as aware datetimes; the arithmetic is on local wall time, so a day on which the clocks change has
23 or 25 hours and the cutoff is still at 14:00.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

HORIZON_DAYS = 400  # what has no slot within so many days has none
ONE_DAY = timedelta(days=1)
Stretch = tuple[time, time]


class NoWorkingDay(ValueError):
    """The calendar is closed for longer than anybody plans ahead."""


@lru_cache(256)
def holidays_of(country: str, region: str, year: int) -> frozenset[date]:
    """Public holidays of a country, or of a part of it; a country that is not known has none."""
    if not country:
        return frozenset()
    try:
        return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError:
        return frozenset()


@dataclass(frozen=True)
class Calendar:
    """Hours by weekday (0 is Monday), and dates that differ: their stretches, none where closed.

    No hours at all: open round the clock on every day that is neither a holiday nor closed by a date of its own.
    """

    hours: Mapping[int, tuple[Stretch, ...]] = field(default_factory=dict)
    days: Mapping[date, tuple[Stretch, ...]] = field(default_factory=dict)
    country: str = ""
    region: str = ""

    def stretches(self, day: date) -> tuple[Stretch, ...]:
        if day in self.days:
            return self.days[day]
        if day in holidays_of(self.country, self.region, day.year):
            return ()
        return self.hours.get(day.weekday(), ()) if self.hours else ((time.min, time.max),)

    def is_open(self, day: date) -> bool:
        return bool(self.stretches(day))

    def next_open(self, day: date) -> date:
        """This day or the first open one after it; raises NoWorkingDay."""
        for _ in range(HORIZON_DAYS):
            if self.is_open(day):
                return day
            day += ONE_DAY
        raise NoWorkingDay(f"No working day in the {HORIZON_DAYS} days before {day}.")

    def add_days(self, day: date, count: int) -> date:
        """The working day that comes `count` working days after this day; 0: this day or the first after it."""
        day = self.next_open(day)
        for _ in range(count):
            day = self.next_open(day + ONE_DAY)
        return day


MONDAY_TO_FRIDAY = Calendar(dict.fromkeys(range(5), ((time.min, time.max),)))


@dataclass(frozen=True)
class Schedule:
    """What says when a source hands parcels over. `pickups`: weekday -> times of one carrier; none: whenever ready.

    `processing` is work from acceptance to hand-over and counts only while the source is open.
    """

    time_zone: str = "UTC"
    calendar: Calendar = Calendar()
    cutoff: time | None = None
    processing: timedelta = timedelta(0)
    pickups: Mapping[int, tuple[time, ...]] = field(default_factory=dict)


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name or "UTC")


def local(moment: datetime, time_zone: str) -> datetime:
    return moment.astimezone(zone(time_zone))


def at(day: date, wall: time, time_zone: str) -> datetime:
    """The moment of a wall time. One that the clocks skip is read with the offset before; of a doubled one the first."""
    return datetime.combine(day, wall, zone(time_zone)).astimezone(UTC)


def capacity_day(schedule: Schedule, now: datetime) -> date:
    """The local day whose capacity an order takes that comes now: today before the cutoff, else the next open one."""
    here = local(now, schedule.time_zone)
    today, limit = here.date(), _cutoff(schedule, here.date())
    if schedule.calendar.is_open(today) and limit is not None and here.time() < limit:
        return today
    return schedule.calendar.next_open(today + ONE_DAY)


def _cutoff(schedule: Schedule, day: date) -> time | None:
    """The cutoff of that day: never after the last closing; None when closed."""
    stretches = schedule.calendar.stretches(day)
    if not stretches:
        return None
    closing = max(end for _, end in stretches)
    return closing if schedule.cutoff is None else min(schedule.cutoff, closing)


def ready_at(schedule: Schedule, now: datetime, *, day: date | None = None) -> datetime:
    """When the order is packed: work begins now or when its day opens, and runs through open hours only."""
    day = day or capacity_day(schedule, now)
    left = schedule.processing
    here = local(now, schedule.time_zone)
    start = here.time() if here.date() == day else time.min
    for begin, end in open_spans(schedule, day, start):
        begin = max(begin, now.astimezone(UTC))
        if begin + left <= end:
            return begin + left
        left -= max(end - begin, timedelta(0))
    raise NoWorkingDay("The source is not open long enough to do the work.")


def open_spans(schedule: Schedule, day: date, start: time = time.min) -> Iterator[tuple[datetime, datetime]]:
    """Open stretches as moments, from a local day and wall time on."""
    for offset in range(HORIZON_DAYS):
        at_day = day + offset * ONE_DAY
        for begin, end in schedule.calendar.stretches(at_day):
            begin = max(begin, start) if offset == 0 else begin
            if begin < end:
                yield at(at_day, begin, schedule.time_zone), _end_of(at_day, end, schedule.time_zone)


def _end_of(day: date, end: time, time_zone: str) -> datetime:
    """`time.max` stands for midnight."""
    return at(day + ONE_DAY, time.min, time_zone) if end == time.max else at(day, end, time_zone)


def pickup_at(schedule: Schedule, ready: datetime) -> datetime:
    """The first pickup that is not before `ready`; on a closed day nobody comes. Without pickups: when ready.

    Being a minute late for the last one of a day costs the whole way to the next.
    """
    if not any(schedule.pickups.values()):
        return ready
    here = local(ready, schedule.time_zone)
    for offset in range(HORIZON_DAYS):
        day = here.date() + offset * ONE_DAY
        if not schedule.calendar.is_open(day):
            continue
        for wall in sorted(schedule.pickups.get(day.weekday(), ())):
            if (moment := at(day, wall, schedule.time_zone)) >= ready:
                return moment
    raise NoWorkingDay("No pickup comes on a day on which the source is open.")


def ship_day(schedule: Schedule, now: datetime, *, day: date | None = None) -> date:
    """The local day on which the parcel leaves."""
    return local(pickup_at(schedule, ready_at(schedule, now, day=day)), schedule.time_zone).date()


def ready_days(schedule: Schedule, now: datetime) -> int:
    """Days between today, in the source's zone, and the day the parcel leaves."""
    return (ship_day(schedule, now) - local(now, schedule.time_zone).date()).days


def deliver_day(carrier: Calendar, shipped: date, transit_days: int, *, saturday: bool = False) -> date:
    """The day a parcel arrives: transit counts the carrier's working days after the day it left.

    With Saturday delivery the last of them may be a Saturday, although the carrier does not drive on others.
    """
    if transit_days == 0:
        return shipped
    day = shipped
    for left in range(transit_days, 0, -1):
        day += ONE_DAY
        while not carrier.is_open(day) and not (saturday and left == 1 and day.weekday() == 5):
            if (day - shipped).days > HORIZON_DAYS:
                raise NoWorkingDay("The carrier does not work for more than a year.")
            day += ONE_DAY
    return day


@lru_cache(4096)
def merged(pickups: tuple[tuple[int, time], ...]) -> Mapping[int, tuple[time, ...]]:
    """(weekday, time) pairs as a table of ascending times; equal pairs give the same table, which nobody changes."""
    found: dict[int, set[time]] = {}
    for weekday, wall in pickups:
        found.setdefault(weekday, set()).add(wall)
    return {weekday: tuple(sorted(times)) for weekday, times in sorted(found.items())}
