"""Questions about fulfillment orders, and the lock under which they change."""

from collections.abc import Collection, Iterable

from fulfillment.errors import FulfillmentOrderNotFound
from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import FulfillmentSource
from orders.models import Order, OrderLine

# Orders and lines are wide and change seldom: the hot calls read what the states and counters need.
ORDER_FIELDS = ("id", "state", "state_reason")
LINE_FIELDS = (
    "id", "order_id", "sku", "quantity", "quantity_shipped", "quantity_canceled", "state", "state_reason",
)  # fmt: skip
ASKED_FIRST = (FulfillmentSource.Type.THIRD_PARTY, FulfillmentSource.Type.VENDOR)


def lock_orders(ids: Collection[int]) -> dict[int, Order]:
    """The orders by id, locked in pk order: the mutex of everything below them."""
    return {order.pk: order for order in Order.objects.only(*ORDER_FIELDS).lock(ids)}


def lock_owners(ids: Collection[int]) -> None:
    """Lock the orders of these fulfillment orders and read nothing; raises FulfillmentOrderNotFound for a missing id."""
    owners = dict(FulfillmentOrder.objects.filter(pk__in=ids).values_list("pk", "order_id"))
    if missing := set(ids) - set(owners):
        raise FulfillmentOrderNotFound(missing)
    orders = Order.objects.filter(pk__in=set(owners.values())).order_by("pk")
    len(orders.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def lock_work(ids: Collection[int]) -> tuple[dict[int, FulfillmentOrder], dict[int, Order]]:
    """Fulfillment orders as they are once their orders are locked, and these orders.

    Raises FulfillmentOrderNotFound for a missing id.
    """
    owners = dict(FulfillmentOrder.objects.filter(pk__in=ids).values_list("pk", "order_id"))
    if missing := set(ids) - set(owners):
        raise FulfillmentOrderNotFound(missing)
    orders = lock_orders(set(owners.values()))
    found = FulfillmentOrder.objects.filter(pk__in=owners).select_related("source")
    return {work.pk: work for work in found.order_by("pk")}, orders


def lines_of(work: Iterable[FulfillmentOrder]) -> list[FulfillmentLine]:
    ids = [item.pk for item in work]
    return list(FulfillmentLine.objects.filter(fulfillment_order_id__in=ids).order_by("pk"))


def order_lines_of(lines: Iterable[FulfillmentLine]) -> dict[int, OrderLine]:
    ids = {line.order_line_id for line in lines}
    found = OrderLine.objects.filter(pk__in=ids).only(*LINE_FIELDS).order_by("pk")
    return {line.pk: line for line in found}


def is_with_provider(work: FulfillmentOrder) -> bool:
    """It is, or may be, in another system: that system must be asked before it can be canceled here."""
    if work.send_requested_at or work.external_id:
        return True
    return work.state in FulfillmentOrder.WORK and work.source.type in ASKED_FIRST
