"""Answers about orders that join several tables. They never write."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q, QuerySet

from orders.models import BusinessEvent, EventDefinition, Hold, OrderNote

EVENT, NOTE = 0, 1  # of one instant the notes come first
Blocks = dict[int, set[str] | Literal["all"]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. `cursor` goes to `timeline(before=…)` for what is older."""

    at: datetime
    kind: str
    text: str
    actor: str
    entity: str
    record_id: int
    payload: Mapping[str, Any]
    cursor: str


def timeline(order_id: int, before: str | None = None, limit: int = 50) -> list[Entry]:
    """Events and notes of an order, newest first; notes have the kind `note`. Three queries. Source: APP-6.

    Raises ValueError for a cursor that is none.
    """
    after = _position(before) if before else None
    events = list(
        _older(BusinessEvent.objects.filter(order_id=order_id), EVENT, after).order_by("-at", "-pk")[:limit]
    )
    notes = _older(OrderNote.objects.filter(order_id=order_id), NOTE, after).order_by("-at", "-pk")[:limit]
    kinds = {event.kind for event in events}
    names = dict(EventDefinition.objects.filter(key__in=kinds).values_list("key", "name"))
    rows = [((event.at, EVENT, event.pk), event) for event in events]
    rows += [((note.at, NOTE, note.pk), note) for note in notes]
    rows.sort(key=lambda row: row[0], reverse=True)
    return [_entry(place, item, names) for place, item in rows[:limit]]


def _older(queryset: QuerySet, rank: int, after: tuple[datetime, int, int] | None) -> QuerySet:
    if after is None:
        return queryset
    at, last_rank, pk = after
    if rank > last_rank:
        return queryset.filter(at__lt=at)
    return queryset.filter(Q(at__lt=at) | (Q(at=at, pk__lt=pk) if rank == last_rank else Q(at=at)))


def _position(cursor: str) -> tuple[datetime, int, int]:
    at, rank, pk = cursor.split("_")
    return datetime.fromisoformat(at), int(rank), int(pk)


def _entry(
    place: tuple[datetime, int, int], item: BusinessEvent | OrderNote, names: Mapping[str, str]
) -> Entry:
    at, rank, pk = place
    cursor = f"{at.isoformat()}_{rank}_{pk}"
    if rank == NOTE:
        return Entry(at, "note", item.text, item.author, "order", item.order_id, {}, cursor)
    text = names.get(item.kind, item.kind)
    return Entry(at, item.kind, text, item.actor, item.entity, item.record_id, item.payload, cursor)


def active_blocks(order_ids: Collection[int]) -> Blocks:
    """What the active holds of orders forbid: action types, or `all`; orders without a hold are left out."""
    found: Blocks = {}
    rows = Hold.objects.active().filter(order_id__in=order_ids).values_list("order_id", "blocks")
    for order_id, blocks in rows:
        present = found.get(order_id, set())
        found[order_id] = "all" if present == "all" or not blocks else present | set(blocks)
    return found


def active_holds(order_ids: Collection[int]) -> dict[int, list[Hold]]:
    """Active holds by order id, oldest first; orders without one are left out."""
    found: dict[int, list[Hold]] = {}
    for hold in Hold.objects.active().filter(order_id__in=order_ids).order_by("placed_at", "pk"):
        found.setdefault(hold.order_id, []).append(hold)
    return found
