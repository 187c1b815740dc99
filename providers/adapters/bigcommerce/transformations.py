"""BigCommerce v2 orders as drafts of ours. Pure functions; money comes as text with four places, dates as RFC 2822."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

from iom.lib.money import rounded_minor
from orders.services.customers import CustomerDraft
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party
from providers.errors import MessageFault

STATUS_IDS = {"shipped": 2, "canceled": 5, "completed": 10}
Row = Mapping[str, Any]


def draft_of(order: Row, products: Sequence[Row], addresses: Sequence[Row], *, channel_id: int) -> OrderDraft:
    """Raises MessageFault, naming the field, for what cannot be read; what is readable but wrong is intake's to judge."""
    currency = str(order.get("currency_code") or "")
    billing = order.get("billing_address") or {}
    return OrderDraft(
        channel_id=channel_id,
        external_id=str(order["id"]),
        currency=currency,
        placed_at=when(order, "date_created"),
        ship_to=_party(addresses[0] if addresses else billing),
        bill_to=_party(billing),
        lines=tuple(_line(number, row, currency) for number, row in enumerate(_sorted(products), 1)),
        charges=_charges(order, products, currency),
        customer_code=_customer_code(order, channel_id),
        customer_name=_text(billing, "company") or _name(billing),
        customer_email=_text(billing, "email"),
        customer_phone=_text(billing, "phone"),
        sales_origin="bigcommerce",
        total_minor=_minor(order, "total_inc_tax", currency),
        notes=_text(order, "customer_message"),
    )


def customer_of(order: Row, draft: OrderDraft) -> CustomerDraft | None:
    """The customer of a registered buyer, None for a guest: a company is an account, anybody else a contact."""
    if not draft.customer_code:
        return None
    kind = "account" if _text(order.get("billing_address") or {}, "company") else "contact"
    name = draft.customer_name or draft.customer_code
    return CustomerDraft(draft.customer_code, kind, name, draft.customer_email, draft.customer_phone)


def _customer_code(order: Row, channel_id: int) -> str:
    """Shops number their customers each for itself, so the channel is part of the code."""
    number = order.get("customer_id") or 0
    return f"BC{channel_id}-{number}" if number else ""


def digest_of(order: Row) -> str:
    """Of what we take over from the head of an order: equal after a change of status, another after an edit."""
    names = ("currency_code", "total_inc_tax", "total_tax", "items_total", "customer_id", "customer_message")
    parts = [order.get(name) for name in names] + [
        sorted((order.get("billing_address") or {}).items(), key=str)
    ]
    return sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def _sorted(products: Sequence[Row]) -> list[Row]:
    return sorted(products, key=lambda row: row.get("id") or 0)


def _line(number: int, row: Row, currency: str) -> LineDraft:
    quantity = row.get("quantity")
    if type(quantity) is not int:
        raise MessageFault("bad_quantity", f"The quantity of line {number} is not a whole number.")
    return LineDraft(
        line_number=number,
        sku=_text(row, "sku"),
        quantity=quantity,
        unit_price=_money(row, "price_ex_tax"),
        description=_text(row, "name"),
        discount_minor=_discount(row, currency),
        tax_minor=_minor(row, "total_tax", currency),
    )


def _discount(row: Row, currency: str) -> int:
    return sum(_minor(part, "amount", currency) for part in row.get("applied_discounts") or ())


def _charges(order: Row, products: Sequence[Row], currency: str) -> tuple[ChargeDraft, ...]:
    """Shipping and handling, and what tax and discount the lines do not carry: some are in the order's head only."""
    shipping = _minor(order, "shipping_cost_ex_tax", currency)
    handling = _minor(order, "handling_cost_ex_tax", currency) + _minor(
        order, "wrapping_cost_ex_tax", currency
    )
    off = _minor(order, "discount_amount", currency) + _minor(order, "coupon_discount", currency)
    off -= sum(_discount(row, currency) for row in products)
    rest = _minor(order, "total_tax", currency) - sum(_minor(row, "total_tax", currency) for row in products)
    found = (
        ("shipping", shipping, "Shipping"), ("handling", handling, "Handling"),
        ("tax", rest, "Tax on shipping"), ("discount", -max(off, 0), "Discount"),
    )  # fmt: skip
    return tuple(ChargeDraft(kind, amount, text) for kind, amount, text in found if amount)


def _party(row: Row) -> Party:
    return Party(
        name=_name(row), line1=_text(row, "street_1"), line2=_text(row, "street_2"), city=_text(row, "city"),
        region=_text(row, "state"), postal_code=_text(row, "zip"), country=_text(row, "country_iso2"),
    )  # fmt: skip


def _name(row: Row) -> str:
    return " ".join(filter(None, (_text(row, "first_name"), _text(row, "last_name")))) or _text(
        row, "company"
    )


def _text(row: Row, name: str) -> str:
    return str(row.get(name) or "").strip()


def _money(row: Row, name: str) -> Decimal:
    try:
        found = Decimal(str(row.get(name) or "0"))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > 10**12:
        raise MessageFault("bad_money", f"{name} is not an amount: {str(row.get(name))[:40]!r}.")
    return found


def _minor(row: Row, name: str, currency: str) -> int:
    return rounded_minor(_money(row, name), currency)


def when(row: Row, name: str) -> datetime:
    text = row.get(name)
    try:
        found = parsedate_to_datetime(str(text))
    except (ValueError, TypeError):
        raise MessageFault("bad_date", f"{name} cannot be read: {str(text)[:60]!r}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def shipment_of(payload: Row, products: Sequence[Row], addresses: Sequence[Row]) -> dict[str, Any]:
    """Our shipment as theirs; our lines are their products in the order of their ids."""
    ids = [row["id"] for row in _sorted(products)]
    items = [
        {"order_product_id": ids[line["line_number"] - 1], "quantity": line["quantity"]}
        for line in payload["lines"]
        if line["line_number"] <= len(ids)
    ]
    return {
        "order_address_id": addresses[0]["id"] if addresses else 0,
        "tracking_number": payload["tracking_number"],
        "shipping_provider": "",
        "tracking_carrier": payload["carrier"].lower(),
        "comments": payload["reference"],
        "items": items,
    }
