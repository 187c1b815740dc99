"""Events and notes of an order as one stream, newest first; the same fact about many lines is one entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orders.models import BusinessEvent, OrderNote

PAGE = 50
TOGETHER = timedelta(seconds=5)
MOST_NOTES = 200


@dataclass(slots=True)
class Entry:
    kind: str
    at: datetime
    actor: str
    name: str = ""
    text: str = ""
    change: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """`older` is the event id to ask for what came before; None: this is all."""

    entries: list[Entry]
    older: int | None


def timeline(order_id: int, *, names: dict[str, str], before: int | None = None) -> Timeline:
    """Two queries, however long the history."""
    events = BusinessEvent.objects.filter(order_id=order_id).order_by("-id")
    if before:
        events = events.filter(pk__lt=before)
    found = list(events[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    notes = OrderNote.objects.filter(order_id=order_id).order_by("-at")
    if more:
        notes = notes.filter(at__gte=found[-1].at)
    if before and found:
        notes = notes.filter(at__lte=found[0].at)
    entries = _grouped([_event(event, names) for event in found])
    entries += [Entry("note", note.at, note.author, "Note", note.text) for note in notes[:MOST_NOTES]]
    return Timeline(sorted(entries, key=lambda entry: entry.at, reverse=True), found[-1].pk if more else None)


def _event(event: BusinessEvent, names: dict[str, str]) -> Entry:
    payload = event.payload if isinstance(event.payload, dict) else {}
    moved = payload.get("to") and payload.get("to") != payload.get("from")
    change = f"{_word(payload.get('from'))} → {_word(payload['to'])}" if moved else ""
    text = payload.get("sentence") or payload.get("note") or ""
    return Entry(
        event.kind, event.at, event.actor, names.get(event.kind, event.kind), str(text)[:300], change
    )


def _word(state: str | None) -> str:
    return (state or "").replace("_", " ")


def _grouped(entries: Sequence[Entry]) -> list[Entry]:
    """Neighbors of one kind, actor and moment become one entry with a count; their order stays."""
    kept: list[Entry] = []
    for entry in entries:
        twin = next((k for k in kept[-4:] if _same(k, entry)), None)
        if twin:
            twin.count += 1
        else:
            kept.append(entry)
    return kept


def _same(one: Entry, other: Entry) -> bool:
    facts = ("kind", "actor", "change", "text")
    return all(getattr(one, f) == getattr(other, f) for f in facts) and one.at - other.at < TOGETHER
