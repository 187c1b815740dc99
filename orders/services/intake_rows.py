"""The rows of new orders, as tuples in the order of their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from iom.lib import bulk
from orders.countries import COUNTRIES
from orders.geography import locate
from orders.models import Charge, Order, OrderLine
from orders.services.amounts import Amounts
from orders.services.references import KnownCustomer, KnownProduct, References
from orders.services.tags import attach
from orders.types import LineDraft, Party

if TYPE_CHECKING:
    from orders.services.intake import Accepted, Key

ORDER_COLUMNS = (
    "channel", "external_id", "content_hash",
    "customer", "customer_name", "customer_email", "customer_phone", "customer_reference",
    "sales_origin", "company", "is_manual", "priority", "strategy", "currency",
    "goods_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "line_count", "unit_count",
    "ship_to_name", "ship_to_line1", "ship_to_line2", "ship_to_city", "ship_to_region", "ship_to_postal_code",
    "ship_to_country", "ship_to_latitude", "ship_to_longitude", "bill_to", "notes",
    "state", "state_reason", "placed_at", "requested_delivery_at", "promised_at", "received_at", "state_at",
)  # fmt: skip
LINE_COLUMNS = (
    "order", "line_number", "product", "sku", "description", "requested_sku", "is_substitute", "quantity",
    "unit_price", "discount_minor", "tax_minor", "amount_minor", "split_group", "launch_date",
    "state", "state_reason", "state_at", "method", "pickup_source",
)  # fmt: skip
CHARGE_COLUMNS = ("order", "kind", "description", "amount_minor")
NEW, DRAFT = Order.State.NEW.value, Order.State.DRAFT.value
NEW_LINE = OrderLine.State.NEW.value
NOBODY = KnownCustomer(None, "", "", "")
NO_PARTY: dict = {}
DESCRIPTION_LENGTH = 200


def insert_orders(first: Mapping["Key", "Accepted"], known: References, now: datetime) -> dict["Key", int]:
    """Ids by key of those that are new; a key that somebody else wrote meanwhile is left out."""
    # In key order: two batches that share keys wait for each other, never in a circle.
    made = bulk.insert(
        Order,
        ORDER_COLUMNS,
        [_order(first[key], known, now) for key in sorted(first)],
        returning=("channel", "external_id", "pk"),
        skip_conflicts=True,
        mostly_new=True,
    )
    return {(channel_id, external_id): pk for channel_id, external_id, pk in made}


def insert_parts(created: Sequence[tuple[int, "Accepted"]], known: References, now: datetime) -> None:
    """Lines, charges and tags of new orders, by order id."""
    bulk.insert(
        OrderLine,
        LINE_COLUMNS,
        [
            line_row(order_id, line, amount, known, now)
            for order_id, item in created
            for line, amount in zip(item.draft.lines, item.amounts.lines, strict=True)
        ],
    )
    charges = [
        (order_id, charge.kind, charge.description, charge.amount_minor)
        for order_id, item in created
        for charge in item.draft.charges
    ]
    bulk.insert(Charge, CHARGE_COLUMNS, charges)
    attach({order_id: item.draft.tags for order_id, item in created if item.draft.tags})


def _order(item: "Accepted", known: References, now: datetime) -> tuple:
    draft, amounts, place = item.draft, item.amounts, item.draft.ship_to
    customer = known.customers.get(draft.customer_code, NOBODY)
    return (
        draft.channel_id, draft.external_id, item.sound.content_hash,
        customer.id, draft.customer_name or customer.name, draft.customer_email or customer.email,
        draft.customer_phone or customer.phone, draft.customer_reference,
        draft.sales_origin, "", draft.is_manual, draft.priority, "", draft.currency,
        amounts.goods, amounts.discount, amounts.shipping, amounts.tax, amounts.total,
        len(draft.lines), sum([line.quantity for line in draft.lines]),
        place.name, place.line1, place.line2, place.city, place.region, place.postal_code,
        known_country(place), *coordinates(place),
        stored_party(draft.bill_to), draft.notes,
        DRAFT if draft.draft else NEW, "", draft.placed_at, draft.requested_delivery_at, draft.promised_at, now, now,
    )  # fmt: skip


def header_amounts(lines: Sequence[LineDraft], amounts: Amounts) -> dict[str, int]:
    """The header's columns that follow from its lines and charges."""
    return {
        "goods_minor": amounts.goods,
        "discount_minor": amounts.discount,
        "shipping_minor": amounts.shipping,
        "tax_minor": amounts.tax,
        "total_minor": amounts.total,
        "line_count": len(lines),
        "unit_count": sum(line.quantity for line in lines),
    }


def line_row(order_id: int, line: LineDraft, amount: int, known: References, now: datetime) -> tuple:
    product, substitute = known.product_for(line.sku)
    return (
        order_id, line.line_number, product and product.id, product.sku if product else line.sku,
        line.description or _name(product), line.sku if substitute else "", substitute, line.quantity,
        line.unit_price, line.discount_minor, line.tax_minor, amount, "", product and product.launch_date,
        NEW_LINE, "", now, line.method, known.stores[line.pickup_source].id if line.pickup_source else None,
    )  # fmt: skip


def _name(product: KnownProduct | None) -> str:
    return product.name[:DESCRIPTION_LENGTH] if product else ""


def known_country(place: Party) -> str:
    """A parked order may carry a country that is none; its hold keeps what was sent."""
    return place.country if place.country in COUNTRIES else ""


def coordinates(place: Party) -> tuple[float | None, float | None]:
    """What the channel sent, else where its city or region is."""
    if place.latitude is not None and place.longitude is not None:
        return place.latitude, place.longitude
    return locate(place.country, place.region, place.city) or (None, None)


def stored_party(party: Party | None) -> dict:
    return (
        {name: value for name, value in asdict(party).items() if value not in ("", None)}
        if party
        else NO_PARTY
    )
