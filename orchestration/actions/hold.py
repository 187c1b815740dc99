from collections.abc import Mapping
from typing import Any

from orchestration.actions import backorder
from orchestration.actions.base import OK, Action, Batch, Result, register, waiting
from orders.models import Hold
from orders.services.holds import hold_orders


@register
class PlaceHold(Action):
    """Put the order on a typed hold and wait here until it is released; then go on, or go to the step `go_to` names.

    Only this path waits unless `blocks` lists action types that other paths must not run either.
    """

    key, label = "hold", "Hold"
    obeys_holds = False

    def level_at(self, step: Mapping[str, Any]) -> str:
        return (step.get("parameters") or {}).get("level", "order")

    def run(self, batch: Batch) -> dict[int, Result]:
        kind = batch.parameters["type"]
        if new := [item for item in batch.items if item.arrived]:
            self._place(batch, new, kind)
        held = batch.wave.held_orders(kind)
        freed = [record for item, record in batch.records() if item.order.pk not in held]
        if freed and self._is_for_stock(batch):
            backorder.release(batch.wave, freed)
        label = Hold.Type(kind).label.lower()
        return {
            record.pk: waiting(f"release of the {label} hold") if item.order.pk in held else OK
            for item, record in batch.records()
        }

    def _place(self, batch: Batch, items: list, kind: str) -> None:
        blocks = batch.parameters.get("blocks") or [f"hold:{batch.step['key']}"]
        reason = batch.parameters.get("reason", batch.step["name"])
        if self._is_for_stock(batch):
            lines = [line for item in items for line in item.records]
            backorder.place(batch.wave, lines, reason=reason, blocks=blocks)
            return
        orders = [item.order.pk for item in items]
        hold_orders(orders, type=kind, reason=reason, actor=batch.wave.actor, blocks=blocks)
        batch.wave.reload_states(orders)

    def _is_for_stock(self, batch: Batch) -> bool:
        return batch.parameters["type"] == Hold.Type.BACKORDER and self.level_at(batch.step) == "order_line"

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        kind = (step.get("parameters") or {}).get("type")
        return [] if kind in Hold.Type.values else [f"“type” must be one of {', '.join(Hold.Type.values)}"]
