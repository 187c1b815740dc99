"""A small world: Chicago, Reno and a 3PL in Dallas, products with stock, orders to Milwaukee."""

from itertools import count

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services import execution
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand
from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import BusinessEvent, Channel, Order, OrderLine

ACTOR = "user:test"
PLACES = {
    "CHI": ("Chicago DC", "warehouse", 41.88, -87.63, "IL"),
    "RNO": ("Reno DC", "warehouse", 39.53, -119.81, "NV"),
    "DAL": ("Dallas 3PL", "3pl", 32.78, -96.80, "TX"),
}


class World:
    """Makes what a test needs. Orders come in state in progress, as after validation."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.channel = Channel.objects.create(key="shop", name="Shop")
        self.sources = {
            code: FulfillmentSource.objects.create(
                code=code, name=name, type=kind, latitude=lat, longitude=lon, region=region
            )
            for code, (name, kind, lat, lon, region) in PLACES.items()
        }

    def product(self, **stock: int) -> Product:
        """A product with this much on hand at these sources."""
        number = next(self.numbers)
        product = Product.objects.create(sku=f"SKU-{number}", name=f"Thing {number}")
        levels = [StockLevel(product.pk, self.sources[code].pk, units) for code, units in stock.items()]
        if levels:
            set_on_hand(levels, actor=ACTOR, reason="count")
        return product

    def orders(self, how_many: int, *lines: tuple[Product | None, int], **values) -> list[Order]:
        now = timezone.now()
        values = {"ship_to_latitude": 43.04, "ship_to_longitude": -87.91, "state": "in_progress"} | values
        orders = Order.objects.bulk_create(
            Order(
                channel=self.channel, external_id=f"X-{next(self.numbers)}", currency="USD", placed_at=now,
                received_at=now, state_at=now, **values,
            )
            for _ in range(how_many)
        )  # fmt: skip
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order, line_number=place, product=product, sku=product.sku if product else "WRITE-IN",
                quantity=quantity, state="in_progress", state_at=now,
            )
            for order in orders
            for place, (product, quantity) in enumerate(lines, 1)
        )  # fmt: skip
        return orders

    def order(self, *lines: tuple[Product | None, int], **values) -> Order:
        return self.orders(1, *lines, **values)[0]

    def demands(self, *orders: Order, **values) -> list[LineDemand]:
        lines = OrderLine.objects.filter(order__in=orders).select_related("order").order_by("order_id", "pk")
        return [
            LineDemand(
                line.order_id, line.pk, line.product_id, line.sku, line.quantity,
                line.order.ship_to_latitude, line.order.ship_to_longitude, **values,
            )
            for line in lines
        ]  # fmt: skip

    def source(self, *orders: Order, **values):
        with transaction.atomic():
            Order.objects.lock([order.pk for order in orders])
            return source_lines(self.demands(*orders), actor=ACTOR, **values)

    def reserve(self, *orders: Order) -> dict[int, str]:
        lines = OrderLine.objects.filter(order__in=orders).order_by("pk").values_list("pk", flat=True)
        return execution.reserve_lines(list(lines), actor=ACTOR)

    def sent(self, *lines, how_many: int = 1, **values) -> list[FulfillmentOrder]:
        """Fulfillment orders of fresh orders: sourced, reserved and sent."""
        orders = self.orders(how_many, *lines, **values)
        self.source(*orders)
        assert self.reserve(*orders) == {}
        made = FulfillmentOrder.objects.filter(order__in=orders).order_by("pk")
        execution.send([work.pk for work in made], actor=ACTOR)
        return list(made.all())


def state_of(record) -> tuple[str, str]:
    return type(record).objects.values_list("state", "state_reason").get(pk=record.pk)


def line_states(*orders) -> list[tuple[str, str]]:
    rows = OrderLine.objects.filter(order__in=orders).order_by("pk")
    return list(rows.values_list("state", "state_reason"))


def stock(product) -> dict[str, tuple[int, int]]:
    """Source code -> (on hand, reserved)."""
    rows = InventoryPosition.objects.filter(product=product)
    return {
        code: (hand, held) for code, hand, held in rows.values_list("source__code", "on_hand", "reserved")
    }


def kinds(**of) -> list[str]:
    return list(BusinessEvent.objects.filter(**of).order_by("pk").values_list("kind", flat=True))


def snapshot() -> list:
    """Everything that a refusal must leave alone."""
    models = (Order, OrderLine, FulfillmentOrder, FulfillmentLine, InventoryPosition, BusinessEvent)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def queries(function, *args, **kwargs) -> int:
    with CaptureQueriesContext(connection) as captured:
        function(*args, **kwargs)
    return len(captured)
