"""When a parcel will be there, pure: the quantile of a sum, not the sum of quantiles; and a level that learns.

Source: fulfillment-optimization section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fulfillment import calendars
from fulfillment.calendars import Calendar, Schedule

CONFIDENCE = 0.95
Distribution = Mapping[int, float]  # whole days or minutes -> probability; sums to 1


def distribution(observed: Sequence[tuple[int, float]], stated: int) -> dict[int, float]:
    """Probabilities from counts; nothing observed: what is stated, for certain."""
    total = sum(count for _, count in observed if count > 0)
    if not total:
        return {stated: 1.0}
    found: dict[int, float] = {}
    for value, count in observed:
        if count > 0:
            found[value] = found.get(value, 0.0) + count / total
    return dict(sorted(found.items()))


def shrunk(observed: Sequence[tuple[int, float]], prior: Distribution, strength: float) -> dict[int, float]:
    """A lane with few parcels leans on its zone: the prior counts as `strength` parcels."""
    counts = {value: share * strength for value, share in prior.items()}
    for value, count in observed:
        counts[value] = counts.get(value, 0.0) + count
    return distribution(sorted(counts.items()), 0)


def convolved(first: Distribution, second: Distribution) -> dict[int, float]:
    """The distribution of the sum of two that do not depend on each other."""
    found: dict[int, float] = {}
    for a, p in first.items():
        for b, q in second.items():
            found[a + b] = found.get(a + b, 0.0) + p * q
    return dict(sorted(found.items()))


def quantile(values: Mapping, confidence: float):
    """The smallest value that at least this share does not exceed."""
    reached = 0.0
    for value in sorted(values):
        reached += values[value]
        if reached >= confidence - 1e-9:
            return value
    return max(values)


@dataclass(frozen=True)
class Lane:
    """One source, one service, one zone. `delays`: days that the source is late with a hand-over (missed slots).

    `processing` is minutes of work with their probabilities, where they vary; none: the schedule's own.
    """

    schedule: Schedule
    carrier: Calendar
    transit: Distribution
    saturday: bool = False
    processing: Distribution | None = None
    delays: Distribution | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """`ship_on` and `deliver_on` hold with `confidence`; `expected_on` is the middle, for ourselves."""

    ship_on: date
    deliver_on: date
    expected_on: date
    confidence: float


def promise(
    lane: Lane, now: datetime, *, confidence: float = CONFIDENCE, not_before: date | None = None
) -> Promise:
    """The days of one parcel that is ordered now; `not_before`: when the goods, or capacity, are there.

    Raises calendars.NoWorkingDay when the source or the carrier never works.
    """
    ships = ship_days(lane, now, not_before)
    arrives: dict[date, float] = {}
    for shipped, share in ships.items():
        for days, part in lane.transit.items():
            day = calendars.deliver_day(lane.carrier, shipped, days, saturday=lane.saturday)
            arrives[day] = arrives.get(day, 0.0) + share * part
    return Promise(
        quantile(ships, confidence), quantile(arrives, confidence), quantile(arrives, 0.5), confidence
    )


def ship_days(lane: Lane, now: datetime, not_before: date | None = None) -> dict[date, float]:
    """Days on which the parcel leaves, with their probabilities: slots are missed, not stretched."""
    start, day = now, calendars.capacity_day(lane.schedule, now)
    if not_before is not None and not_before > day:
        day = lane.schedule.calendar.next_open(not_before)
        start = max(now, calendars.at(day, datetime.min.time(), lane.schedule.time_zone))
    found: dict[date, float] = {}
    for minutes, share in (lane.processing or {None: 1.0}).items():
        schedule = lane.schedule if minutes is None else _with(lane.schedule, minutes)
        shipped = calendars.ship_day(schedule, start, day=day)
        for late, part in (lane.delays or {0: 1.0}).items():
            moved = _later(schedule, shipped, late)
            found[moved] = found.get(moved, 0.0) + share * part
    return dict(sorted(found.items()))


def _later(schedule: Schedule, shipped: date, days: int) -> date:
    """Missing `days` days of pickups."""
    for _ in range(days):
        next_day = schedule.calendar.next_open(shipped + calendars.ONE_DAY)
        midnight = calendars.at(next_day, datetime.min.time(), schedule.time_zone)
        shipped = calendars.local(calendars.pickup_at(schedule, midnight), schedule.time_zone).date()
    return shipped


def _with(schedule: Schedule, minutes: int) -> Schedule:
    return Schedule(
        schedule.time_zone,
        schedule.calendar,
        schedule.cutoff,
        timedelta(minutes=minutes),
        schedule.pickups,
    )


# -- the level that learns ----------------------------------------------------------------------------------------

GAIN, LOWEST, HIGHEST = 0.25, 0.5, 0.999
ENOUGH_PARCELS = 200


@dataclass(frozen=True, slots=True)
class Level:
    """The confidence to ask for, so that promises hold as often as `target` says."""

    target: float = CONFIDENCE
    value: float = CONFIDENCE

    def after(self, kept: int, parcels: int) -> "Level":
        """The level after a day on which `kept` of `parcels` promises held. No parcels: as it was."""
        if not parcels:
            return self
        moved = self.value + GAIN * (self.target - kept / parcels)
        return Level(self.target, min(HIGHEST, max(LOWEST, moved)))


def level_for(levels: Mapping[tuple[str, str], tuple[Level, int]], service: str, region: str) -> Level:
    """The level of the service in a region once it has parcels enough; else of the service; else of all."""
    for key in ((service, region), (service, ""), ("", "")):
        level, parcels = levels.get(key, (None, 0))
        if level and (parcels >= ENOUGH_PARCELS or key == ("", "")):
            return level
    return Level()
