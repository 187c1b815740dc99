"""What rules may speak of: for each entity its fields with their types, its relations, and what may be set.

A closed list. A state column is readable and never settable; text is compared, never executed.
"""

from dataclasses import dataclass
from functools import cache

from django.db import models

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from orchestration.policies.amounts import is_amount
from orders.models import Hold, Order, OrderLine, OrderTag

MODELS = {
    "order": Order,
    "order_line": OrderLine,
    "fulfillment_order": FulfillmentOrder,
    "fulfillment_line": FulfillmentLine,
    "hold": Hold,
    "tag": OrderTag,
}

# entity -> the fields of its own, then of what it belongs to; a dot goes to one related record
FIELDS = {
    "order": (
        "external_id customer_name customer_email customer_reference order_type sales_origin company is_manual priority "
        "strategy currency goods_minor discount_minor shipping_minor tax_minor total_minor line_count unit_count ship_to_name "
        "ship_to_line1 ship_to_city ship_to_region ship_to_postal_code ship_to_country state state_reason placed_at "
        "requested_delivery_at promised_at channel.key channel.kind channel.trusted customer.code customer.kind "
        "customer.group customer.credit_hold customer.active"
    ),
    "order_line": (
        "line_number sku description is_substitute quantity unit_price amount_minor discount_minor tax_minor source_list split_group "
        "launch_date state state_reason quantity_shipped product.sku product.category product.active product.weight_grams "
        "product.price product.preorder_eligible product.launch_date source.code source.type source.region order.currency "
        "order.ship_to_country order.ship_to_region order.total_minor order.unit_count order.priority order.is_manual order.channel.key "
        "order.channel.kind order.customer.group order.customer.kind order.customer.credit_hold"
    ),
    "fulfillment_order": (
        "state state_reason external_id created_at ship_by source.code source.type source.region source.country "
        "order.priority order.ship_to_country order.ship_to_region order.total_minor order.channel.key order.channel.kind order.customer.group"
    ),
    "fulfillment_line": "quantity quantity_picked quantity_shipped product.sku product.category fulfillment_order.state "
    "fulfillment_order.source.code fulfillment_order.source.type order_line.state order_line.unit_price "
    "order_line.sku order_line.quantity order_line.order.priority order_line.order.ship_to_country",
    # only as related records of an order
    "hold": "type reason placed_by placed_at released_at released_by",
    "tag": "tag.name",
}
# relations to many: name that rules use -> (entity there, field there that points back)
RELATIONS = {
    "order": {
        "lines": ("order_line", "order"),
        "fulfillment_orders": ("fulfillment_order", "order"),
        "holds": ("hold", "order"),
        "tags": ("tag", "order"),
    },
    "order_line": {"fulfillment_lines": ("fulfillment_line", "order_line")},
    "fulfillment_order": {"lines": ("fulfillment_line", "fulfillment_order")},
    "fulfillment_line": {},
    "hold": {},
    "tag": {},
}
# entity -> where its order is, seen from a row of it
ORDER_OF = {
    "order": "pk",
    "order_line": "order_id",
    "fulfillment_order": "order_id",
    "fulfillment_line": "fulfillment_order__order_id",
}
SETTABLE = {
    "order": ("priority", "company", "sales_origin", "strategy", "promised_at"),
    "order_line": ("source", "source_list", "split_group"),
    "fulfillment_order": ("ship_by",),
    "fulfillment_line": (),
}
COMPARE = ("equals", "does_not_equal", "greater", "at_least", "less", "at_most")
LISTS = ("in", "not_in", "in_list", "not_in_list")
DATA = ("has_data", "has_no_data")
OPERATORS = {
    "number": (*COMPARE, "between", *LISTS, *DATA),
    "date": (*COMPARE, "between", "older_than", "within_last", "within_next", *DATA),
    "text": ("equals", "does_not_equal", "contains", "starts_with", "ends_with", *LISTS, *DATA),
    "boolean": ("equals", "does_not_equal", *DATA),
}
# operators that also take another field of the same type
AGAINST_FIELD = {
    "number": COMPARE,
    "date": COMPARE,
    "text": ("equals", "does_not_equal"),
    "boolean": ("equals", "does_not_equal"),
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """`lookup` is the ORM path; `type` is number, date, text or boolean; `choices` are the values it can have, if listed."""

    name: str
    lookup: str
    type: str
    choices: tuple[str, ...] = ()
    field: models.Field | None = None
    nullable: bool = False  # it, or what it belongs to, may be missing
    currency: str = ""  # of an amount of money: the field that has its currency


@cache
def catalog(entity: str) -> dict[str, FieldSpec]:
    """The declared fields, and the currency of each amount among them."""
    found = {name: _spec(MODELS[entity], name) for name in FIELDS[entity].split()}
    codes = dict.fromkeys(spec.currency for spec in found.values() if spec.currency)
    return found | {name: _spec(MODELS[entity], name) for name in codes if name not in found}


def currency_of(entity: str) -> str:
    """Lookup of the currency of the order that a record belongs to."""
    return "currency" if entity == "order" else f"{ORDER_OF[entity].removesuffix('_id')}__currency"


def _spec(model: type[models.Model], name: str) -> FieldSpec:
    field, nullable = None, False
    for part in name.split("."):
        field = model._meta.get_field(part)
        nullable |= field.null
        model = field.related_model or model
    choices = tuple(str(value) for value, _ in field.choices or ()) or _state_choices(field)
    return FieldSpec(
        name, name.replace(".", "__"), _type(field), choices, field, nullable, _currency(name, field)
    )


def _currency(name: str, field: models.Field) -> str:
    """An amount is in the currency of its own record, or else in that of its order."""
    if not is_amount(name):
        return ""
    names = {other.name for other in field.model._meta.get_fields()}
    found = "currency" if "currency" in names else "order.currency" if "order" in names else ""
    owner = name.rpartition(".")[0]
    return f"{owner}.{found}" if owner and found else found


def _state_choices(field: models.Field) -> tuple[str, ...]:
    states = getattr(field.model, "State", None)
    return tuple(states.values) if field.name == "state" and states else ()


def _type(field: models.Field) -> str:
    if isinstance(field, models.BooleanField):
        return "boolean"
    if isinstance(field, models.DateField):
        return "date"
    if isinstance(field, models.IntegerField | models.DecimalField | models.FloatField):
        return "number"
    return "text"
