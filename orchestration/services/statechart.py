"""The transition table as people see it: states, what leads where, what can never be reached."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestration.policies.fields import MODELS
from orchestration.services.raising import listeners, raisers
from orders.models import BusinessEvent, EventDefinition, StateDefinition, StateReason, StateTransition
from orders.services.transitions import built_in

ENTITIES = ("order", "order_line", "fulfillment_order")
STARTS = {"order": ("draft", "new"), "order_line": ("new",), "fulfillment_order": ("new",)}
RECENT = 20_000  # events looked at, newest first


@dataclass(frozen=True, slots=True)
class Arrow:
    event: str
    source: str
    target: str
    reason: str
    shipped: bool


@dataclass
class Chart:
    """One entity: its states in order of the progress bar, the arrows from each, and the states nothing leads to."""

    entity: str
    states: list[StateDefinition]
    arrows: dict[str, list[Arrow]]
    unreachable: list[str]
    unknown: list[str] = field(default_factory=list)
    reasons: list[StateReason] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


def charts() -> list[Chart]:
    """A chart for each entity; three queries."""
    states, reasons, made = defaultdict(list), defaultdict(list), defaultdict(list)
    for state in StateDefinition.objects.order_by("entity", "timeline_position", "pk"):
        states[state.entity].append(state)
    for reason in StateReason.objects.all():
        reasons[reason.entity].append(reason)
    for row in StateTransition.objects.filter(active=True).order_by("pk"):
        made[row.entity].append(
            Arrow(row.event, row.source_state, row.target_state, row.target_reason, False)
        )
    return [_chart(entity, states[entity], made[entity], reasons[entity]) for entity in ENTITIES]


def _chart(
    entity: str, states: list[StateDefinition], made: list[Arrow], reasons: list[StateReason]
) -> Chart:
    table = built_in(MODELS[entity])
    arrows = [
        Arrow(event, source, move.target, move.reason, True) for (event, source), move in table.items()
    ] + made
    by_source: dict[str, list[Arrow]] = defaultdict(list)
    for arrow in arrows:
        by_source[arrow.source].append(arrow)
    reached = _reached(STARTS[entity], arrows)
    keys = [state.key for state in states]
    unknown = sorted({end for arrow in arrows for end in (arrow.source, arrow.target)} - set(keys))
    return Chart(
        entity, states, dict(by_source), [key for key in keys if key not in reached], unknown, reasons
    )


def _reached(starts: Iterable[str], arrows: list[Arrow]) -> set[str]:
    reached, fresh = set(), set(starts)
    while fresh:
        reached |= fresh
        fresh = {arrow.target for arrow in arrows if arrow.source in fresh} - reached
    return reached


@dataclass(slots=True)
class CatalogEntry:
    definition: EventDefinition
    raised_by: list[str]
    heard_by: list[str]
    moves: list[Arrow]
    lately: int = 0
    last: BusinessEvent | None = None


def event_catalog() -> list[CatalogEntry]:
    """Every business event: who raises it, who listens, what it moves, and how often among the newest events."""
    said, heard, moves = raisers(), listeners(), defaultdict(list)
    for chart in charts():
        for arrows in chart.arrows.values():
            for arrow in arrows:
                moves[arrow.event].append(arrow)
    entries = {
        event.key: CatalogEntry(
            event, said.get(event.key, []), heard.get(event.key, []), moves.get(event.key, [])
        )
        for event in EventDefinition.objects.order_by("key")
    }
    newest = BusinessEvent.objects.order_by("-pk")[:RECENT].only(
        "kind", "entity", "record_id", "order_id", "at"
    )
    for event in newest.iterator():
        if entry := entries.get(event.kind):
            entry.lately += 1
            entry.last = entry.last or event
    return list(entries.values())
