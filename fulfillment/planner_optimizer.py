"""The optimizer behind the sourcing interface: strategies whose objective is cost.

All constraints first; what finds no source then without the soft ones. Orders without coordinates, and lines that name
no product, go by the nearest planner: there is no carrier cost to compare.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property, partial
from time import perf_counter

from django.utils import timezone

from fulfillment import list_limits, several_places
from fulfillment.list_limits import ListDays, ListLimit
from fulfillment.loading import Facts, Loaded, facts, load, planned_together
from fulfillment.nearest import NearestPlanner
from fulfillment.optimizer import COMPONENTS, Solution, solve
from fulfillment.sourcing_strategy import (
    NOT_SOURCED,
    PARTLY,
    SOURCED,
    LineNeed,
    LinePlan,
    OrderNeed,
    Problem,
    joined,
    register,
    remainder,
)
from fulfillment.standing import Standing
from fulfillment.strategy_document import LiveStrategy, gives_way

SINGLE = 1
WHOLE = "the order goes whole or not at all"
QUICK_TURNS = 3  # of planning anew for the limits of lists; then lines that are outside stay outside


@dataclass
class Report:
    """What one solve was like, for its SourcingRun."""

    loaded: Loaded
    solution: Solution
    total_ms: int
    relaxed: list[str] = field(default_factory=list)


def facts_now(orders: Sequence[OrderNeed]) -> Facts:
    return facts(orders, timezone.now())


@dataclass(frozen=True)
class CostPlanner:
    """Registered for the objective `cost`. The world as it is now, unless somebody plans in another one."""

    facts_of: Callable[[Sequence[OrderNeed]], Facts] = facts_now

    def plan(self, problem: Problem) -> dict[int, LinePlan]:
        plain = [order for order in problem.orders if not has_price(order, problem)]
        plans = NearestPlanner().plan(replace(problem, orders=plain)) if plain else {}
        priced = [order for order in problem.orders if has_price(order, problem)]
        return plans | (_Batch(problem, priced, self.facts_of(priced)).run() if priced else {})


def has_price(order: OrderNeed, problem: Problem) -> bool:
    """Is known where it goes and what is in it, so that carriers can be compared."""
    known = order.latitude is not None and order.longitude is not None
    return known and problem.check_stock and all(line.product_id for line in order.lines)


class _Batch:
    def __init__(self, problem: Problem, orders: Sequence[OrderNeed], known: Facts) -> None:
        self.problem, self.orders, self.known = problem, orders, known
        self.names = {source.id: source.name for source in problem.sources}
        self.plans: dict[int, LinePlan] = {}
        self.taken = problem.capacity_taken

    def run(self) -> dict[int, LinePlan]:
        groups = defaultdict(list)
        for order in self.orders:
            groups[self._together(order)].append(order)
        for orders in groups.values():
            self._solve(orders, relaxed=False)
            by_strategy = defaultdict(list)
            for order in orders:
                by_strategy[order.rules.key].append(order)
            for key, mine in by_strategy.items():
                self._relax(self._strategy(key), mine)
        return self.plans

    def _strategy(self, key: str) -> LiveStrategy:
        return self.known.strategies.get(key) or self.known.strategies[""]

    @cached_property
    def _shared(self) -> dict[str, str]:
        """Strategies that may share a solve have one value; day limits of lists are settled for one strategy at a time."""
        limited = {order.rules.key for order in self.orders if order.rules.list_limits}
        today = self.known.now.date()
        return {
            key: key if key in limited else planned_together(self._strategy(key), today)
            for key in {order.rules.key for order in self.orders}
        }

    def _together(self, order: OrderNeed) -> str:
        return self._shared[order.rules.key]

    def _relax(self, strategy: LiveStrategy, orders: Sequence[OrderNeed]) -> None:
        """What got nothing or too little, without the soft constraints."""
        today = self.known.now.date()
        soft = [row["name"] for row in strategy.document["constraints"] if gives_way(row, today)]
        if soft and (rest := remainder(orders, self.plans)):
            first = {line.line_id: self.plans[line.line_id] for order in rest for line in order.lines}
            self._solve(rest, relaxed=True, soft=soft)
            self.plans |= {pk: joined(plan, self.plans[pk]) for pk, plan in first.items()}

    def _solve(self, orders: Sequence[OrderNeed], *, relaxed: bool, soft: Sequence[str] = ()) -> None:
        began = perf_counter()
        limits = tuple(limit for limit in orders[0].rules.list_limits if limit.is_hard or not relaxed)
        loaded, solution = self._within_lists(orders, limits, relaxed)
        report = Report(loaded, solution, 0, list(soft))
        self.problem.reports.append(report)
        _Answer(self, report, limits).write()
        report.total_ms = round(1000 * (perf_counter() - began))

    def _within_lists(self, orders, limits, relaxed: bool) -> tuple[Loaded, Solution]:
        """Solved anew until the rest fits: without the lines that their lists take no more of, and without what else goes
        elsewhere of orders that go whole or not at all.
        """
        days, turn = self.problem.list_days, 0
        orders = list_limits.without_full(orders, limits, days)
        strategies = {key: self._strategy(key) for key in {order.rules.key for order in orders}}
        while True:
            loaded = load(
                self.known, orders, self.problem.stock, self._strategy(orders[0].rules.key), relaxed=relaxed,
                taken=self.taken, others=strategies, together=list_limits.rooms(limits, days),
            )  # fmt: skip
            usual = "single" if len(orders) <= SINGLE else "quick"
            solution = solve(loaded.problem, self.problem.mode or usual)
            if torn := _torn(loaded, solution, [source["pk"] for source in self.known.sources]):
                orders = list_limits.barred(orders, torn)
                continue
            if scattered := self._scattered(loaded, solution):
                orders = list_limits.barred(orders, scattered)
                continue
            if not limits:
                return loaded, solution
            bars = _above(loaded, solution, limits, days, strictly=turn >= QUICK_TURNS)
            if not bars and not turn:  # full, but not too full: planned once more to say so to the others
                bars = list_limits.beside(_places(loaded, solution), limits, days)
            if not bars:
                return loaded, solution
            orders, turn = list_limits.barred(orders, bars), turn + 1

    def _scattered(self, loaded: Loaded, solution: Solution) -> list_limits.Bars:
        """Orders that go to several places and, all together, take more sources than they may."""
        several = several_places.parts(loaded.orders)
        if not several:
            return {}
        places, bars = _places(loaded, solution), {}
        room = loaded.problem.orders.max_parcels.tolist()
        most = {
            order.order_id: room[row] + len(order.used_sources) for row, order in enumerate(loaded.orders)
        }
        for pk, needs in several.items():
            bars |= several_places.above(needs, places, self.problem, most[pk])
        return bars


def _torn(loaded: Loaded, solution: Solution, sources: Sequence[int]) -> dict[int, dict[int, str]]:
    """Lines of whole orders of which a part that goes elsewhere got nothing or too little; with all sources and the reason."""
    complete, missing = loaded.problem.orders.complete.tolist(), solution.unfilled_quantity.tolist()
    rows = defaultdict(list)
    for row, order in enumerate(loaded.orders):
        rows[order.order_id].append(row)
    several = {order: parts for order, parts in rows.items() if len(parts) > 1 and complete[parts[0]]}
    if not several:
        return {}
    start, quantity = loaded.problem.orders.line_start.tolist(), loaded.problem.lines.quantity.tolist()
    found: dict[int, dict[int, str]] = {}
    for parts in several.values():
        lines = [line for row in parts for line in range(start[row], start[row + 1])]
        short = any(missing[line] for line in lines)
        if short and any(missing[line] < quantity[line] for line in lines):
            found |= {loaded.lines[line].line_id: dict.fromkeys(sources, WHOLE) for line in lines}
    return found


def _places(loaded: Loaded, solution: Solution) -> dict[int, list[int]]:
    """The sources of each line."""
    parts, _ = shares(solution)
    return {
        line.line_id: [loaded.nodes[node]["pk"] for node in parts.get(row, ())]
        for row, line in enumerate(loaded.lines)
    }


def _above(
    loaded: Loaded, solution: Solution, limits: Sequence[ListLimit], days: ListDays, *, strictly: bool
) -> dict[int, dict[int, str]]:
    """Lines that their lists take no more of; those stay for which another source would be dearest."""
    standing = cache(partial(Standing, loaded, solution))

    def worth(line: int, without: Collection[int]) -> int:
        return standing().dearer_without(line, without)

    return list_limits.above(_places(loaded, solution), limits, days, worth=worth, strictly=strictly)


def shares(parcels) -> tuple[dict[int, dict[int, int]], dict[int, dict[str, int]]]:
    """By line row: units by node, and the cents of its parcels, shared by units so that they add up to the cent.

    `parcels` has parcel_node, components, alloc_parcel, alloc_line and alloc_quantity, as a Solution does.
    """
    parts, costs = defaultdict(dict), defaultdict(lambda: defaultdict(int))
    by_parcel = defaultdict(list)
    for parcel, line, units in zip(
        parcels.alloc_parcel.tolist(), parcels.alloc_line.tolist(), parcels.alloc_quantity.tolist(), strict=True
    ):  # fmt: skip
        by_parcel[parcel].append((line, units))
    nodes, cents = parcels.parcel_node.tolist(), parcels.components.tolist()
    for parcel, rows in by_parcel.items():
        whole, done = sum(units for _, units in rows), 0
        for line, units in rows:
            held = parts[line]
            held[nodes[parcel]] = held.get(nodes[parcel], 0) + units
            for name, total in zip(COMPONENTS, cents[parcel], strict=True):
                if share := total * (done + units) // whole - total * done // whole:
                    costs[line][name] += share
            done += units
    return parts, costs


def services_of(parcels) -> dict[tuple[int, int], int]:
    """(line row, node) -> service row."""
    nodes = parcels.parcel_node[parcels.alloc_parcel].tolist()
    services = parcels.parcel_service[parcels.alloc_parcel].tolist()
    return dict(zip(zip(parcels.alloc_line.tolist(), nodes, strict=True), services, strict=True))


class _Answer:
    """One solution as line plans; takes stock and capacity from what the next strategy sees."""

    def __init__(self, batch: _Batch, report: Report, limits: tuple[ListLimit, ...]) -> None:
        self.batch, self.report, self.limits = batch, report, limits
        self.loaded, self.solution = report.loaded, report.solution
        self.standing = Standing(report.loaded, report.solution)
        self.parts, self.costs = shares(report.solution)
        self.services = services_of(report.solution)
        self.leaves = self._leaves()

    def _leaves(self) -> dict[int, date]:
        """By line row: the day on which the last of its parcels leaves."""
        solution, found = self.solution, {}
        lanes = zip(solution.parcel_node.tolist(), solution.parcel_service.tolist(), strict=True)
        days = [self.loaded.ships_on(node, service) for node, service in lanes]
        for parcel, row in zip(solution.alloc_parcel.tolist(), solution.alloc_line.tolist(), strict=True):
            if days[parcel] is not None:
                found[row] = max(days[parcel], found.get(row, days[parcel]))
        return found

    def write(self) -> None:
        batch, stock = self.batch, self.batch.problem.stock
        for row, line in enumerate(self.loaded.lines):
            parts = self.parts.get(row, {})
            batch.plans[line.line_id] = self._plan(row, line, parts)
            for node, units in parts.items():
                stock[line.product_id][self.loaded.nodes[node]["pk"]] -= units
        batch.problem.list_days.take(batch.plans[line.line_id] for line in self.loaded.lines)
        for node, used in enumerate(self.solution.capacity_used.tolist()):
            if used:
                pk = self.loaded.nodes[node]["pk"]
                batch.taken[pk] = batch.taken.get(pk, 0) + used

    def _plan(self, row: int, line: LineNeed, parts: dict[int, int]) -> LinePlan:
        got = sum(parts.values())
        outcome = SOURCED if got == line.quantity else PARTLY if got else NOT_SOURCED
        standing, nodes = self.standing, self.loaded.nodes
        near = sorted(parts.items(), key=lambda item: standing.distance[row, item[0]])
        allocations = tuple(
            (nodes[n]["pk"], units, round(float(standing.distance[row, n]))) for n, units in near
        )
        return LinePlan(
            line.line_id,
            outcome,
            allocations,
            standing.shown(row, parts),
            standing.counts(row, parts),
            self._sentence(row, line, allocations, got, parts)[:300],
            costs=dict(self.costs[row]) if got else None,
            version=self.loaded.strategy_of[line.line_id].version,
            relaxed=self.report.relaxed or None,
            report=len(self.batch.problem.reports) - 1,
            ships_on=self.leaves.get(row),
            services={
                nodes[n]["pk"]: one.code
                for n in parts
                if (one := self.loaded.services[self.services[row, n]]).carries
            },
            within=self.limits,
        )

    def _sentence(self, row: int, line: LineNeed, allocations, got: int, parts: Collection[int]) -> str:
        if not got:
            why = ", ".join(f"{count} {reason}" for reason, count in self.standing.counts(row).items())
            return f"Not sourced: {self._unfilled(row)} ({why or 'there is no source'})."
        places = " and ".join(
            f"{self.batch.names[pk]} ({units:,}, {km:,} km)"
            if len(allocations) > 1
            else f"{self.batch.names[pk]}"
            for pk, units, km in allocations
        )
        cents = sum(self.costs[row].values())
        if line.fixed_source_id:
            told = f"{places}, as it was assigned: {cents / 100:,.2f} for this line"
        else:
            told = f"{places}: the least cost of the whole order, {cents / 100:,.2f} for this line"
        if len(allocations) == 1:
            told += f" ({allocations[0][2]:,} km)"
        if not line.fixed_source_id:
            others = self.standing.others(row, parts)
            told += f"; {_could_bring(others, whole=len(parts) == 1 and got == line.quantity)}"
        if self.report.relaxed:
            told += f", once {', '.join(self.report.relaxed)} gave way"
        return f"{told}." if got == line.quantity else f"{told}; {line.quantity - got:,} wait."

    def _unfilled(self, row: int) -> str:
        reason = self.solution.unfilled_reason[row]
        if reason == "not_worth_it" and not self.standing.others(row):
            return "no source can ship it"
        return {
            "no_stock": "no source has enough",
            "not_allowed": "the rules leave no source",
            "stock_taken": "other orders got the stock",
            "capacity_full": "who has it takes no more today",
            "not_complete": "the order ships whole or not at all",
            "not_worth_it": "bringing it costs more than leaving it",
        }.get(reason, "no source")


def _could_bring(others: int, *, whole: bool) -> str:
    """How many sources could: with the one that brings it whole, or beside those that bring parts."""
    if whole:
        return f"{others + 1} source{'s' if others else ''} could bring it"
    return f"{others or 'no'} other source{'s' if others > 1 else ''} could bring it whole"


register("cost", CostPlanner())
