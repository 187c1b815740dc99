"""Paths that stopped for a person because no source had the stock go on when it comes: who stopped first, as far as the
units go. Called by the sweep after backorders had their turn. Repeated and concurrent calls are harmless.
"""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Max, Q, Sum
from django.db.models.functions import Coalesce

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors import rejections_of, stock_of
from inventory.models import InventoryMovement
from orchestration.models import StepRun
from orchestration.services import repair
from orchestration.services.restock import ACTOR, MOST, Wanted, arrivals, take
from orders.models import OrderLine

SHORT = ("not_sourced", "partly_sourced", "stock_gone", "source_lost")  # codes of steps that lacked stock
_seen = 0


def take_up() -> int:
    """Try steps again where units of what they lack came in since they stopped; returns how many paths."""
    global _seen
    newest = InventoryMovement.objects.aggregate(pk=Max("pk"))["pk"] or 0
    if newest == _seen:
        return 0
    _seen = newest
    stopped = StepRun.objects.filter(state=StepRun.State.FAILED, error_code__in=SHORT)
    rows = stopped.order_by("entered_at", "run__order_id")
    tokens = list(rows.values_list("pk", "run__order_id", "lines", "entered_at")[:MOST])
    again = _served(tokens) if tokens else []
    return len(repair.retry(again, actor=ACTOR, reason="Stock came in").changed) if again else 0


def _served(tokens: list[tuple]) -> list[int]:
    lacking = _lacking({order for _, order, _, _ in tokens})
    arrived = arrivals({line.product_id for group in lacking.values() for line in group}, tokens[0][3])
    stock = stock_of(set(arrived))
    refused = rejections_of([line.line_id for group in lacking.values() for line in group])
    served = []
    for pk, order, lines, since in tokens:
        mine = [line for line in lacking[order] if lines is None or line.line_id in lines]
        news = [line for line in mine if arrived.get(line.product_id, since) > since]
        if sum(take(stock.get(n.product_id, {}), n.units, refused.get(n.line_id, ())) for n in news):
            served.append(pk)
    return served


def _lacking(order_ids: Collection[int]) -> dict[int, list[Wanted]]:
    """Order -> lines of products, with the units that no fulfillment order is to bring."""
    work = Q(fulfillment_lines__fulfillment_order__state__in=FulfillmentOrder.OPEN)
    rows = OrderLine.objects.live().filter(order_id__in=order_ids, product__isnull=False)
    rows = rows.annotate(planned=Coalesce(Sum("fulfillment_lines__quantity", filter=work), 0))
    found = defaultdict(list)
    for order_id, *line, planned, ordered, shipped, canceled in rows.order_by("pk").values_list(
        "order_id", "pk", "product_id", "planned", "quantity", "quantity_shipped", "quantity_canceled"
    ):
        if (units := ordered - shipped - canceled - planned) > 0:
            found[order_id].append(Wanted(*line, units))
    return found
