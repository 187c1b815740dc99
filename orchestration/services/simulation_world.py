"""The world of a test run: the order that goes through, and the stock that there is for it."""

from collections.abc import Mapping, Sequence

from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.api.reading import read_order
from orders.models import Channel, Order, OrderLine
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party

ACTOR = "test run"
Stock = Sequence[Sequence]  # of (sku, code of the source, units)
PARTY = ("name", "line1", "line2", "city", "region", "postal_code", "country", "latitude", "longitude")
COPIED = (
    "channel_id", "currency", "placed_at", "customer_name", "customer_email", "customer_phone", "customer_reference",
    "requested_delivery_at", "promised_at", "sales_origin", "priority", "is_manual",
)  # fmt: skip


def copy_of(order_id: int) -> tuple[OrderDraft | None, list[str]]:
    order = Order.objects.select_related("customer").filter(pk=order_id).first()
    if order is None:
        return None, ["There is no such order."]
    rows = OrderLine.objects.live().filter(order=order).order_by("line_number")
    columns = ("line_number", "sku", "quantity", "unit_price", "description", "discount_minor", "tax_minor")
    lines = tuple(LineDraft(*row) for row in rows.values_list(*columns))
    charges = order.charges.order_by("pk").values_list("kind", "amount_minor", "description")
    return OrderDraft(
        **{name: getattr(order, name) for name in COPIED},
        external_id=order.external_id,
        ship_to=Party(*(getattr(order, f"ship_to_{part}") for part in PARTY)),
        lines=lines,
        charges=tuple(ChargeDraft(*row) for row in charges),
        customer_code=order.customer.code if order.customer else "",
    ), [] if lines else ["Every line of this order is canceled."]


def read(document: Mapping | None) -> tuple[OrderDraft | None, list[str]]:
    draft, faults = read_order(document, {channel.key: channel for channel in Channel.objects.all()})
    return draft, [f"{fault.get('field') or 'order'}: {fault['message']}" for fault in faults]


def lay_out(stock: Stock, skus: set[str]) -> list[str]:
    """Let there be so many units of these products to take at each source, and none elsewhere; says what is unknown."""
    products = dict(
        Product.objects.filter(sku__in=skus | {sku for sku, _, _ in stock}).values_list("sku", "pk")
    )
    sources = dict(FulfillmentSource.objects.values_list("code", "pk"))
    wanted = {
        (products[sku], sources[source]): units
        for sku, source, units in stock
        if sku in products and source in sources
    }
    rows = InventoryPosition.objects.filter(product__in=products.values())
    kept = {(p, s): (reserved, safety) for p, s, reserved, safety in rows.values_list("product", "source", "reserved", "safety_stock")}  # fmt: skip
    levels = [
        StockLevel(*pair, wanted.get(pair, 0) + sum(kept.get(pair, (0, 0))))
        for pair in sorted({*wanted, *kept})
    ]
    if levels:
        set_on_hand(levels, actor=ACTOR, reason="test run")
    missing = sorted({source for _, source, _ in stock} - sources.keys())
    return [f"There is no fulfillment source {source} here; the order needs its stock." for source in missing]
