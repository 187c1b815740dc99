"""Kinds of record that flows and policies work on: the built-in ones, and models of other apps that register theirs.

A registered record belongs to an order and goes along the order's flows: a step whose level is its key works on each of
them, splitters and conditions part them, the next step of the order joins them. Events about it start and wake runs of
its order. Policies address the fields it declares, and rules about the order count, sum and quantify over its records.

    class Warranty(Stateful):                                   # iom.lib.stateful: state, state_reason, state_at
        order = models.ForeignKey("orders.Order", models.CASCADE, related_name="warranties")
        months = models.PositiveSmallIntegerField(default=12)

    class WarrantiesConfig(AppConfig):
        name = "warranties"

        def ready(self):
            from orchestration.entities import Entity, register
            register(Entity(self.get_model("Warranty"), "Warranty", "warranties", "months state order.priority", ("months",)))

Its business events (`warranty.registered`) and the transitions of its state are rows, as those that people make; they are
raised by `orders.services.events.apply_event("warranty.registered", [warranty], actor=…)` with the order locked.
"""

from dataclasses import dataclass

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models

from iom.lib.words import entity_of
from orchestration.policies import fields
from orders.models import Order

LEVELS = {"order": "Order", "order_line": "Order line", "fulfillment_order": "Fulfillment order"}
POLICY_ENTITIES = {**LEVELS, "fulfillment_line": "Fulfillment line"}
STATE_COLUMNS = frozenset({"state", "state_reason", "state_at"})


@dataclass(frozen=True, slots=True)
class Entity:
    """`fields` are names that rules may compare, a dot to a related record; `settable` those that rules may write.

    `relation` is what rules about the order call its records. Records in a state of `ended` are left out by steps.
    """

    model: type[models.Model]
    label: str
    relation: str
    fields: str
    settable: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """As events name it: `GiftCard` -> `gift_card`."""
        return entity_of(self.model)


_entities: dict[str, Entity] = {}


def register(entity: Entity) -> None:
    """Make a model's records known to flows and policies; again: the latest counts. Raises ImproperlyConfigured."""
    _check(entity)
    _entities[entity.key] = entity
    fields.MODELS[entity.key] = entity.model
    fields.FIELDS[entity.key] = entity.fields
    fields.SETTABLE[entity.key] = entity.settable
    fields.ORDER_OF[entity.key] = "order_id"
    fields.RELATIONS[entity.key] = {}
    fields.RELATIONS["order"][entity.relation] = (entity.key, "order")
    fields.catalog.cache_clear()
    _fields_exist(entity)


def registered() -> dict[str, Entity]:
    return _entities


def levels() -> dict[str, str]:
    """What steps and splitters can work on: key and label."""
    return LEVELS | {key: entity.label for key, entity in _entities.items()}


def policy_entities() -> list[tuple[str, str]]:
    """What a policy can look at, as choices."""
    return [*POLICY_ENTITIES.items(), *((key, entity.label) for key, entity in _entities.items())]


def _check(entity: Entity) -> None:
    name = entity.model.__name__
    try:
        order = entity.model._meta.get_field("order")
    except FieldDoesNotExist:
        order = None
    if not isinstance(order, models.ForeignKey) or order.related_model is not Order:
        raise ImproperlyConfigured(f"{name} needs a foreign key “order” to orders.Order.")
    if entity.key in POLICY_ENTITIES or entity.key in ("hold", "tag"):
        raise ImproperlyConfigured(f"{name} would take the place of the built-in {entity.key}.")
    taken = fields.RELATIONS["order"].get(entity.relation, (entity.key,))
    if taken[0] != entity.key:
        raise ImproperlyConfigured(f"{entity.relation} is taken by {taken[0]}.")
    if wrong := STATE_COLUMNS & set(entity.settable):
        raise ImproperlyConfigured(f"{', '.join(sorted(wrong))} of {name} can only be moved by events.")
    if wrong := set(entity.settable) - set(entity.fields.split()):
        raise ImproperlyConfigured(f"{', '.join(sorted(wrong))} must be among the fields of {name}.")


def _fields_exist(entity: Entity) -> None:
    try:
        fields.catalog(entity.key)
    except FieldDoesNotExist as error:
        raise ImproperlyConfigured(f"{entity.model.__name__}: {error}") from error
