"""Finding a source: by strategy (Send to DOM) or by policy (Assign fulfillment source, Send fulfillment process request)."""

from collections import defaultdict
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from fulfillment.selectors import batch_strategies
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand, LineSourcing
from orchestration.actions.base import OK, Action, Batch, Item, Result, failed, partly, register, waiting
from orchestration.services import batches
from orders.models import OrderLine

SOURCED = frozenset({"sourced", "reserved", "sent", "shipped", "invoiced"})
MODES = ("check", "create", "check_and_create")


class Sourcing(Action):
    level = "order_line"
    success, failure = "order_line.sourced", "order_line.not_sourced"
    all_success, any_failure = "order.sourced", "order.not_sourced"
    done_reasons = SOURCED

    def run(self, batch: Batch) -> dict[int, Result]:
        under_way = {item.order.id: batch.wave.units_under_way(item.order.id) for item in batch.items}
        records = list(batch.records())
        results = self.collected(batch, records, under_way)
        demands = [
            _demand(item.order, line, under_way[item.order.id])
            for item, line in records
            if line.id not in results
        ]
        plan = self.find(  # who came first chooses first, however the batch was claimed
            sorted([d for d in demands if d.quantity > 0], key=attrgetter("order_id")),
            actor=batch.wave.actor,
            **self.mode(batch.step),
        )
        batch.wave.forget_fulfillment_orders()
        return results | {pk: _result(found) for pk, found in plan.items()}

    def collected(
        self, batch: Batch, records: list[tuple[Item, OrderLine]], under_way: Mapping[int, Mapping[int, int]]
    ) -> dict[int, Result]:
        """Results of lines that are not planned here and now, by line."""
        return {}

    def mode(self, step: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def find(self, demands: list[LineDemand], *, actor: str, **mode: Any) -> dict[int, LineSourcing]:
        return source_lines(demands, actor=actor, **mode)


class ByStrategy(Sourcing):
    """The strategy of the order decides, and whether its lines wait to be planned together with others."""

    def collected(
        self, batch: Batch, records: list[tuple[Item, OrderLine]], under_way: Mapping[int, Mapping[int, int]]
    ) -> dict[int, Result]:
        """What batches have answered, and who waits for the next one."""
        step, by_strategy = batch.step["key"], batch_strategies()
        known = [item.run.id for item in batch.items if not item.arrived]
        if not known and not by_strategy:
            return {}
        found, due = batches.answers(known, step) if known else ({}, {})
        results = {line: _result(answer) for (_, line), answer in found.items()}
        results |= {line: waiting(batches.wait_words(at)) for (_, line), at in due.items()}
        joining = defaultdict(list)
        for item, line in records:
            document = by_strategy.get(item.order.strategy)
            if document and line.id not in results and _to_find(line, under_way[item.order.id]) > 0:
                joining[document["key"]].append((item.run.id, step, self.key, item.order.id, line.id))
        for key, rows in sorted(joining.items()):
            at = batches.join(rows, key, by_strategy[key]["batch_minutes"])
            results |= dict.fromkeys([row[-1] for row in rows], waiting(batches.wait_words(at)))
        return results


@register
class SendToDom(ByStrategy):
    """The strategy of the order decides. A line that a policy gave a source is checked there and nowhere else."""

    key, label = "send_to_dom", "Send to DOM"


@register
class SendToFulfillmentOptimization(ByStrategy):
    """Plan, take capacity and hold the stock in one go; the strategy of the order says what counts. Source: P-13."""

    key, label = "send_to_fulfillment_optimization", "Send to fulfillment optimization"

    def find(self, demands: list[LineDemand], *, actor: str, **mode: Any) -> dict[int, LineSourcing]:
        return optimize_lines(demands, actor=actor)


@register
class SendFulfillmentProcessRequest(Sourcing):
    """Policy-based fulfillment (reference PBF-1): `mode` is check, create, or check_and_create, for assigned sources."""

    key, label = "send_fulfillment_process_request", "Send fulfillment process request"

    def mode(self, step: Mapping[str, Any]) -> dict[str, Any]:
        return {"mode": (step.get("parameters") or {}).get("mode", "check_and_create")}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if self.mode(step)["mode"] in MODES else [f"“mode” must be one of {', '.join(MODES)}"]


@register
class AssignFulfillmentSource(Action):
    """Its execution policies set the fulfillment source of lines; lines that no rule matched stay free to be sourced."""

    key, label, level = "assign_fulfillment_source", "Assign fulfillment source", "order_line"
    all_success = "order.source_assigned"

    def run(self, batch: Batch) -> dict[int, Result]:
        batch.wave.reload_line_sources([line.id for _, line in batch.records()])
        return {}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if step.get("policies") else ["needs an execution policy that sets the source"]


def _result(found: LineSourcing) -> Result:
    if found.outcome == "sourced":
        return OK
    if found.outcome == "partly":
        return partly("partly_sourced", found.reason)
    if found.outcome == batches.DIED[0]:
        return failed("worker_died", found.reason)
    return failed("not_sourced", found.reason or "No source has the stock.")


def _to_find(line: OrderLine, under_way: Mapping[int, int]) -> int:
    return line.quantity - line.quantity_shipped - line.quantity_canceled - under_way.get(line.id, 0)


def _demand(order, line, under_way: Mapping[int, int]) -> LineDemand:
    return LineDemand(
        order_id=order.id,
        line_id=line.id,
        product_id=line.product_id,
        sku=line.sku,
        quantity=_to_find(line, under_way),
        latitude=order.ship_to_latitude,
        longitude=order.ship_to_longitude,
        region=order.ship_to_region,
        country=order.ship_to_country,
        strategy=order.strategy,
        fixed_source_id=line.source_id if line.source_is_assigned else None,
    )
