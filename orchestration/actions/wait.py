from collections.abc import Mapping
from typing import Any

from orchestration.actions.base import Action, Batch, Result, register


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
        return {}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return [] if step.get("input_events") else ["needs an input event to wait for"]
