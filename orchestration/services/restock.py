"""Backorders go on when stock arrives: the oldest hold first, as far as the units go. Called by the sweep, in any worker.

A hold is looked at again once stock of what it waits for came in after it was placed, or a source that had refused the
line may be asked again; stock that was there already did not serve it, so it is not asked again and again. Repeated and
concurrent calls are harmless: the engine sources anew.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import F, Max, Q
from django.utils import timezone

from fulfillment.models import SourceRejection
from fulfillment.selectors import rejections_of, stock_of
from inventory.models import InventoryMovement
from orders.models import Hold, OrderLine
from orders.services.holds import release_holds

MOST = 500  # holds in one round
ACTOR = "restock"
# What came in by a transaction that began before the hold was placed and ended after sourcing had looked.
OVERLAP, SETTLED = timedelta(minutes=2), timedelta(minutes=5)
PLACING = timedelta(seconds=10)  # from the look of sourcing to its hold
_seen = 0
_looked = datetime.min.replace(tzinfo=UTC)


class Wanted(NamedTuple):
    line_id: int
    product_id: int
    units: int


def restock() -> int:
    """Release backorder holds that stock has come in for; returns how many orders go on."""
    global _seen, _looked
    newest = InventoryMovement.objects.aggregate(pk=Max("pk"))["pk"] or 0
    held = Hold.objects.active().filter(type=Hold.Type.BACKORDER)
    # Without news of stock only what is due for its second look, and lines whose cool-down is over.
    late = held.filter(
        placed_at__lt=timezone.now() - SETTLED, placed_at__gt=timezone.now() - SETTLED - OVERLAP
    )
    now = timezone.now()
    cooled = SourceRejection.objects.filter(
        order_line__order__in=held.values("order"), until__gt=_looked, until__lte=now
    )
    if newest == _seen and not late.exists() and not cooled.exists():
        return 0
    _seen, _looked = newest, now
    placed = dict(held.order_by("placed_at", "order_id").values_list("order_id", "placed_at")[:MOST])
    ready = _ready(placed) if placed else []
    return (
        len(release_holds(ready, actor=ACTOR, type="backorder", note="Stock came in").changed) if ready else 0
    )


def _ready(placed: dict[int, datetime]) -> list[int]:
    """Orders in the order of their holds, while there are units for them."""
    wanted = _wanted(placed)
    lines = [line for group in wanted.values() for line in group]
    products = {line.product_id for line in lines}
    arrived = arrivals(products, min(placed.values()) - OVERLAP)
    stock = stock_of(products)
    refused, cooled = rejections_of([line.line_id for line in lines]), _cooled(lines)
    now, ready = timezone.now(), []
    for order_id, since in placed.items():
        settled = since - OVERLAP if since < now - SETTLED else since
        news = [
            line
            for line in wanted[order_id]
            if arrived.get(line.product_id, settled) > settled
            or cooled.get(line.line_id, since - PLACING) > since - PLACING
        ]
        if sum(
            take(stock.get(line.product_id, {}), line.units, refused.get(line.line_id, ())) for line in news
        ):
            ready.append(order_id)
    return ready


def _wanted(order_ids: Iterable[int]) -> dict[int, list[Wanted]]:
    rows = OrderLine.objects.live().filter(order_id__in=order_ids, product__isnull=False)
    rows = rows.filter(quantity__gt=F("quantity_shipped") + F("quantity_canceled"))
    found = defaultdict(list)
    for order_id, *line, units in rows.order_by("pk").values_list(
        "order_id", "pk", "product_id", "quantity_backordered"
    ):
        if units:
            found[order_id].append(Wanted(*line, units))
    return found


def arrivals(product_ids: Collection[int], since: datetime) -> dict[int, datetime]:
    """Product -> when units of it last became free; goods that left with their reservation freed none."""
    freed = Q(on_hand_delta__gt=0) | Q(reserved_delta__lt=0, on_hand_delta=0) | Q(safety_stock_delta__lt=0)
    rows = InventoryMovement.objects.filter(freed, position__product_id__in=product_ids, at__gt=since)
    return dict(rows.order_by().values_list("position__product_id").annotate(at=Max("at")))


def _cooled(lines: Collection[Wanted]) -> dict[int, datetime]:
    """Line -> when a source that had refused it became one that may be asked again."""
    rows = SourceRejection.objects.filter(
        order_line__in=[line.line_id for line in lines], until__lte=timezone.now()
    )
    return dict(rows.order_by().values_list("order_line_id").annotate(at=Max("until")))


def take(stock: dict[int, int], units: int, refused: Collection[int]) -> int:
    """Units for one line out of what there is; the next in the queue sees the rest."""
    taken = 0
    for source, have in stock.items():
        if source not in refused and (part := min(have, units - taken)) > 0:
            stock[source], taken = have - part, taken + part
    return taken
