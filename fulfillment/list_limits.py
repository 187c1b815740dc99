"""Order lines a day of all sources of a list together: what is counted, what is left, which lines are above it. Pure.

A line counts once for each source that brings a part of it, for the day on which that source works on it: the day in the
source's own zone, or its next one after the cutoff. So a list whose sources lie in several zones is counted for each
date, together for all sources that have this date then.

A solve of few orders keeps what is left of each day and finds the best plan within it. One of many knows limits of single
sources only: there planners plan first, keep the lines to the list that fit, and plan the others without those sources,
with the reason. Source: reference FRO-4.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fulfillment.sourcing_strategy import LinePlan, OrderNeed

Bucket = tuple[str, date]  # key of the list, day
Bars = Mapping[int, Mapping[int, str]]  # line -> source -> reason


@dataclass(frozen=True, slots=True)
class ListLimit:
    """A constraint: at most so many order lines a day from the `sources` of the list `key` together."""

    name: str
    key: str
    sources: frozenset[int]
    most: int
    is_hard: bool = True

    @property
    def reason(self) -> str:
        return f"{self.name}: the list {self.key} takes no more than {self.most:,} order lines a day"


@dataclass
class ListDays:
    """`members`: the lists that any strategy limits; `days`: the present one of their sources; `used`: lines so far.

    Planners add to `used` what they plan, whether their strategy has a limit or not.
    """

    members: Mapping[str, frozenset[int]] = field(default_factory=dict)
    days: Mapping[int, date] = field(default_factory=dict)
    used: Counter[Bucket] = field(default_factory=Counter)

    def of(self, source: int) -> list[Bucket]:
        if source not in self.days:  # it never works again
            return []
        return [(key, self.days[source]) for key, sources in self.members.items() if source in sources]

    def lines(self, plans: Iterable["LinePlan"]) -> Counter[Bucket]:
        """What these plans count for."""
        if not self.members:
            return Counter()
        return Counter(
            bucket for plan in plans for source, _, _ in plan.allocations for bucket in self.of(source)
        )

    def take(self, plans: Iterable["LinePlan"]) -> None:
        self.used.update(self.lines(plans))

    def room(self, limit: ListLimit, day: date) -> int:
        return max(0, limit.most - self.used[limit.key, day])

    def copy(self) -> "ListDays":
        return replace(self, used=Counter(self.used))


def members_of(limits: Iterable[ListLimit]) -> dict[str, frozenset[int]]:
    return {limit.key: limit.sources for limit in limits}


def without_full(
    orders: Sequence["OrderNeed"], limits: Sequence[ListLimit], days: ListDays
) -> list["OrderNeed"]:
    """Orders that do not look at sources of a list whose day is full."""
    full = {
        source: limit.reason
        for limit in limits
        for source in limit.sources
        if source in days.days and not days.room(limit, days.days[source])
    }
    if not full:
        return list(orders)
    return barred(orders, {line.line_id: full for order in orders for line in order.lines})


def barred(orders: Sequence["OrderNeed"], bars: Bars) -> list["OrderNeed"]:
    """Orders whose lines do not look at these sources, for the reason given."""
    found = []
    for order in orders:
        if any(line.line_id in bars for line in order.lines):
            lines = [replace(line, full={**line.full, **bars.get(line.line_id, {})}) for line in order.lines]
            order = replace(order, lines=lines)
        found.append(order)
    return found


def rooms(limits: Sequence[ListLimit], days: ListDays) -> list[tuple[frozenset[int], int]]:
    """What is left of each limit's days: the sources of its list that have this day now, and lines."""
    found = []
    for limit in limits:
        for day in sorted({days.days[source] for source in limit.sources if source in days.days}):
            there = frozenset(source for source in limit.sources if days.days.get(source) == day)
            found.append((there, days.room(limit, day)))
    return found


def beside(
    places: Mapping[int, Collection[int]], limits: Sequence[ListLimit], days: ListDays
) -> dict[int, dict[int, str]]:
    """The lines that bring nothing from a list's day that these `places` fill up, with its sources and the reason."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for limit in limits:
        for there, room in rooms([limit], days):
            inside = {line: len(there.intersection(sources)) for line, sources in places.items()}
            if room and sum(inside.values()) == room:
                for line in (line for line, count in inside.items() if not count):
                    found[line].update(dict.fromkeys(there, limit.reason))
    return dict(found)


def above(
    places: Mapping[int, Collection[int]],
    limits: Sequence[ListLimit],
    days: ListDays,
    *,
    worth: Callable[[int, Collection[int]], float] = lambda line, without: 0.0,
    strictly: bool = False,
) -> dict[int, dict[int, str]]:
    """The lines that no longer fit into a list's day, with the sources that they must do without; empty: all fit.

    `places`: the sources of each line, lines in their turn. Those stay for which doing without costs most (`worth`), then
    those that come first. `strictly`: who is not in it does not come in either, so that repeating comes to an end.
    """
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for limit in limits:
        by_day: dict[date, Counter[int]] = defaultdict(Counter)
        for line, sources in places.items():
            for source in sources:
                if source in limit.sources and source in days.days:
                    by_day[days.days[source]][line] += 1
        for day, lines in by_day.items():
            room = days.room(limit, day)
            if lines.total() <= room:
                continue
            there = {source for source in limit.sources if days.days.get(source) == day}
            stay = set()
            for line in sorted(lines, key=lambda one: -worth(one, there)):
                if lines[line] <= room:
                    room -= lines[line]
                    stay.add(line)
            for line in (places if strictly else lines).keys() - stay:
                found[line].update(dict.fromkeys(there, limit.reason))
    return dict(found)


@dataclass(frozen=True, slots=True)
class ListUse:
    """What a batch adds to one day of a list: `lines`, if no more than `fits` were counted before (None: in any case).

    `most`: the limit, to be shown; None: only strategies without one plan here.
    """

    lines: int
    fits: int | None
    most: int | None


def uses(plans: Iterable["LinePlan"], days: ListDays) -> dict[Bucket, ListUse]:
    """By bucket. Lines are held to the limits that they were planned within (`LinePlan.within`); the others only count.

    Of lines with several limits those with the lower one are counted first.
    """
    if not days.members:
        return {}
    found: dict[Bucket, Counter[int | None]] = defaultdict(Counter)
    for plan in plans:
        for source, _, _ in plan.allocations:
            for bucket in days.of(source):
                found[bucket][limit_of(plan, bucket)] += 1
    answer = {}
    for bucket, lines in sorted(found.items()):
        limits, before, fits = sorted(most for most in lines if most is not None), 0, None
        for most in limits:
            before += lines[most]
            fits = most - before if fits is None else min(fits, most - before)
        answer[bucket] = ListUse(lines.total(), fits, limits[-1] if limits else None)
    return answer


def limit_of(plan: "LinePlan", bucket: Bucket) -> int | None:
    return min((limit.most for limit in plan.within if limit.key == bucket[0]), default=None)


def fitting(
    orders: Mapping[int, Mapping[int, "LinePlan"]], full: Mapping[Bucket, int], days: ListDays
) -> dict[int, "LinePlan"]:
    """The plans, whole orders in their turn, that fit into list days of which so many lines are counted (`full`)."""
    used, kept = Counter(full), {}
    for plans in orders.values():
        more = Counter({b: n for b, n in days.lines(plans.values()).items() if b in full})
        limits = {
            b: min((m for p in plans.values() if (m := limit_of(p, b)) is not None), default=None)
            for b in more
        }
        if all(limits[b] is None or used[b] + n <= limits[b] for b, n in more.items()):
            used.update(more)
            kept |= plans
    return kept


def outside(plans: Mapping[int, "LinePlan"], days: ListDays) -> dict[int, dict[int, str]]:
    """Lines that other ways than these plans keep out of lists too, so that no way needs more of a day than there is.

    `days`: as they were before the plans.
    """
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for line, plan in plans.items():
        mine = {source for source, _, _ in plan.allocations}
        for limit in plan.within:
            for day in {days.days[source] for source in limit.sources if source in days.days}:
                there = {source for source in limit.sources if days.days.get(source) == day}
                if days.room(limit, day) < len(plans) and not mine & there:
                    found[line].update(dict.fromkeys(there, limit.reason))
    return dict(found)
