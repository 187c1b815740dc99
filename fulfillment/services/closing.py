"""What fulfillment orders that end leave behind in their order lines and headers. The caller has locked the orders."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.querysets import lines_of, order_lines_of
from fulfillment.services.capacity import give_back
from fulfillment.services.reserving import release_lines
from iom.lib import bulk
from orders.models import Order, OrderLine
from orders.services.events import apply_event
from orders.services.headers import settle_headers
from orders.services.holds import close_holds
from orders.services.transitions import TransitionTable

Line = OrderLine.State
BEFORE_SENT = (Line.NEW, Line.IN_PROGRESS)
ENDED = (Line.SHIPPED, Line.INVOICED, Line.CANCELED)


def move_sent(
    work: Sequence[FulfillmentOrder],
    *,
    actor: str,
    table: TransitionTable,
    lines: Iterable[OrderLine] | None = None,
) -> None:
    """Fulfillment orders in state new become sent, and their lines are in fulfillment; `lines`: if read already."""
    fresh = [item for item in work if item.state == FulfillmentOrder.State.NEW]
    if not fresh:
        return
    apply_event("fulfillment_order.sent", fresh, actor=actor, table=table)
    lines = order_lines_of(lines_of(fresh)).values() if lines is None else lines
    waiting = [line for line in lines if line.state in BEFORE_SENT]
    apply_event("order_line.sent_to_fulfillment", waiting, actor=actor, table=table)


def cancel_work(work: Sequence[FulfillmentOrder], *, actor: str, reason: str, table: TransitionTable) -> None:
    """Fulfillment orders that will not ship: stock back, demand ended, headers settled."""
    if not work:
        return
    lines = lines_of(work)
    apply_event("fulfillment_order.canceled", work, actor=actor, reason=reason[:40], table=table)
    if taken := [item.pk for item in work if item.capacity_day]:
        give_back(taken)
    release_lines(lines, actor=actor, reason=reason)
    end_demand(lines, actor=actor, table=table)
    order_ids = {item.order_id for item in work}
    settle_headers(order_ids, actor=actor, table=table)
    over = Order.objects.filter(pk__in=order_ids, state=Order.State.CANCELED)
    close_holds(list(over.values_list("pk", flat=True)), actor=actor, note="Order canceled")


def end_demand(lines: Sequence[FulfillmentLine], *, actor: str, table: TransitionTable) -> None:
    """The customer wants these units no more: count them canceled and end the lines that wait for nothing else."""
    order_lines, units = order_lines_of(lines), Counter()
    for line in lines:
        units[line.order_line_id] += line.quantity
    for pk, line in order_lines.items():
        room = line.quantity - line.quantity_shipped - line.quantity_canceled
        line.quantity_canceled += min(units[pk], room)
    bulk.update(
        OrderLine,
        "pk",
        ("quantity_canceled",),
        [(pk, line.quantity_canceled) for pk, line in order_lines.items()],
    )
    settle_lines(order_lines.values(), actor=actor, table=table)


def settle_lines(lines: Iterable[OrderLine], *, actor: str, table: TransitionTable) -> None:
    """Lines of which every unit has shipped or is canceled reach their end; the others are part shipped or wait on."""
    groups = defaultdict(list)
    for line in lines:
        if line.state in ENDED:
            continue
        if line.quantity_shipped + line.quantity_canceled >= line.quantity:
            groups["order_line.shipped" if line.quantity_shipped else "order_line.canceled"].append(line)
        elif line.quantity_shipped and line.state == Line.FULFILLMENT:
            groups["order_line.part_shipped"].append(line)
    for kind, group in sorted(groups.items()):
        apply_event(kind, group, actor=actor, table=table)
    settle_invoiced([line.pk for line in groups["order_line.shipped"]], actor=actor, table=table)


def settle_invoiced(order_line_ids: Collection[int], *, actor: str, table: TransitionTable) -> None:
    """Shipped lines are invoiced once every fulfillment order that shipped units of them is."""
    if not order_line_ids:
        return
    open_ = FulfillmentLine.objects.filter(
        order_line_id__in=order_line_ids, quantity_shipped__gt=0, fulfillment_order__invoiced_at=None
    )
    waiting = set(open_.values_list("order_line_id", flat=True))
    ready = OrderLine.objects.filter(pk__in=set(order_line_ids) - waiting, state=Line.SHIPPED)
    apply_event("order_line.invoiced", list(ready.order_by("pk")), actor=actor, table=table)


def recount_shipped(fulfillment_line_ids: Collection[int], order_line_ids: Collection[int]) -> None:
    """Counters follow the shipment lines, in the database: a counter cannot drift from what it counts."""
    shipped = (
        FulfillmentLine.objects.filter(pk=OuterRef("pk"))
        .values("pk")
        .annotate(units=Sum("shipment_lines__quantity"))
    )
    FulfillmentLine.objects.filter(pk__in=fulfillment_line_ids).update(
        quantity_shipped=Coalesce(Subquery(shipped.values("units")), 0)
    )
    brought = (
        FulfillmentLine.objects.filter(order_line_id=OuterRef("pk"))
        .order_by()
        .values("order_line_id")
        .annotate(units=Sum("quantity_shipped"))
    )
    OrderLine.objects.filter(pk__in=order_line_ids).update(
        quantity_shipped=Coalesce(Subquery(brought.values("units")), 0)
    )
