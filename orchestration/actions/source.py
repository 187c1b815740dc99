"""Finding a source: by strategy (Send to DOM) or by policy (Assign fulfillment source, Send fulfillment process request)."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand, LineSourcing
from orchestration.actions.base import Action, Batch, Result, failed, partly, register

SOURCED = frozenset({"sourced", "reserved", "sent", "shipped", "invoiced"})
MODES = ("check", "create", "check_and_create")


class Sourcing(Action):
    level = "order_line"
    success, failure = "order_line.sourced", "order_line.not_sourced"
    all_success, any_failure = "order.sourced", "order.not_sourced"
    done_reasons = SOURCED

    def run(self, batch: Batch) -> dict[int, Result]:
        under_way = {item.order.id: batch.wave.units_under_way(item.order.id) for item in batch.items}
        demands = [_demand(item.order, line, under_way[item.order.id]) for item, line in batch.records()]
        plan = self.find(  # who came first chooses first, however the batch was claimed
            sorted([d for d in demands if d.quantity > 0], key=attrgetter("order_id")),
            actor=batch.wave.actor,
            **self.mode(batch.step),
        )
        batch.wave.forget_fulfillment_orders()
        return {pk: _result(found) for pk, found in plan.items() if found.outcome != "sourced"}

    def mode(self, step: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def find(self, demands: list[LineDemand], *, actor: str, **mode: Any) -> dict[int, LineSourcing]:
        return source_lines(demands, actor=actor, **mode)


@register
class SendToDom(Sourcing):
    """The strategy of the order decides. A line that a policy gave a source is checked there and nowhere else."""

    key, label = "send_to_dom", "Send to DOM"


@register
class SendToFulfillmentOptimization(Sourcing):
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
    if found.outcome == "partly":
        return partly("partly_sourced", found.reason)
    return failed("not_sourced", found.reason or "No source has the stock.")


def _demand(order, line, under_way: Mapping[int, int]) -> LineDemand:
    return LineDemand(
        order_id=order.id,
        line_id=line.id,
        product_id=line.product_id,
        sku=line.sku,
        quantity=line.quantity - line.quantity_shipped - line.quantity_canceled - under_way.get(line.id, 0),
        latitude=order.ship_to_latitude,
        longitude=order.ship_to_longitude,
        region=order.ship_to_region,
        country=order.ship_to_country,
        strategy=order.strategy,
        fixed_source_id=line.source_id if line.source_is_assigned else None,
    )
