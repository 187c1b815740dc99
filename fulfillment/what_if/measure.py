"""What a plan comes to, line by line: its cost by component, where it comes from, whether it is late.

A plan by cost brings its cost along. One by the nearest sources has none: its parcels are priced here, each by its
cheapest service, with the same functions that count a plan by cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fulfillment.loading import Facts, Loaded, load
from fulfillment.optimizer import COMPONENTS
from fulfillment.optimizer.costing import Shipped, parcel_components
from fulfillment.optimizer.parcels import billable, great_circle, usable
from fulfillment.optimizer.problem import Problem
from fulfillment.planner_optimizer import shares
from fulfillment.sourcing_strategy import LineNeed, OrderNeed
from fulfillment.strategy_costs import costs_of
from fulfillment.strategy_document import LiveStrategy
from fulfillment.what_if.play import Played

MONEY = ("carrier", "handling", "units", "opportunity", "rejection", "lateness", "overtime")
# What steers a plan and is paid to nobody. Not shipping a unit is so dear that it would drown all the rest: it is told
# in lines and units.
STEERING = ("distance", "split", "soft", "unfilled")
NOT_OFFERED = 2**62
Allocations = tuple[tuple[int, int, int | None], ...]  # source, units, km


@dataclass(slots=True)
class Outcome:
    """Of one line. `costs` in cents, None where there is no price; `late`: a parcel arrives after what was promised."""

    line: int
    order: int
    wanted: int
    allocations: Allocations
    costs: dict[str, int] | None = None
    late: bool = False
    relaxed: list[str] | None = None
    report: int | None = None

    @property
    def units(self) -> int:
        return sum(units for _, units, _ in self.allocations)

    @property
    def money(self) -> int:
        """Cents of what is shipped, without what only steers the plan."""
        return sum(cents for name, cents in (self.costs or {}).items() if name in MONEY)

    def places(self) -> dict[int, int]:
        """Units by source."""
        return {source: units for source, units, _ in self.allocations}


@dataclass(frozen=True, eq=False)
class Parcels:
    """Parcels of a Loaded: as `Shipped`, with their cents by component."""

    loaded: Loaded
    shipped: Shipped
    components: np.ndarray
    late: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    parcel_node = property(lambda self: self.shipped.node)
    alloc_parcel = property(lambda self: self.shipped.alloc_parcel)
    alloc_line = property(lambda self: self.shipped.alloc_line)
    alloc_quantity = property(lambda self: self.shipped.alloc_quantity)

    def late_lines(self) -> set[int]:
        rows = self.shipped.alloc_line[self.late[self.shipped.alloc_parcel]]
        return {self.loaded.lines[row].line_id for row in rows.tolist()}


def outcomes(played: Played) -> dict[int, Outcome]:
    """By line, of every plan of a call."""
    found, unpriced = {}, {}
    for need in played.needs:
        for line in need.lines:
            plan = played.plans[line.line_id]
            one = Outcome(line.line_id, need.order_id, line.quantity, plan.allocations, relaxed=plan.relaxed,
                          report=plan.report)  # fmt: skip
            one.costs = dict(plan.costs or {}) if plan.report is not None else None
            found[line.line_id] = one
            if plan.report is None:
                unpriced[line.line_id] = plan.allocations
    late = {line for report in played.reports for line in _of_report(report).late_lines()}
    for line in late:
        found[line].late = found[line].units > 0
    price(played, unpriced, found)
    unfilled(played, found.values())
    return found


def price(played: Played, allocations: Mapping[int, Allocations], found: Mapping[int, Outcome]) -> None:
    """Fill in cost and lateness of lines that were planned without; those that no rate fits stay without."""
    by_strategy: dict[str, list[OrderNeed]] = defaultdict(list)
    for need in played.needs:
        lines = [line for line in need.lines if line.line_id in allocations and line.product_id]
        if lines and need.latitude is not None and need.longitude is not None:
            by_strategy[need.rules.key].append(_only(need, lines))
    for key, needs in by_strategy.items():
        strategy = played.known.strategies.get(key) or PLAIN
        for line, (costs, late) in _priced(played.known, needs, allocations, strategy).items():
            found[line].costs, found[line].late = costs, late


PLAIN = LiveStrategy("", 0, False, {"weights": {}, "constraints": []})


def _only(need: OrderNeed, lines: Sequence[LineNeed]) -> OrderNeed:
    return replace(need, lines=lines)


def _priced(
    known: Facts, needs: Sequence[OrderNeed], allocations: Mapping[int, Allocations], strategy: LiveStrategy
) -> dict[int, tuple[dict[str, int], bool]]:
    stock: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for need in needs:
        for line in need.lines:
            for source, units, _ in allocations[line.line_id]:
                stock[line.product_id][source] += units
    loaded = load(known, needs, stock, strategy)
    shipped, bad = _shipped(loaded, allocations)
    parcels = Parcels(loaded, shipped, parcel_components(loaded.problem, shipped), late_of(loaded.problem, shipped))  # fmt: skip
    _, costs = shares(parcels)
    late = parcels.late_lines()
    return {
        line.line_id: (dict(costs[row]), line.line_id in late)
        for row, line in enumerate(loaded.lines)
        if line.line_id not in bad
    }


def _shipped(loaded: Loaded, allocations: Mapping[int, Allocations]) -> tuple[Shipped, set[int]]:
    """A parcel for each order and source, by its cheapest service; and the lines that no rate or no place fits."""
    place = {row["pk"]: n for n, row in enumerate(loaded.nodes)}
    order_of = loaded.problem.line_order().tolist()
    parcels: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    bad = set()
    for row, line in enumerate(loaded.lines):
        for source, units, _ in allocations[line.line_id]:
            if source in place:
                parcels[order_of[row], place[source]].append((row, units))
            else:
                bad.add(line.line_id)
    keys = sorted(parcels)
    order = np.array([key[0] for key in keys], np.int64)
    node = np.array([key[1] for key in keys], np.int64)
    goods = [(n, row, units) for n, key in enumerate(keys) for row, units in parcels[key]]
    alloc = np.array(goods, np.int64).reshape(-1, 3)
    service, fits = _cheapest(loaded.problem, order, node, alloc)
    kept = fits[alloc[:, 0]]
    bad |= {loaded.lines[row].line_id for row in alloc[~kept, 1].tolist()}
    renumbered = np.cumsum(fits) - 1
    return Shipped(order[fits], node[fits], service[fits], renumbered[alloc[kept, 0]], alloc[kept, 1], alloc[kept, 2]), bad  # fmt: skip


def _cheapest(problem: Problem, order: np.ndarray, node: np.ndarray, alloc: np.ndarray):
    """Service by parcel (rate and lateness count), and whether any takes it."""
    grams, volume, sku = (
        np.zeros(len(order), np.int64),
        np.zeros(len(order), np.int64),
        problem.lines.sku[alloc[:, 1]],
    )
    np.add.at(grams, alloc[:, 0], problem.skus.grams[sku] * alloc[:, 2])
    np.add.at(volume, alloc[:, 0], problem.skus.volume_mm3[sku] * alloc[:, 2])
    distance = great_circle(problem, problem.orders.destination[order], node)
    best, service = np.full(len(order), NOT_OFFERED), np.zeros(len(order), np.int64)
    steps = problem.services.rate_cents.shape[2]
    for one in range(problem.sizes["V"]):
        zone = np.searchsorted(problem.services.zone_limits[one], distance, side="left")
        step = billable(problem, grams, volume, one)
        rate = problem.services.rate_cents[one, zone, np.minimum(step, steps - 1)]
        runs = usable(problem, order, node, one) & (distance <= problem.services.max_distance[one])
        slack = _slack(problem, order, node, one, zone)
        chance = problem.services.late_ppm[one, np.clip(slack, -2, 3) + 2]
        cost = rate + (chance * problem.orders.late_cents[order] + 500_000) // 1_000_000
        better = runs & (rate >= 0) & (step < steps) & (cost < best)
        best, service = np.where(better, cost, best), np.where(better, one, service)
    return service, best < NOT_OFFERED


def _slack(problem: Problem, order, node, service, zone) -> np.ndarray:
    away = problem.nodes.processing_days[node] + problem.ready_days[node, service]
    return problem.orders.days_left[order] - away - problem.services.transit_days[service, zone]


def late_of(problem: Problem, shipped: Shipped) -> np.ndarray:
    """By parcel: does it arrive after the promised day, by the stated transit days."""
    late = np.zeros(len(shipped.order), bool)
    distance = great_circle(problem, problem.orders.destination[shipped.order], shipped.node)
    for service in np.unique(shipped.service):
        at = np.flatnonzero(shipped.service == service)
        zone = np.searchsorted(problem.services.zone_limits[service], distance[at], side="left")
        late[at] = _slack(problem, shipped.order[at], shipped.node[at], service, zone) < 0
    return late


def _of_report(report) -> Parcels:
    solution = report.solution
    shipped = Shipped(
        solution.parcel_order, solution.parcel_node, solution.parcel_service, solution.alloc_parcel,
        solution.alloc_line, solution.alloc_quantity,
    )  # fmt: skip
    return Parcels(report.loaded, shipped, solution.components, late_of(report.loaded.problem, shipped))


def unfilled(played: Played, found: Iterable[Outcome]) -> None:
    """Add what the units cost that are not shipped, as their strategy says."""
    strategies = played.known.strategies
    costs = {
        need.order_id: costs_of((strategies.get(need.rules.key) or PLAIN).document) for need in played.needs
    }
    for one in found:
        if one.costs is not None and (missing := one.wanted - one.units) > 0:
            one.costs["unfilled"] = missing * costs[one.order].unfilled(played.known.prices[one.line])


def overtime(played: Played, lines: Iterable[Outcome]) -> int:
    """Cents of overtime of the solves that these lines are in; a day's overtime is nobody's alone."""
    reports = {one.report for one in lines} - {None}
    return sum(int(played.reports[n].solution.overtime_cents.sum()) for n in reports)


assert set(MONEY) | set(STEERING) == set(COMPONENTS)
