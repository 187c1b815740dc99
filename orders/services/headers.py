"""The header's state follows its lines by these rules; the header event is raised once, when the last line arrives.

Canceled lines do not count. First rule that holds and is not yet true of the header:
every line canceled > canceled; every line invoiced > invoiced; every line shipped > shipped; some line shipped >
part shipped; every line in fulfillment > sent to fulfillment. Source: reference PRV-17.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from iom.lib.atomic import joined
from orders.models import Order, OrderLine
from orders.services.events import apply_event
from orders.services.transitions import TransitionTable

GONE = {OrderLine.State.SHIPPED, OrderLine.State.INVOICED}
OUT = GONE | {OrderLine.State.FULFILLMENT}


def header_event(state: str, reason: str, line_states: Iterable[str]) -> str | None:
    """The event that brings a header in this state up to its lines; None: it is there already."""
    every = list(line_states)
    live = {line for line in every if line != OrderLine.State.CANCELED}
    if not every or state in (Order.State.DRAFT, Order.State.COMPLETED, Order.State.CANCELED):
        return None
    if not live:
        return "order.canceled"
    if live == {OrderLine.State.INVOICED}:
        return "order.invoiced"
    if live <= GONE:
        return "order.shipped" if state != Order.State.SHIPPED else None
    if state == Order.State.ON_HOLD:
        return None  # facts about single lines do not end a hold; its release looks again
    if live & GONE:
        return "order.part_shipped" if reason != "part_shipped" else None
    if live <= OUT:
        return "order.sent_to_fulfillment" if state != Order.State.FULFILLMENT else None
    return None


@joined
def settle_headers(
    order_ids: Collection[int], *, actor: str, table: TransitionTable | None = None
) -> list[int]:
    """Bring headers up to their lines; the caller has locked the orders. Returns the ids that moved."""
    lines = defaultdict(list)
    for order_id, state in OrderLine.objects.filter(order_id__in=order_ids).values_list("order_id", "state"):
        lines[order_id].append(state)
    orders = Order.objects.filter(pk__in=order_ids).only("id", "state", "state_reason")
    return settle_known(orders, lines, actor=actor, table=table)


@joined
def settle_known(
    orders: Iterable[Order],
    line_states: Mapping[int, Sequence[str]],
    *,
    actor: str,
    table: TransitionTable | None = None,
) -> list[int]:
    """The same for a caller who has read the locked orders and the states of all their lines already."""
    events = defaultdict(list)
    for order in orders:
        if kind := header_event(order.state, order.state_reason, line_states.get(order.id, ())):
            events[kind].append(order)
    table = table or (TransitionTable() if events else None)
    return [
        pk
        for kind, group in sorted(events.items())
        for pk in apply_event(kind, group, actor=actor, table=table).changed
    ]
