from collections.abc import Mapping
from typing import Any

from orchestration.actions.base import Action, Batch, Result, register
from orders.models import EventDefinition


@register
class Custom(Action):
    """Policies only: check or set values, then raise the event named in `raise_event`, if any."""

    key, label = "custom", "Custom"

    def level_at(self, step: Mapping[str, Any]) -> str:
        return (step.get("parameters") or {}).get("level", "order")

    def run(self, batch: Batch) -> dict[int, Result]:
        if event := batch.parameters.get("raise_event"):
            batch.wave.raise_for(event, batch.all_records())
        return {}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        event = (step.get("parameters") or {}).get("raise_event")
        if event and not EventDefinition.objects.filter(key=event).exists():
            return [f"raises {event}, which no business event is named"]
        return []

    def output_events(self, step: Mapping[str, Any]) -> list[str]:
        event = (step.get("parameters") or {}).get("raise_event")
        return [event] if event else []
