"""Find sources for order lines, keep why, and instruct the chosen sources."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from time import perf_counter

from django.utils import timezone

from fulfillment import list_limits, planner_optimizer, selectors
from fulfillment.destinations import Place, by_place
from fulfillment.errors import UnknownStrategy
from fulfillment.list_limits import Bucket, ListDays
from fulfillment.loading.list_days import list_days as days_of_lists
from fulfillment.methods import barred_sources
from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourcingDecision, SourcingRun
from fulfillment.services import list_days
from fulfillment.services.capacity import take
from fulfillment.services.line_dates import dates_of
from fulfillment.services.planned import Planned, by_order, holding, take_stock, within
from fulfillment.services.reserving import reservation_key
from fulfillment.services.resting import try_in_turn
from fulfillment.services.sourcing_runs import uses_of, write_nearest, write_runs
from fulfillment.services.taking_back import take_back
from fulfillment.sourcing_strategy import (
    NOT_SOURCED,
    SOURCED,
    LineNeed,
    LinePlan,
    OrderNeed,
    Problem,
    Rules,
    SourceFacts,
)
from fulfillment.strategy_document import list_members
from fulfillment.types import LineDemand, LineSourcing
from iom.lib import bulk
from iom.lib.atomic import joined
from orders.models import OrderLine
from orders.services import events, pending
from orders.types import Raised

# The three modes of a fulfillment request. Source: reference PBF-1.
CHECK, CREATE, CHECK_AND_CREATE = "check", "create", "check_and_create"
MODES = (CHECK, CREATE, CHECK_AND_CREATE)
DECISION = (
    "order", "order_line", "strategy", "outcome", "chosen", "candidates", "removed", "sentence", "run", "strategy_version",
    "costs", "relaxed", "at",
)  # fmt: skip
ORDER = (
    "key", "order", "source", "state", "state_reason", "state_at", "external_id", "created_at", "capacity_day",
    "capacity_used", "capacity_unit",
)  # fmt: skip
SOURCED_LINE = ("source_id", "inventory_available_on", "estimated_ship_on")
LINE = ("fulfillment_order", "order_line", "product", "quantity", "reservation_key")
PLANNED_AGAIN = 3
PLANNERS = (planner_optimizer,)  # imported so that it registers, as `nearest` does
COMPLETE = "Nothing left to source: every unit is on its way or canceled."


def plan_lines(demands: Sequence[LineDemand], *, actor: str, effort: str) -> Planned:
    """Plan on what there is now and write nothing: needs no lock and no transaction, and may take its time.

    `effort` is a mode of the optimizer. Raises UnknownStrategy.
    """
    batch = _Batch(demands, actor, keep=True, ahead=True, effort=effort)
    needs = {line.line_id: line for order in batch.needs() for line in order.lines}
    plans = batch.plan(check_stock=True)
    return Planned(plans, needs, batch.reports, batch.ms)


@joined
def source_lines(
    demands: Sequence[LineDemand],
    *,
    actor: str,
    check_stock: bool = True,
    mode: str = CHECK_AND_CREATE,
    planned: Planned | None = None,
    cause: str = "flow",
) -> dict[int, LineSourcing]:
    """Plan lines and create their fulfillment orders in state new; the caller has locked the orders.

    Orders are planned in the order of `demands` against the same stock, so none promises what another got. A line
    that has unsent fulfillment lines gives these back first and is planned anew; units that are with a source or
    have shipped are not sourced twice, whatever quantity is asked for. Nothing is reserved: see `reserve_lines`.

    Of `planned`, orders whose lines, sources and stock are still as they were planned are kept; the others are planned
    anew beside them. `cause` is kept with the sourcing run.

    `mode` "check" writes decisions only, "create" looks at no stock (as `check_stock=False` does). The events of
    lines and orders are the caller's to raise. Fixed number of queries. Raises UnknownStrategy before any change.
    """
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if not demands:
        return {}
    batch = _Batch(demands, actor, keep=mode == CHECK, planned=planned, cause=cause)
    plans = batch.plan(check_stock=check_stock and mode != CREATE)
    batch.write_decisions(plans)
    if mode != CHECK:
        batch.write_sources(plans)
        batch.write_orders(plans)
    return {demand.line_id: batch.answer(demand, plans) for demand in demands}


class _Batch:
    """One call: what it knows of the orders, and what it writes."""

    def __init__(
        self,
        demands: Sequence[LineDemand],
        actor: str,
        *,
        keep: bool,
        ahead: bool = False,
        effort: str = "",
        planned: Planned | None = None,
        cause: str = "flow",
    ) -> None:
        """`ahead`: unsent work of these lines counts as taken back, though nothing is written."""
        self.demands, self.actor, self.now, self.keep = demands, actor, timezone.now(), keep
        self.effort, self.planned, self.cause = effort, planned, cause
        self.reports: list = []
        self.ms = planned.ms if planned else 0
        self.uses: dict = {}
        self.list_days = ListDays()
        self.rules = self._rules()
        line_ids = [demand.line_id for demand in demands]
        self.work = selectors.work_of({demand.order_id for demand in demands})
        self.made = {(work.order_id, work.source_id, work.fulfillment_order_id) for work in self.work}
        self.current = {work.order_line_id: work.source_id for work in self.work if work.is_unsent}
        if not keep:
            self.work = take_back(self.work, set(line_ids), actor=actor)
        elif ahead:
            mine = set(line_ids)
            self.work = [item for item in self.work if not (item.is_unsent and item.order_line_id in mine)]
        self.sources = {source.id: source for source in selectors.source_facts()}
        self.rejections = selectors.rejections_of(line_ids)
        self.ordered = selectors.open_lines(line_ids)
        self.lists = list_members() if any(line.source_list for line in self.ordered.values()) else {}
        self.barred = barred_sources(
            {pk: line.method for pk, line in self.ordered.items()}, self.sources.values()
        )
        self.wanted = self._wanted()

    def _rules(self) -> dict[str, Rules]:
        rules = selectors.rules_by_key()
        if unknown := {demand.strategy for demand in self.demands} - set(rules):
            raise UnknownStrategy(unknown)
        return rules

    def _wanted(self) -> dict[int, int]:
        """What is asked for, but no more than is still to come."""
        out: Counter[int] = Counter()
        for work in self.work:
            out[work.order_line_id] += work.units_out
        return {
            demand.line_id: min(
                demand.quantity,
                self._open(demand).units - out[demand.line_id],
            )
            for demand in self.demands
        }

    def plan(self, *, check_stock: bool) -> dict[int, LinePlan]:
        """Plans, with room for them in the capacity of their sources; what found none in between is planned again."""
        orders = {demand.line_id: demand.order_id for demand in self.demands}
        needs = list(self.needs())
        kept = holding(self.planned, needs, self.sources, self._stock()) if self.planned else {}
        for _ in range(PLANNED_AGAIN):
            plans = kept | self._plan(needs, kept, orders, check_stock)
            if self.keep:
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

    def _stock(self) -> dict[int, dict[int, int]]:
        products = {d.product_id for d in self.demands if d.product_id and self.wanted[d.line_id] > 0}
        return selectors.stock_of(products)

    def _plan(
        self,
        needs: Sequence[OrderNeed],
        kept: Mapping[int, LinePlan],
        orders: Mapping[int, int],
        check_stock: bool,
    ) -> dict[int, LinePlan]:
        """Plans of the orders that have none kept, with the stock and capacity that these leave."""
        self.reports = list(self.planned.reports) if self.planned else []
        stock = self._stock() if check_stock else {}
        take_stock(stock, kept, needs)
        taken = {source: use.amount for (source, _), use in uses_of(kept, self.reports, orders).items()}
        self.list_days = days_of_lists(self.rules.values(), self.now)
        self.list_days.take(kept.values())
        problem = Problem(
            (), list(self.sources.values()), stock, check_stock, self.reports, taken, self.effort,
            self.list_days.copy(),
        )  # fmt: skip
        began = perf_counter()
        left = [order for order in needs if order.lines[0].line_id not in kept]
        plans = try_in_turn(left, problem, self.rules)
        self.ms += round(1000 * (perf_counter() - began))
        return plans

    def needs(self) -> Iterable[OrderNeed]:
        used = defaultdict(set)
        for work in self.work:
            if work.units_out:
                used[work.order_id].add(work.source_id)
        by_order = defaultdict(list)
        for demand in self.demands:
            if self.wanted[demand.line_id] > 0:
                by_order[demand.order_id, demand.strategy].append(demand)
        for (order_id, strategy), group in by_order.items():
            first = group[0]
            home = Place(first.latitude, first.longitude, first.region, first.country)
            ends = {demand: self._open(demand).goes_to for demand in group}
            for place, demands in by_place(ends, home, self.sources).items():
                yield OrderNeed(
                    order_id,
                    [self._need(demand) for demand in demands],
                    place.latitude,
                    place.longitude,
                    place.region,
                    place.country,
                    self.rules[strategy],
                    frozenset(used[order_id]),
                    store=place.store,
                )

    def _fixed(self, demand: LineDemand) -> int | None:
        """The store of a pickup, else what a policy or a person assigned."""
        return self._open(demand).store or demand.fixed_source_id

    def _open(self, demand: LineDemand) -> selectors.OpenLine:
        return self.ordered.get(demand.line_id) or selectors.OpenLine(demand.quantity)

    def _need(self, demand: LineDemand) -> LineNeed:
        return LineNeed(
            demand.line_id,
            demand.product_id,
            self.wanted[demand.line_id],
            self._fixed(demand),
            self.rejections.get(demand.line_id, {}),
            self.current.get(demand.line_id) if demand.stays else None,
            *self._list(demand),
            self.barred.get(demand.line_id, {}),
            ship_class=self._open(demand).ship_class,
        )

    def _list(self, demand: LineDemand) -> tuple[str, frozenset[int] | None]:
        """The list that the line is kept to, with its members; an assigned source knows better than any list."""
        named = self._open(demand).source_list
        if not named or self._fixed(demand):
            return "", None
        return named, self.lists.get(named, frozenset())

    def _source(self, pk: int) -> SourceFacts:
        return self.sources[pk]

    def write_decisions(self, plans: Mapping[int, LinePlan]) -> None:
        rows: list[tuple] = []
        counts: dict[tuple, dict] = {}  # counts that lines have alike are one object, written as JSON once
        runs, nearest = self._write_runs(), self._write_nearest(plans)
        for demand in self.demands:
            if plan := plans.get(demand.line_id):
                chosen = [
                    {"source": pk, "code": self._source(pk).code, "quantity": units, "distance_km": km}
                    | ({"service": plan.services[pk]} if pk in plan.services else {})
                    for pk, units, km in plan.allocations
                ]
                strategy = "assigned" if self._fixed(demand) else self.rules[demand.strategy].key
                rows.append(
                    (demand.order_id, demand.line_id, strategy, plan.outcome, chosen, plan.candidates,
                     counts.setdefault(tuple(plan.removed.items()), plan.removed), plan.sentence, nearest if plan.report is None else runs[plan.report], plan.version,
                     plan.costs, plan.relaxed, self.now)
                )  # fmt: skip
        bulk.insert(SourcingDecision, DECISION, rows)

    def _write_runs(self) -> list[int]:
        if not self.reports:
            return []
        return write_runs(self.reports, actor=self.actor, now=timezone.now(), cause=self.cause)

    def _write_nearest(self, plans: Mapping[int, LinePlan]) -> int | None:
        """The run of the plans of a batch that no solve made."""
        mine = {pk: plan for pk, plan in plans.items() if plan.report is None}
        if not mine or self.cause != SourcingRun.Cause.BATCH:
            return None
        rules = [self.rules[demand.strategy] for demand in self.demands if demand.line_id in mine]
        return write_nearest(
            mine, {demand.line_id: demand.order_id for demand in self.demands}, {one.key: one.version for one in rules},
            sources=len(self.sources), ms=self.ms, actor=self.actor, now=timezone.now(), cause=self.cause,
        )  # fmt: skip

    def write_sources(self, plans: Mapping[int, LinePlan]) -> None:
        """The line shows its nearest source, since when its units are there and when they leave.

        One that found no source keeps what a policy assigned, or none, and has no dates. Source: reference ATP-5.
        """
        dates = dates_of(plans, self.sources, self.now)
        rows = {
            demand.line_id: (
                plan.allocations[0][0] if plan.allocations else self._assigned(demand), *dates[demand.line_id],
            )
            for demand in self.demands
            if (plan := plans.get(demand.line_id))
        }  # fmt: skip
        pending.assign_all(OrderLine, SOURCED_LINE, rows)

    def _assigned(self, demand: LineDemand) -> int | None:
        return fixed if (fixed := self._fixed(demand)) in self.sources else None

    def write_orders(self, plans: Mapping[int, LinePlan]) -> None:
        """One fulfillment order for each order and source, with its lines."""
        parts = [
            (demand.order_id, pk, demand.line_id, demand.product_id, units)
            for demand in self.demands
            if demand.line_id in plans
            for pk, units, _ in plans[demand.line_id].allocations
        ]
        groups = defaultdict(list)
        for part in sorted(parts, key=lambda part: part[:3]):
            groups[part[:2]].append(part)
        if not groups:
            return
        ids = self._insert_orders(groups)
        list_days.write([
            (bucket, pk, len(parts))
            for pk, ((_, source), parts) in zip(ids, groups.items(), strict=True)
            for bucket in self.list_days.of(source)
        ])  # fmt: skip
        lines = [
            (pk, line, product, units, reservation_key(pk, line) if product else "")
            for pk, group in zip(ids, groups.values(), strict=True)
            for _, _, line, product, units in group
        ]
        bulk.insert(FulfillmentLine, LINE, lines)
        created = [
            Raised(
                "fulfillment_order.created",
                "fulfillment_order",
                pk,
                order_id,
                {"source": self._source(source).code, "units": sum(part[4] for part in group)},
            )
            for pk, ((order_id, source), group) in zip(ids, groups.items(), strict=True)
        ]
        events.record(created, actor=self.actor)

    def _insert_orders(self, groups: Mapping[tuple[int, int], list]) -> list[int]:
        days = {source: (day, use.unit) for (source, day), use in self.uses.items()}
        made = Counter((order, source) for order, source, _ in self.made)
        rows = [
            (
                f"fo:{order}:{source}:{made[order, source]}",
                order,
                source,
                FulfillmentOrder.State.NEW.value,
                "",
                self.now,
                "",
                self.now,
                *_capacity(days.get(source), parts, self.list_days.of(source)),
            )
            for (order, source), parts in groups.items()
        ]
        return [pk for (pk,) in bulk.insert(FulfillmentOrder, ORDER, rows, returning=("pk",))]

    def answer(self, demand: LineDemand, plans: Mapping[int, LinePlan]) -> LineSourcing:
        if plan := plans.get(demand.line_id):
            return LineSourcing(plan.outcome, plan.allocations, plan.sentence, plan.rest)
        return LineSourcing(SOURCED, (), COMPLETE)


def _capacity(
    day: tuple[date, str] | None, parts: Sequence[tuple], lists: Sequence[Bucket]
) -> tuple[date | None, int, str]:
    """The day that a fulfillment order takes capacity of its source or of lists, how much of its source, in which unit."""
    if day is None:
        return (lists[0][1] if lists else None), 0, ""
    on, unit = day
    return on, {"units": sum(part[4] for part in parts), "lines": len(parts), "orders": 1}[unit], unit
