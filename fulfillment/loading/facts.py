"""What all strategies of a batch share, read once: sources, carrier services, calendars, days, products, prices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from fulfillment import calendars
from fulfillment.loading.kept import setup
from fulfillment.models import FutureSale, SourceDay, SourcePriority
from fulfillment.shipping_setup import ServiceSetup, SourceSetup
from fulfillment.sourcing_strategy import OrderNeed, Terms
from fulfillment.strategy_document import LiveStrategy, list_members, live_strategies
from inventory.models import FulfillmentSource, Product
from iom.lib.money import rounded_minor
from orders.models import Order, OrderLine

SOURCE = (
    "pk", "code", "type", "active", "latitude", "longitude", "time_zone", "capacity_unit", "capacity_per_day",
    "overtime_per_day", "overtime_minor", "handling_parcel_minor", "handling_unit_minor", "reject_rate_ppm", "priority",
    "safety_stock",
)  # fmt: skip
PRODUCT = (
    "weight_grams", "length_mm", "width_mm", "height_mm", "ship_class", "category", "sku", "keeps_order_whole", "price",
    "currency",
)  # fmt: skip
LARGEST_MM3 = 10**12


class ProductFacts(NamedTuple):
    grams: int
    mm3: int
    ship_class: str
    category: str
    sku: str
    keeps_whole: bool
    price_minor: int


class Priority(NamedTuple):
    """Of a source for one product or one category; see `SourcePriority`."""

    source: int
    product: int | None
    category: str
    rank: int


class Future(NamedTuple):
    """What a unit is worth later; see `FutureSale`. None and empty count for all."""

    product: int | None
    category: str
    source: int | None
    source_type: str
    minor: int
    percent: float


@dataclass
class Facts:
    """`used` is by source, day and unit of capacity; `prices` the price of a unit by line, in minor units."""

    now: datetime
    sources: list[dict[str, Any]]
    services: list[ServiceSetup]
    setups: dict[int, SourceSetup]
    used: dict[tuple[int, date, str], int]
    products: dict[int, ProductFacts]
    terms: dict[int, Terms]
    prices: dict[int, int]
    strategies: dict[str, LiveStrategy]
    lists: dict[str, frozenset[int]]
    priorities: list[Priority]
    futures: list[Future]


def facts(
    orders: Sequence[OrderNeed],
    now: datetime,
    *,
    carrier: str = "",
    source_ids: Collection[int] | None = None,
    strategies: Mapping[str, LiveStrategy] | None = None,
    lists: Mapping[str, frozenset[int]] | None = None,
) -> Facts:
    """Everything but stock; a fixed number of queries however many orders.

    `carrier`: only the services of this one. `source_ids`: only these sources, where no other is asked about.
    `strategies` and `lists`: as they were read already.
    """
    rows = FulfillmentSource.objects.order_by("pk")
    rows = rows if source_ids is None else rows.filter(pk__in=source_ids)
    kept = setup()
    products = {line.product_id for order in orders for line in order.lines if line.product_id}
    return Facts(
        now,
        list(rows.values(*SOURCE)),
        [one for one in kept.services if carrier in ("", one.carrier_code)],
        kept.sources,
        _used(now),
        product_facts(products),
        _terms(orders),
        _prices(orders),
        live_strategies() if strategies is None else dict(strategies),
        list_members() if lists is None else dict(lists),
        [Priority(*row) for row in SourcePriority.objects.order_by("pk").values_list("source_id", "product_id", "category", "priority")],
        _futures(),
    )  # fmt: skip


def product_facts(ids: Collection[int]) -> dict[int, ProductFacts]:
    rows = Product.objects.filter(pk__in=ids).order_by().values_list("pk", *PRODUCT)
    return {
        pk: ProductFacts(grams, min(LARGEST_MM3, a * b * c), kind, category, sku, whole, rounded_minor(price, currency))
        for pk, grams, a, b, c, kind, category, sku, whole, price, currency in rows
    }  # fmt: skip


def _terms(orders: Sequence[OrderNeed]) -> dict[int, Terms]:
    """By order: its own where it brings them, else as it is kept."""
    found = {order.order_id: order.terms for order in orders if order.terms is not None}
    kept = [order.order_id for order in orders if order.terms is None]
    if kept:
        rows = Order.objects.filter(pk__in=kept).order_by()
        for pk, goods, promised, requested in rows.values_list(
            "pk", "goods_minor", "promised_at", "requested_delivery_at"
        ):
            wanted = promised or requested
            found[pk] = Terms(goods, wanted.date() if wanted else None)
    return found


def _prices(orders: Sequence[OrderNeed]) -> dict[int, int]:
    lines = [line for order in orders for line in order.lines]
    found = {line.line_id: line.unit_minor for line in lines if line.unit_minor is not None}
    kept = [line.line_id for line in lines if line.unit_minor is None]
    if kept:
        rows = OrderLine.objects.filter(pk__in=kept).order_by().values_list("pk", "amount_minor", "quantity")
        found |= {pk: amount // max(1, quantity) for pk, amount, quantity in rows}
    return found


def _used(now: datetime) -> dict[tuple[int, date, str], int]:
    rows = SourceDay.objects.filter(day__gte=now.date() - calendars.ONE_DAY)
    return {
        (source, day, unit): used
        for source, day, unit, used in rows.values_list("source_id", "day", "unit", "used")
    }


def _futures() -> list[Future]:
    """The row that names most comes last; of equal ones the newest."""
    rows = FutureSale.objects.order_by("pk").values_list(
        "product_id", "category", "source_id", "source_type", "minor", "percent"
    )
    found = [Future(*row[:5], float(row[5])) for row in rows]
    return sorted(found, key=lambda row: (
        (row.product is not None) + (row.source is not None), bool(row.category) + bool(row.source_type),
    ))  # fmt: skip
