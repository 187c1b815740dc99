"""Cancel orders, whatever has been done for them so far."""

from collections import Counter, defaultdict
from collections.abc import Collection

from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.querysets import is_with_provider, lines_of, lock_orders
from fulfillment.services.capacity import give_back
from fulfillment.services.reserving import release_lines
from iom.lib import bulk, lock_order
from orders.models import Order, OrderLine
from orders.services import cancellation
from orders.services.events import apply_event, collecting
from orders.services.states import stands_fast
from orders.services.transitions import TransitionTable
from orders.types import Outcome

GONE = (FulfillmentOrder.State.SHIPPED, FulfillmentOrder.State.DELIVERED)
OVER = (Order.State.SHIPPED, Order.State.COMPLETED)


@lock_order.unit
def cancel_orders(order_ids: Collection[int], *, actor: str, reason: str) -> Outcome:
    """Cancel orders; what is with a provider waits for its answer, the rest is canceled at once and its stock released.

    A store or warehouse of our own loses the work from its list at once, whatever it did so far. A provider is asked
    (`fulfillment_order.cancel_requested`): its "canceled" ends the order, its "shipped" means that the cancellation
    lost. An order of which something has shipped is refused, with nothing changed: that is a return. A canceled order,
    or one that waits for the same answer, stays as it is.
    """
    orders = lock_orders(order_ids)
    work = defaultdict(list)
    found = FulfillmentOrder.objects.filter(order_id__in=orders).select_related("source").order_by("pk")
    for item in found:
        work[item.order_id].append(item)
    refused = {pk: said for pk, order in orders.items() if (said := _problem(order, work[pk]))}
    open_ = {pk for pk, order in orders.items() if order.state != Order.State.CANCELED} - set(refused)
    started = {pk for pk in open_ if any(item.state in FulfillmentOrder.OPEN for item in work[pk])}
    with collecting():
        outcome = cancellation.cancel_orders(open_ - started, actor=actor, reason=reason)
        stopped = _cancel(
            [orders[pk] for pk in sorted(started)], [i for pk in started for i in work[pk]], actor, reason
        )
    return Outcome(changed=sorted([*outcome.changed, *stopped]), refused=refused | outcome.refused)


def _problem(order: Order, work: list[FulfillmentOrder]) -> str | None:
    if shipped := [item.number for item in work if item.state in GONE]:
        return f"{order.number} cannot be canceled: {', '.join(shipped)} has shipped. Make a return instead."
    if order.state in OVER or stands_fast(order.state):
        return f"{order.number} cannot be canceled: it is {order.state.replace('_', ' ')}."
    return None


def _cancel(orders: list[Order], work: list[FulfillmentOrder], actor: str, reason: str) -> list[int]:
    table = TransitionTable()
    open_ = [item for item in work if item.state in FulfillmentOrder.OPEN]
    away = [item for item in open_ if is_with_provider(item)]
    here = [item for item in open_ if not is_with_provider(item)]
    lines = lines_of(open_)
    ours = {item.pk for item in here}
    apply_event("fulfillment_order.canceled", here, actor=actor, reason="canceled", table=table)
    if taken := [item.pk for item in here if item.capacity_day]:
        give_back(taken)
    release_lines([li for li in lines if li.fulfillment_order_id in ours], actor=actor, reason=reason)
    asked = _ask([item for item in away if not item.cancel_requested_at], actor, reason, table)
    waiting = {li.order_line_id for li in lines if li.fulfillment_order_id not in ours}
    _count_canceled([line for line in lines if line.fulfillment_order_id in ours], waiting)
    by_id = {order.pk: order for order in orders}
    told = {pk: {"note": reason} for pk in asked}
    apply_event(
        "order.cancel_requested", [by_id[pk] for pk in asked], actor=actor, payloads=told, table=table
    )
    ended = _end_lines(set(by_id), waiting, actor, reason)
    return sorted({*asked, *ended})


def _ask(work: list[FulfillmentOrder], actor: str, reason: str, table: TransitionTable) -> list[int]:
    """Ask the providers; returns the orders that wait for an answer from now on."""
    FulfillmentOrder.objects.filter(pk__in=[item.pk for item in work]).update(
        cancel_requested_at=timezone.now()
    )
    told = {item.pk: {"note": reason} for item in work}
    apply_event("fulfillment_order.cancel_requested", work, actor=actor, payloads=told, table=table)
    return sorted({item.order_id for item in work})


def _end_lines(order_ids: set[int], waiting: set[int], actor: str, reason: str) -> set[int]:
    """Cancel the lines for which no provider is asked, and with the last of them the order; returns the orders."""
    live = OrderLine.objects.live().filter(order_id__in=order_ids).exclude(pk__in=waiting)
    ending = list(live.order_by("pk"))
    cancellation.cancel_locked_lines(ending, actor=actor, reason=reason)
    return {line.order_id for line in ending}


def _count_canceled(lines: list[FulfillmentLine], waiting: set[int]) -> None:
    """Units that were still here, of lines that wait for a provider with the others."""
    units = Counter()
    for line in lines:
        if line.order_line_id in waiting:
            units[line.order_line_id] += line.quantity
    found = OrderLine.objects.filter(pk__in=units).values_list("pk", "quantity_canceled")
    rows = [(pk, canceled + units[pk]) for pk, canceled in found]
    if rows:
        bulk.update(OrderLine, "pk", ("quantity_canceled",), rows)
