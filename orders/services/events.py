"""Business events: the one place that writes them, and the only writer of a state column."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db.models import F, Model, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.module_loading import import_string

from iom.lib import bulk
from iom.lib.atomic import joined
from iom.lib.words import entity_of
from orders.errors import ConcurrentChange
from orders.models import BusinessEvent
from orders.services import pending
from orders.services.transitions import Move, TransitionTable
from orders.types import Outcome, Raised

COLUMNS = ("kind", "entity", "record_id", "order", "payload", "actor", "at")


_collected: ContextVar[list | None] = ContextVar("collected_events", default=None)


def record(events: Sequence[Raised], *, actor: str) -> None:
    """Write events in this order and tell the listeners, inside the caller's transaction."""
    if not events:
        return
    now = timezone.now()
    noted = [(event, actor, now) for event in events]
    if (collected := _collected.get()) is not None:
        collected += noted
    else:
        _append(noted)


@contextmanager
def collecting() -> Iterator[list[tuple[Raised, str, datetime]]]:
    """Keep the events that are recorded inside, and write all of them in one append at the end.

    For a batch of many steps in one transaction. Yields the list so far; on an error nothing is written.
    """
    if (outer := _collected.get()) is not None:
        yield outer
        return
    collected: list = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)
    _append(collected)


@joined
def _append(noted: Sequence[tuple[Raised, str, datetime]]) -> None:
    rows = [(e.kind, e.entity, e.record_id, e.order_id, e.payload, actor, at) for e, actor, at in noted]
    ids = bulk.insert(BusinessEvent, COLUMNS, rows, returning=("pk",))
    numbered = [(pk, event) for (pk,), (event, _, _) in zip(ids, noted, strict=True)]
    for listener in _listeners(tuple(settings.IOM["ON_EVENTS"])):
        listener(numbered)


@joined
def apply_event(
    kind: str,
    records: Sequence[Model],
    *,
    actor: str,
    payloads: Mapping[int, Mapping[str, Any]] | None = None,
    reason: str = "",
    table: TransitionTable | None = None,
) -> Outcome:
    """Raise one event for each record and move its state by the table.

    `records` are instances of one model whose orders the caller has locked; their `state` is set in memory too.
    An event that has transitions, but none from a record's state: that record is refused, nothing of it changes.
    An event without any transition passes: it is written and the state stays. `reason` overrides the table's reason.
    Raises ConcurrentChange, with nothing changed, if a state moved since the record was read.
    Source: reference ST-3, PRV-18.
    """
    if not records:
        return Outcome()
    model = type(records[0])
    table = table or TransitionTable()
    moves, refused = _moves(kind, records, table)
    for source, (move, group) in _grouped(moves).items():
        _write(model, kind, group, source, move, reason)
    accepted = [record for record in records if record.id not in refused] if refused else records
    record(_raised(kind, accepted, moves, reason, payloads or {}), actor=actor)
    return Outcome(changed=[item.id for item in accepted], refused=refused)


# Records are many and hot here: `id` is a plain attribute, `pk` a property that looks it up.
def _moves(kind: str, records: Sequence[Model], table: TransitionTable) -> tuple[dict, dict[int, str]]:
    model, moves, refused = type(records[0]), {}, {}
    if not table.knows(model, kind) or not hasattr(records[0], "state"):
        return moves, refused
    known: dict[str, Move | None] = {}
    for item in records:
        state = item.__dict__.get("state") or item.state  # past the descriptor, which costs two calls
        if state not in known:
            known[state] = table.move(model, kind, state)
        move = known[state]
        if move and all(condition(item) for condition in move.conditions):
            moves[item.id] = (item, state, move)
        else:
            refused[item.id] = f"{kind} does not apply in state {state}"
    return moves, refused


def _grouped(moves: Mapping) -> dict[str, tuple[Move, list[Model]]]:
    """By the state they leave: one event goes one way from each."""
    groups: dict[str, tuple[Move, list[Model]]] = {}
    for item, source, move in moves.values():
        groups.setdefault(source, (move, []))[1].append(item)
    for _, group in groups.values():
        group.sort(key=attrgetter("id"))
    return groups


def _write(
    model: type[Model], kind: str, group: Sequence[Model], source: str, target: Move, reason: str
) -> None:
    ids, now = [item.id for item in group], timezone.now()
    values = {"state": target.target, "state_reason": reason or target.reason, "state_at": now}
    if target.stamp:
        values[target.stamp] = now
    if not pending.move(model, ids, values, before=source, stamp=target.stamp):
        _write_now(model, kind, ids, source, values, target.stamp)
    memory = {name: values[name] for name in ("state", "state_reason", "state_at")}
    for item in group:
        item.__dict__.update(memory)


def _write_now(model: type[Model], kind: str, ids: list[int], source: str, values: dict, stamp: str) -> None:
    if stamp:
        values = {**values, stamp: Coalesce(F(stamp), Value(values[stamp]))}
    if model._base_manager.filter(pk__in=ids, state=source).update(**values) != len(ids):
        raise ConcurrentChange(kind, ids)


def _raised(
    kind: str, items: Sequence[Model], moves: Mapping, reason: str, payloads: Mapping[int, Mapping]
) -> list[Raised]:
    """One event a record; records that moved alike share one payload, so that it is written as JSON once."""
    entity = entity_of(type(items[0])) if items else ""
    owner = attrgetter("id" if entity == "order" else "order_id")
    shared: dict[str, dict] = {}  # by the state that is left
    events = []
    for item in items:
        _, source, move = moves.get(item.id, (None, "", None))
        own = payloads.get(item.id)
        if own is not None or source not in shared:
            payload = dict(own or {})
            if move:
                payload |= {"from": source, "to": move.target, "reason": reason or move.reason}
            if own is None:
                shared[source] = payload
        else:
            payload = shared[source]
        events.append(Raised(kind, entity, item.id, owner(item), payload))
    return events


@cache
def _listeners(paths: tuple[str, ...]) -> list:
    return [import_string(path) for path in paths]
