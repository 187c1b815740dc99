"""Rows as JSON documents: plain dictionaries from values(), no objects in between."""

from collections.abc import Mapping
from typing import Any

from iom.lib.money import digits, from_minor
from orders.models import Order
from orders.numbers import number_of
from orders.services.states import allowed_actions
from orders.types import Outcome

ROW = (
    "id", "channel__key", "external_id", "state", "state_reason", "state_at", "customer_name", "customer_reference",
    "currency", "total_minor", "line_count", "unit_count", "priority", "placed_at", "received_at", "promised_at", "version",
)  # fmt: skip
AMOUNTS = ("goods_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor")
PARTY = ("name", "line1", "line2", "city", "region", "postal_code", "country", "latitude", "longitude")
DETAIL = (
    *ROW, *AMOUNTS[:-1], *(f"ship_to_{name}" for name in PARTY), "bill_to", "customer__code", "customer_email",
    "customer_phone", "order_type", "sales_origin", "is_manual", "notes", "requested_delivery_at",
    "sourced_at", "sent_at", "shipped_at", "completed_at",
)  # fmt: skip
LINE = (
    "id", "line_number", "sku", "description", "quantity", "unit_price", "discount_minor", "tax_minor", "amount_minor",
    "source__code", "state", "state_reason", "quantity_shipped", "quantity_canceled", "quantity_backordered", "method",
    "pickup_source__code", "inventory_available_on", "estimated_ship_on",
)  # fmt: skip
HOLD = (
    "id",
    "type",
    "reason",
    "blocks",
    "placed_by",
    "placed_at",
    "released_by",
    "released_at",
    "release_note",
)


def order_url(order_id: int) -> str:
    return f"/api/v1/orders/{number_of(order_id)}/"


def amount(minor: int, currency: str) -> str:
    """`"12.50"`: text, because a JSON number may pass through a float on the other side."""
    return f"{from_minor(minor, currency):.{digits(currency)}f}"


def order_row(values: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: values[name] for name in ROW if name not in ("channel__key", "total_minor")}
    head = {"id": row.pop("id"), "number": number_of(values["id"]), "channel": values["channel__key"]}
    return (
        head
        | row
        | {"total": amount(values["total_minor"], values["currency"]), "url": order_url(values["id"])}
    )


def order_document(order_id: int) -> dict[str, Any]:
    """The whole order in five queries; the caller has looked whether it may be seen."""
    values = Order.objects.values(*DETAIL).get(pk=order_id)
    order, currency = Order(pk=order_id), values["currency"]
    plain = {name: values[name] for name in DETAIL if "__" not in name and not name.endswith("_minor")}
    for name in PARTY:
        plain.pop(f"ship_to_{name}")
    return {
        **order_row(values),
        **plain,
        **{name.removesuffix("_minor"): amount(values[name], currency) for name in AMOUNTS},
        "customer_code": values["customer__code"],
        "ship_to": {name: values[f"ship_to_{name}"] for name in PARTY},
        "lines": [_line(row, currency) for row in order.lines.order_by("line_number").values(*LINE)],
        "charges": [
            _charge(row, currency)
            for row in order.charges.order_by("id").values("kind", "description", "amount_minor")
        ],
        "holds": list(order.holds.order_by("id").values(*HOLD)),
        "tags": list(order.order_tags.order_by("tag__name").values_list("tag__name", flat=True)),
        "allowed_actions": allowed_actions(values["state"]),
        "fulfillment_orders_url": f"/api/v1/fulfillment-orders/?order={number_of(order_id)}",
    }


def _line(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    amounts = ("discount_minor", "tax_minor", "amount_minor")
    plain = {name: value for name, value in row.items() if name not in amounts and "__" not in name}
    money = {name.removesuffix("_minor"): amount(row[name], currency) for name in amounts}
    return plain | money | {"source": row["source__code"], "pickup_source": row["pickup_source__code"]}


def _charge(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "description": row["description"],
        "amount": amount(row["amount_minor"], currency),
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """What a batch did; what is in neither list was there already."""
    return {
        "changed": [{"id": pk, "number": number_of(pk)} for pk in outcome.changed],
        "refused": [
            {"id": pk, "number": number_of(pk), "reason": reason}
            for pk, reason in sorted(outcome.refused.items())
        ],
    }
