from collections.abc import Mapping
from typing import Any

from fulfillment.models import FulfillmentOrder
from orchestration.actions.base import Action, Batch, Result, partly, register

BROUGHT = (FulfillmentOrder.State.SHIPPED, FulfillmentOrder.State.DELIVERED)


@register
class Wait(Action):
    """Nothing is done here: the path waits until one of the input events was raised for each of its records.

    `failure_events` let a record leave by its failure road instead: a rejected fulfillment order is sourced elsewhere.
    """

    key, label = "wait", "Wait for an event"
    obeys_holds = False

    def level_at(self, step: Mapping[str, Any]) -> str:
        return (step.get("parameters") or {}).get("level", "order")

    def run(self, batch: Batch) -> dict[int, Result]:
        """Whatever it waited for: the units that a shipment left out take the failure road, where the step has one."""
        if self.level_at(batch.step) != "fulfillment_order" or not batch.step.get("on_failure"):
            return {}
        short = {}
        for item, work in batch.records():
            missing = set(batch.wave.units_to_find(item.order.id))
            if work.state in BROUGHT and any(
                left for line, left in work.line_quantities.items() if line in missing
            ):
                short[work.pk] = partly("shipped_short", "The source shipped less than it was told to.")
        return short

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if step.get("input_events") else ["needs an input event to wait for"]
