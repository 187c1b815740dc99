"""The transition table: built-in transitions are the django-fsm methods of the models, the others are rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.db.models import Model

from iom.lib.words import entity_of
from orders.models import StateTransition


@dataclass(frozen=True, slots=True)
class Move:
    """Where one event takes a record from one state, and what it leaves there."""

    target: str
    reason: str = ""
    stamp: str = ""
    conditions: tuple = ()


class TransitionTable:
    """All transitions at one moment; one query, for any number of records.

    `move` answers the move of an event from a state; None: the event has none from there. `knows` tells whether the
    event moves this kind of record at all: one that does not, passes and leaves the state as it is.
    """

    def __init__(self) -> None:
        rows = StateTransition.objects.filter(active=True).values_list(
            "entity", "event", "source_state", "target_state", "target_reason"
        )
        self._made = {
            (entity, event, source): Move(target, reason) for entity, event, source, target, reason in rows
        }
        self._made_events = {(entity, event) for entity, event, _ in self._made}

    def move(self, model: type[Model], event: str, source: str) -> Move | None:
        return built_in(model).get((event, source)) or self._made.get((entity_of(model), event, source))

    def knows(self, model: type[Model], event: str) -> bool:
        return event in built_in_events(model) or (entity_of(model), event) in self._made_events

    def events_from(self, model: type[Model], source: str) -> list[str]:
        """The events that have a transition from this state, built-in first."""
        made = [
            event for entity, event, state in self._made if entity == entity_of(model) and state == source
        ]
        return [event for event, state in built_in(model) if state == source] + made


@cache
def built_in(model: type[Model]) -> dict[tuple[str, str], Move]:
    """(event, source state) -> move, read off the decorated methods of the model."""
    return {
        (event, str(source)): Move(
            str(found.target),
            found.custom.get("reason", ""),
            found.custom.get("stamp", ""),
            tuple(found.conditions or ()),
        )
        for source, found in _transitions(model)
        for event in found.custom.get("events", ())
    }


@cache
def built_in_events(model: type[Model]) -> frozenset[str]:
    return frozenset(event for event, _ in built_in(model))


def _transitions(model: type[Model]) -> Iterable:
    """None for a model without a state, or whose transitions are all rows."""
    field = next((field for field in model._meta.fields if field.name == "state"), None)
    for method in getattr(field, "transitions", {}).get(model, {}).values():
        yield from method._django_fsm.transitions.items()
