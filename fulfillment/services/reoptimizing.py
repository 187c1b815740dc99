"""Plan again what nobody has yet, when a source or its capacity changed: only the lines it concerns; all others are frozen.

A line stays where it is unless another place is better by more than STICKY_MINOR a unit. What is with a source, or on
its way there, is frozen. Source: fulfillment-optimization 1.6 D.
"""

from collections import defaultdict
from collections.abc import Collection

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.selectors import demands_of
from fulfillment.services.optimizing import optimize_lines
from iom.lib import lock_order
from orders.models import Order, OrderLine
from orders.types import Outcome

A_BATCH = 500


def reoptimize_lines(order_line_ids: Collection[int], *, actor: str) -> Outcome:
    """In short transactions, orders in their turn; a repeated call moves nothing."""
    by_order = defaultdict(list)
    rows = OrderLine.objects.filter(pk__in=order_line_ids).order_by("order_id", "pk")
    for order, line in rows.values_list("order_id", "pk"):
        by_order[order].append(line)
    orders, changed = list(by_order), []
    for start in range(0, len(orders), A_BATCH):
        batch = orders[start : start + A_BATCH]
        changed += _again(batch, [line for order in batch for line in by_order[order]], actor)
    return Outcome(changed=sorted(changed))


@lock_order.unit
def _again(order_ids: list[int], line_ids: list[int], actor: str) -> list[int]:
    Order.objects.only("id", "state", "state_reason").lock(order_ids)
    before = _places(line_ids)
    optimize_lines(demands_of(line_ids, stays=True), actor=actor, cause="reoptimize")
    after = _places(line_ids)
    return [pk for pk in line_ids if before.get(pk) != after.get(pk)]


def _places(line_ids: Collection[int]) -> dict[int, set[tuple[int, int]]]:
    """Order line -> (source, units) of what is open."""
    found = defaultdict(set)
    rows = FulfillmentLine.objects.filter(
        order_line_id__in=line_ids, fulfillment_order__state__in=FulfillmentOrder.OPEN
    )
    for line, source, units in rows.values_list("order_line_id", "fulfillment_order__source_id", "quantity"):
        found[line].add((source, units))
    return found
