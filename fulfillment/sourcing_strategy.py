"""The interface of sourcing: plain data in, plain data out, no database. An optimizer registers here beside `nearest`.

A planner gets all orders of a batch at once, with the sources, the rules of each order's strategy and what is
available, and answers a plan for each line. It never promises a unit twice: `Problem.stock` is its own copy to consume.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import Protocol

from fulfillment.list_limits import ListDays, ListLimit

DEFAULT_PLANNER = "nearest"
SOURCED, PARTLY, NOT_SOURCED = "sourced", "partly", "not_sourced"


@dataclass(frozen=True, slots=True)
class SourceFacts:
    id: int
    code: str
    name: str
    type: str = "warehouse"
    active: bool = True
    latitude: float | None = None
    longitude: float | None = None
    region: str = ""
    country: str = ""
    time_zone: str = "UTC"
    calendar_id: int | None = None
    cutoff: time | None = None
    processing_minutes: int = 0


@dataclass(frozen=True, slots=True)
class ClassBan:
    """A constraint: goods of a class do not come from sources of a type; `sources`: of these only, None: of all."""

    name: str
    ship_class: str
    source_type: str
    sources: frozenset[int] | None = None

    def holds(self, line: "LineNeed", source: SourceFacts) -> bool:
        return (line.ship_class, source.type) == (self.ship_class, self.source_type) and (
            self.sources is None or source.id in self.sources
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What a strategy allows. `source_ids` None: every active source. `rest`: what happens to what finds no source.

    With the rest `next`, the strategy `alternate` is tried for it; then what that one says of its rest counts.
    `list_limits`: hard and soft ones. `preferred`: the same with the soft constraints, which is tried first; `soft`: their
    names. None: there are no soft ones.
    """

    key: str = "default"
    source_ids: frozenset[int] | None = None
    max_distance_km: int | None = None
    max_sources: int = 5
    split_lines: bool = True
    objective: str = DEFAULT_PLANNER
    rest: str = ""
    alternate: str = ""
    version: int = 0
    bans: tuple[ClassBan, ...] = ()
    list_limits: tuple[ListLimit, ...] = ()
    preferred: "Rules | None" = None
    soft: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order is worth in minor units, and the day by which it is wanted, if any."""

    goods_minor: int = 0
    wanted_on: date | None = None


@dataclass(frozen=True, slots=True)
class LineNeed:
    """`rejected`: the sources that refused this line before, with their reason. No product: in stock everywhere.

    `source_list` is the key of the list that a policy keeps the line to, `allowed` its members; None: every source.
    `barred`: sources that the line's fulfillment method rules out, with the reason; `full`: those that take no more lines
    today. `unit_minor` is the price of a unit; None: as the order line says.
    """

    line_id: int
    product_id: int | None
    quantity: int
    fixed_source_id: int | None = None
    rejected: Mapping[int, str] = field(default_factory=dict)
    current_source_id: int | None = None
    source_list: str = ""
    allowed: frozenset[int] | None = None
    barred: Mapping[int, str] = field(default_factory=dict)
    unit_minor: int | None = None
    full: Mapping[int, str] = field(default_factory=dict)
    ship_class: str = ""

    def outside(self) -> str:
        """Why a source that is not in `allowed` is none for this line."""
        return f"not in the source list {self.source_list} that a policy keeps this line to"


@dataclass(frozen=True, slots=True)
class OrderNeed:
    """`used_sources` already bring other units of this order: they cost no further split.

    `store`: where the customer takes these lines; coordinates, region and country are those of the store then.
    `terms` None: as the order says; given for what is no order yet.
    """

    order_id: int
    lines: Sequence[LineNeed]
    latitude: float | None = None
    longitude: float | None = None
    region: str = ""
    country: str = ""
    rules: Rules = Rules()
    used_sources: frozenset[int] = frozenset()
    terms: Terms | None = None
    store: int | None = None


@dataclass(slots=True)
class Problem:
    """`stock`: available by product, then source; the planner consumes it. Without `check_stock` all have everything.

    A planner that solves appends what it was like to `reports`; `capacity_taken` is by source, beside what is recorded.
    `mode`: how much effort a batch is worth (`fast` or `deep`); empty: as much as orders that wait in a flow have time for.
    `list_days`: what is counted of lists that a strategy limits; planners add to it.
    """

    orders: Sequence[OrderNeed]
    sources: Sequence[SourceFacts]
    stock: dict[int, dict[int, int]]
    check_stock: bool = True
    reports: list = field(default_factory=list)
    capacity_taken: dict[int, int] = field(default_factory=dict)
    mode: str = ""
    list_days: ListDays = field(default_factory=ListDays)


@dataclass(frozen=True, slots=True)
class LinePlan:
    """`allocations`: (source id, quantity, km or None), nearest first; none if not sourced, fewer units than asked for
    if partly sourced: the rest is backordered.

    `candidates`: {code, available, distance_km, removed_by} of the nearest sources and of the chosen, nearest first;
    `removed`: how many sources each kind of reason took out, over all sources. `services`: source id -> code of the
    carrier's service, and `ships_on`: the day on which the last part leaves by them; where costs were compared.
    `within`: the limits of lists that it keeps.
    """

    line_id: int
    outcome: str
    allocations: tuple[tuple[int, int, int | None], ...]
    candidates: list[dict]
    removed: dict[str, int]
    sentence: str
    costs: dict[str, int] | None = None
    version: int | None = None
    relaxed: list[str] | None = None
    report: int | None = None
    rest: str = ""
    ships_on: date | None = None
    services: Mapping[int, str] = field(default_factory=dict)
    within: tuple[ListLimit, ...] = ()

    @property
    def units(self) -> int:
        return sum(units for _, units, _ in self.allocations)


def left_over(orders: Sequence[OrderNeed], plans: Mapping[int, LinePlan]) -> list[OrderNeed]:
    """The lines that got nothing so far, with the sources that their order uses by now."""
    found, used = [], _used(orders, plans)
    for order in orders:
        left = [line for line in order.lines if plans[line.line_id].outcome == NOT_SOURCED]
        if left:
            found.append(replace(order, lines=left, used_sources=order.used_sources | used[order.order_id]))
    return found


def remainder(orders: Sequence[OrderNeed], plans: Mapping[int, LinePlan]) -> list[OrderNeed]:
    """As `left_over`, with what is missing of lines that got some of their units."""
    found, used = [], _used(orders, plans)
    for order in orders:
        left = [
            replace(line, quantity=missing)
            for line in order.lines
            if (missing := line.quantity - plans[line.line_id].units)
        ]
        if left:
            found.append(replace(order, lines=left, used_sources=order.used_sources | used[order.order_id]))
    return found


def _used(orders: Iterable[OrderNeed], plans: Mapping[int, LinePlan]) -> dict[int, set[int]]:
    """Sources by order id, whatever place its lines go to."""
    found: dict[int, set[int]] = defaultdict(set)
    for order in orders:
        for line in order.lines:
            found[order.order_id].update(source for source, _, _ in plans[line.line_id].allocations)
    return found


def joined(first: LinePlan, second: LinePlan) -> LinePlan:
    """The plan of a line and that of what it left, as one; the first alone where nothing was found for the rest.

    Sentence and table are those of the rest.
    """
    if not first.allocations or not second.allocations:
        return first if first.allocations else second
    units: dict[int, int] = {}
    km: dict[int, int | None] = {}
    for source, count, far in (*first.allocations, *second.allocations):
        units[source], km[source] = units.get(source, 0) + count, far
    costs = dict(first.costs or {})
    for name, cents in (second.costs or {}).items():
        costs[name] = costs.get(name, 0) + cents
    days = [plan.ships_on for plan in (first, second) if plan.ships_on]
    return replace(
        second,
        allocations=tuple(sorted(((s, n, km[s]) for s, n in units.items()), key=lambda one: (one[2] is None, one[2] or 0))),
        costs=costs or None,
        sentence=f"{first.units:,} within all constraints, {second.units:,} more: {second.sentence}"[:300],
        ships_on=max(days, default=None),
        services={**first.services, **second.services},
    )  # fmt: skip


class Planner(Protocol):
    def plan(self, problem: Problem) -> dict[int, LinePlan]:
        """One plan for each line of the problem, by line id."""
        ...


_planners: dict[str, Planner] = {}
_own: dict[str, Planner] = {}


def register(objective: str, planner: Planner) -> None:
    """Let strategies of this objective be planned by this planner."""
    _planners[objective] = planner


def register_for(strategy_key: str, planner: Planner) -> None:
    """Let one strategy be planned by a planner of its own, whatever its objective says: for installed apps."""
    _own[strategy_key] = planner


def planner_for(strategy_key: str, objective: str = DEFAULT_PLANNER) -> Planner:
    """The planner of its own that a strategy has, or else its objective's; those without one are planned by `nearest`."""
    return _own.get(strategy_key) or _planners.get(objective) or _planners[DEFAULT_PLANNER]
