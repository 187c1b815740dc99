"""Write down what was decided: why, on the lines, and as fulfillment orders in state new."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from django.utils import timezone

from fulfillment.list_limits import Bucket
from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourcingDecision, SourcingRun
from fulfillment.services import list_days
from fulfillment.services.line_dates import dates_of
from fulfillment.services.reserving import reservation_key
from fulfillment.services.sourcing_demand import Demanded
from fulfillment.services.sourcing_plan import Deciding
from fulfillment.services.sourcing_runs import write_nearest, write_runs
from fulfillment.sourcing_strategy import LinePlan
from fulfillment.types import LineDemand
from iom.lib import bulk
from orders.models import OrderLine
from orders.services import events, pending
from orders.types import Raised

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


class Record:
    """Of one call; `cause` is kept with its sourcing run."""

    def __init__(self, known: Demanded, deciding: Deciding, *, actor: str, cause: str) -> None:
        self.known, self.deciding, self.actor, self.cause = known, deciding, actor, cause

    def write_decisions(self, plans: Mapping[int, LinePlan]) -> None:
        rows: list[tuple] = []
        counts: dict[tuple, dict] = {}  # counts that lines have alike are one object, written as JSON once
        runs, nearest = self._write_runs(), self._write_nearest(plans)
        for demand in self.known.demands:
            if plan := plans.get(demand.line_id):
                chosen = [
                    {"source": pk, "code": self.known.sources[pk].code, "quantity": units, "distance_km": km}
                    | ({"service": plan.services[pk]} if pk in plan.services else {})
                    for pk, units, km in plan.allocations
                ]
                strategy = "assigned" if self.known.fixed(demand) else self.known.rules[demand.strategy].key
                rows.append(
                    (demand.order_id, demand.line_id, strategy, plan.outcome, chosen, plan.candidates,
                     counts.setdefault(tuple(plan.removed.items()), plan.removed), plan.sentence, nearest if plan.report is None else runs[plan.report], plan.version,
                     plan.costs, plan.relaxed, self.known.now)
                )  # fmt: skip
        bulk.insert(SourcingDecision, DECISION, rows)

    def _write_runs(self) -> list[int]:
        if not self.deciding.reports:
            return []
        return write_runs(self.deciding.reports, actor=self.actor, now=timezone.now(), cause=self.cause)

    def _write_nearest(self, plans: Mapping[int, LinePlan]) -> int | None:
        """The run of the plans of a batch that no solve made."""
        mine = {pk: plan for pk, plan in plans.items() if plan.report is None}
        if not mine or self.cause != SourcingRun.Cause.BATCH:
            return None
        rules = [self.known.rules[demand.strategy] for demand in self.known.demands if demand.line_id in mine]
        return write_nearest(
            mine, {demand.line_id: demand.order_id for demand in self.known.demands}, {one.key: one.version for one in rules},
            sources=len(self.known.sources), ms=self.deciding.ms, actor=self.actor, now=timezone.now(), cause=self.cause,
        )  # fmt: skip

    def write_sources(self, plans: Mapping[int, LinePlan]) -> None:
        """The line shows its nearest source, since when its units are there and when they leave.

        One that found no source keeps what a policy assigned, or none, and has no dates. Source: reference ATP-5.
        """
        dates = dates_of(plans, self.known.sources, self.known.now)
        rows = {
            demand.line_id: (
                plan.allocations[0][0] if plan.allocations else self._assigned(demand), *dates[demand.line_id],
            )
            for demand in self.known.demands
            if (plan := plans.get(demand.line_id))
        }  # fmt: skip
        pending.assign_all(OrderLine, SOURCED_LINE, rows)

    def _assigned(self, demand: LineDemand) -> int | None:
        return fixed if (fixed := self.known.fixed(demand)) in self.known.sources else None

    def write_orders(self, plans: Mapping[int, LinePlan]) -> None:
        """One fulfillment order for each order and source, with its lines."""
        parts = [
            (demand.order_id, pk, demand.line_id, demand.product_id, units)
            for demand in self.known.demands
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
            for bucket in self.deciding.list_days.of(source)
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
                {"source": self.known.sources[source].code, "units": sum(part[4] for part in group)},
            )
            for pk, ((order_id, source), group) in zip(ids, groups.items(), strict=True)
        ]
        events.record(created, actor=self.actor)

    def _insert_orders(self, groups: Mapping[tuple[int, int], list]) -> list[int]:
        days = {source: (day, use.unit) for (source, day), use in self.deciding.uses.items()}
        made = Counter((order, source) for order, source, _ in self.known.made)
        rows = [
            (
                f"fo:{order}:{source}:{made[order, source]}",
                order,
                source,
                FulfillmentOrder.State.NEW.value,
                "",
                self.known.now,
                "",
                self.known.now,
                *_capacity(days.get(source), parts, self.deciding.list_days.of(source)),
            )
            for (order, source), parts in groups.items()
        ]
        return [pk for (pk,) in bulk.insert(FulfillmentOrder, ORDER, rows, returning=("pk",))]


def _capacity(
    day: tuple[date, str] | None, parts: Sequence[tuple], lists: Sequence[Bucket]
) -> tuple[date | None, int, str]:
    """The day that a fulfillment order takes capacity of its source or of lists, how much of its source, in which unit."""
    if day is None:
        return (lists[0][1] if lists else None), 0, ""
    on, unit = day
    return on, {"units": sum(part[4] for part in parts), "lines": len(parts), "orders": 1}[unit], unit
