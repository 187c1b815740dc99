"""Cancellation of what no source works on yet. `fulfillment.services.cancellation` adds what to do with the rest."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import F

from orders.models import Order, OrderLine
from orders.services.events import apply_event
from orders.services.headers import settle_headers
from orders.services.holds import close_holds
from orders.services.states import refusal, stands_fast
from orders.types import Outcome

BEYOND = {
    OrderLine.State.FULFILLMENT: "is in fulfillment and must be stopped there first",
    OrderLine.State.SHIPPED: "has shipped; take it back by a return",
    OrderLine.State.INVOICED: "is invoiced; take it back by a return",
}
NARROW = (
    "id",
    "order_id",
    "line_number",
    "state",
    "state_reason",
    "amount_minor",
    "quantity",
    "quantity_shipped",
)


@transaction.atomic
def cancel_lines(line_ids: Collection[int], *, actor: str, reason: str) -> Outcome:
    """Cancel order lines that are not in fulfillment; a canceled one stays as it is.

    Amounts of the header stay as ordered; each event carries what was canceled. An order whose last line goes is
    canceled. Returns ids of lines. Raises LineNotFound, with nothing changed.
    Stock that is reserved for a line is given back by the caller. Source: reference APP-11.
    """
    order_ids = {line.order_id for line in OrderLine.objects.only("id", "order_id").of(line_ids)}
    Order.objects.only("id").lock(order_ids)
    lines = OrderLine.objects.only(*NARROW).of(line_ids)
    refused = {
        line.pk: f"Line {line.line_number} {BEYOND[line.state]}." for line in lines if line.state in BEYOND
    }
    free = [line for line in lines if line.pk not in refused and line.state != OrderLine.State.CANCELED]
    changed = cancel_locked_lines(free, actor=actor, reason=reason)
    return Outcome(changed, refused)


@transaction.atomic
def cancel_orders(order_ids: Collection[int], *, actor: str, reason: str) -> Outcome:
    """Cancel whole orders, none of whose lines is in fulfillment or further; a canceled one stays as it is.

    Refused ones keep every line, and their sentence says which line forbids it. Active holds end with the order.
    Stock that is reserved is given back by the caller. Raises OrderNotFound, with nothing changed.
    """
    orders = Order.objects.only("id", "state", "state_reason", "currency").lock(order_ids)
    lines = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=order_ids).order_by("pk").only(*NARROW):
        lines[line.order_id].append(line)
    refused = {order.pk: why for order in orders if (why := _refusal(order, lines[order.pk]))}
    free = [order for order in orders if order.pk not in refused and order.state != Order.State.CANCELED]
    live = [line for order in free for line in lines[order.pk] if line.state != OrderLine.State.CANCELED]
    _write_off(live, actor, reason)
    payloads = {
        order.pk: {
            "note": reason,
            "amount_minor": sum(line.amount_minor for line in live if line.order_id == order.pk),
        }
        for order in free
    }
    outcome = apply_event("order.canceled", free, actor=actor, payloads=payloads)
    close_holds(outcome.changed, actor=actor, note="Order canceled")
    return Outcome(outcome.changed, refused)


def cancel_locked_lines(lines: Sequence[OrderLine], *, actor: str, reason: str) -> list[int]:
    """Cancel lines, whatever they were, and settle their headers.

    For a caller who locked the orders and made sure that nothing of these lines ships. Returns ids of lines.
    """
    if not lines:
        return []
    changed = _write_off(lines, actor, reason)
    order_ids = {line.order_id for line in lines}
    settle_headers(order_ids, actor=actor)
    gone = Order.objects.filter(pk__in=order_ids, state=Order.State.CANCELED).values_list("pk", flat=True)
    close_holds(list(gone), actor=actor, note="Order canceled")
    return changed


def _write_off(lines: Sequence[OrderLine], actor: str, reason: str) -> list[int]:
    payloads = {
        line.pk: {
            "note": reason,
            "quantity": line.quantity - line.quantity_shipped,
            "amount_minor": line.amount_minor,
        }
        for line in lines
    }
    outcome = apply_event("order_line.canceled", lines, actor=actor, payloads=payloads)
    if outcome.changed:
        OrderLine.objects.filter(pk__in=outcome.changed).update(
            quantity_canceled=F("quantity") - F("quantity_shipped")
        )
    return outcome.changed


def _refusal(order: Order, lines: Sequence[OrderLine]) -> str:
    if order.state in (Order.State.SHIPPED, Order.State.COMPLETED) or stands_fast(order.state):
        return refusal(order.number, order.state, "canceled")
    first = next((line for line in lines if line.state in BEYOND), None)
    return f"Line {first.line_number} of {order.number} {BEYOND[first.state]}." if first else ""
