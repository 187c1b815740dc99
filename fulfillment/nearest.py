"""The first strategy: the nearest source that has everything, else the fewest sources, else the line in parts.

Orders are planned one after another against the same stock, so they never promise a unit twice. A line is split only
where no single source has it whole and the rules allow it; where all together have too few units, these go and the rest
is backordered. Without coordinates of the destination the same region
comes first, then the same country, then the rest, and the distance stays empty.
"""

from collections.abc import Sequence
from dataclasses import replace

from fulfillment import list_limits, several_places
from fulfillment.nearest_order import OrderPlan, Ranked, rankings
from fulfillment.sourcing_strategy import (
    DEFAULT_PLANNER,
    LinePlan,
    OrderNeed,
    Problem,
    joined,
    register,
    remainder,
)


class NearestPlanner:
    """See the module. Registered as `nearest`. All constraints first; what is left then without the soft ones."""

    def plan(self, problem: Problem) -> dict[int, LinePlan]:
        first = [replace(order, rules=order.rules.preferred or order.rules) for order in problem.orders]
        plans = self._planned(replace(problem, orders=first), relaxed=False)
        soft = [order for order in problem.orders if order.rules.preferred]
        if rest := remainder(soft, plans):
            again = self._planned(replace(problem, orders=rest), relaxed=True)
            names = {line.line_id: order.rules.soft for order in rest for line in order.lines}
            plans |= {pk: joined(plans[pk], gave_way(plan, names[pk])) for pk, plan in again.items()}
        return plans

    def _planned(self, problem: Problem, *, relaxed: bool) -> dict[int, LinePlan]:
        several, bars = several_places.parts(problem.orders), {}
        plans: dict[int, LinePlan] = {}
        ranks = rankings(problem.orders, problem.sources)
        for order, ranked in zip(problem.orders, ranks, strict=True):
            if order.order_id in several:
                bars |= _bars(several.pop(order.order_id), problem, relaxed)
            if bars:
                (order,) = list_limits.barred([order], bars)
            plans |= _within_lists(order, ranked, problem, relaxed)
        return plans


def gave_way(plan: LinePlan, soft: Sequence[str]) -> LinePlan:
    """A plan that was made without these constraints says so."""
    told = f"{plan.sentence.rstrip('.')}, once {', '.join(soft)} gave way."[:300]
    return replace(plan, relaxed=list(soft), sentence=told if plan.allocations else plan.sentence)


def _bars(parts: Sequence[OrderNeed], problem: Problem, relaxed: bool) -> list_limits.Bars:
    """What the places of one order must do without, if each by itself would take another source; it is tried first."""
    stock = {product: dict(by_source) for product, by_source in problem.stock.items()}
    trial = replace(problem, stock=stock, list_days=problem.list_days.copy())
    plans: dict[int, LinePlan] = {}
    for part, ranked in zip(parts, rankings(parts, problem.sources), strict=True):
        plans |= _within_lists(part, ranked, trial, relaxed)
    places = {pk: [source for source, _, _ in plan.allocations] for pk, plan in plans.items()}
    return several_places.above(parts, places, problem, min(part.rules.max_sources for part in parts))


def _within_lists(order: OrderNeed, ranked: Ranked, problem: Problem, relaxed: bool) -> dict[int, LinePlan]:
    """The plans of an order; lines that its lists take no more of are planned without them."""
    limits = tuple(limit for limit in order.rules.list_limits if limit.is_hard or not relaxed)
    (order,) = list_limits.without_full([order], limits, problem.list_days)
    while True:
        plans = OrderPlan(order, ranked, problem).run()
        places = {pk: [source for source, _, _ in plan.allocations] for pk, plan in plans.items()}
        bars = list_limits.above(places, limits, problem.list_days) if limits else {}
        if not bars:
            break
        _undo(order, plans, problem)
        (order,) = list_limits.barred([order], bars)
    problem.list_days.take(plans.values())
    return {pk: replace(plan, within=limits) for pk, plan in plans.items()} if limits else plans


def _undo(order: OrderNeed, plans: dict[int, LinePlan], problem: Problem) -> None:
    for line in order.lines:
        if line.product_id is not None and problem.check_stock:
            held = problem.stock[line.product_id]
            for source, units, _ in plans[line.line_id].allocations:
                held[source] += units


register(DEFAULT_PLANNER, NearestPlanner())
