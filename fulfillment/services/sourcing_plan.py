"""Decide where lines come from, and count what that takes of the days of sources and lists: planned again until it fits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

from fulfillment import list_limits, planner_optimizer
from fulfillment.list_limits import Bucket, ListDays
from fulfillment.loading.list_days import list_days as days_of_lists
from fulfillment.services import list_days
from fulfillment.services.capacity import take
from fulfillment.services.planned import Planned, by_order, holding, take_stock, within
from fulfillment.services.resting import try_in_turn
from fulfillment.services.sourcing_demand import Demanded
from fulfillment.services.sourcing_runs import uses_of
from fulfillment.sourcing_strategy import NOT_SOURCED, LinePlan, OrderNeed, Problem

PLANNED_AGAIN = 3
PLANNERS = (planner_optimizer,)  # imported so that it registers, as `nearest` does


class Deciding:
    """`reports`: what the solves were like; `uses` and `list_days`: what was counted of days of sources and of lists."""

    def __init__(
        self, known: Demanded, *, counts: bool, effort: str = "", planned: Planned | None = None
    ) -> None:
        """`counts`: nothing else is answered than what has room now, and it is counted."""
        self.known, self.counts, self.effort, self.planned = known, counts, effort, planned
        self.reports: list = []
        self.ms = planned.ms if planned else 0
        self.uses: dict = {}
        self.list_days = ListDays()

    def plan(self, *, check_stock: bool) -> dict[int, LinePlan]:
        """Plans, with room for them in the capacity of their sources; what found none in between is planned again."""
        known, orders = self.known, self.known.order_of
        needs = list(known.needs())
        kept = holding(self.planned, needs, known.sources, known.stock()) if self.planned else {}
        for _ in range(PLANNED_AGAIN):
            plans = kept | self._plan(needs, kept, orders, check_stock)
            if not self.counts:
                return plans
            lists, sources = self._count(plans, orders)
            if not lists and not sources:
                return plans
            if sources:
                kept = within(kept, orders, sources, self.reports)
            kept = list_limits.fitting(by_order(kept, orders), lists, self.list_days)
        while lists or sources:
            plans = {pk: self._without(plan, lists, sources) for pk, plan in plans.items()}
            lists, sources = self._count(plans, orders)
        return plans

    def _count(
        self, plans: Mapping[int, LinePlan], orders: Mapping[int, int]
    ) -> tuple[dict[Bucket, int], dict[int, int]]:
        """All of it, or nothing where a day of a list or of a source has no room: these, as `take` answers them."""
        self.uses = uses_of(plans, self.reports, orders)
        of_lists = list_limits.uses(plans.values(), self.list_days)
        if full := list_days.take(of_lists):
            return full, {}
        if full := take(self.uses):
            list_days.give_back_all(of_lists)
        return {}, full

    def _without(self, plan: LinePlan, lists: Collection[Bucket], sources: Collection[int]) -> LinePlan:
        """Others took the room again and again: the line waits for the next plan."""
        limited = {limit.key for limit in plan.within}
        if not any(
            source in sources or any(b in lists and b[0] in limited for b in self.list_days.of(source))
            for source, _, _ in plan.allocations
        ):
            return plan
        sentence = "Not sourced: its source was filled up by others meanwhile; it is planned again."
        return replace(plan, outcome=NOT_SOURCED, allocations=(), sentence=sentence, costs=None)

    def _plan(
        self,
        needs: Sequence[OrderNeed],
        kept: Mapping[int, LinePlan],
        orders: Mapping[int, int],
        check_stock: bool,
    ) -> dict[int, LinePlan]:
        """Plans of the orders that have none kept, with the stock and capacity that these leave."""
        self.reports = list(self.planned.reports) if self.planned else []
        stock = self.known.stock() if check_stock else {}
        take_stock(stock, kept, needs)
        taken = {source: use.amount for (source, _), use in uses_of(kept, self.reports, orders).items()}
        self.list_days = days_of_lists(self.known.rules.values(), self.known.now)
        self.list_days.take(kept.values())
        problem = Problem(
            (), list(self.known.sources.values()), stock, check_stock, self.reports, taken, self.effort,
            self.list_days.copy(),
        )  # fmt: skip
        began = perf_counter()
        left = [order for order in needs if order.lines[0].line_id not in kept]
        plans = try_in_turn(left, problem, self.known.rules)
        self.ms += round(1000 * (perf_counter() - began))
        return plans
