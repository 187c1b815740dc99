"""Stock for fulfillment lines that are not sent yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db.models import QuerySet

from fulfillment import selectors
from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services.taking_back import take_back
from inventory.services.reservations import release, reserve
from inventory.types import ReservationLine, ReservationRequest, Shortage
from iom.lib import bulk, compiled
from iom.lib.atomic import joined
from orders.models import OrderLine

NOT_SOURCED = "No source was found for this line yet."


class _Line(NamedTuple):
    pk: int
    fulfillment_order_id: int
    order_line_id: int
    product_id: int | None
    quantity: int
    source_id: int
    kept_key: str

    @property
    def key(self) -> str:
        return self.kept_key or reservation_key(self.fulfillment_order_id, self.order_line_id)


def reservation_key(fulfillment_order_id: int, order_line_id: int) -> str:
    """Known before the line has an id of its own; a fulfillment order never brings an order line a second time."""
    return f"fl:{fulfillment_order_id}:{order_line_id}"


@joined
def reserve_lines(order_line_ids: Collection[int], *, actor: str) -> dict[int, str]:
    """Hold the stock of these order lines where they were sourced; each line gets all its units or none.

    Returns the order lines that are short, each with a sentence; the others hold all their units now, write-in lines
    and those of a repeated call among them. The caller has locked the orders.
    """
    by_line = _unsent_lines(order_line_ids)
    requests = [_request(line_id, lines) for line_id, lines in by_line.items() if lines[0].product_id]
    outcome = reserve(requests, actor=actor) if requests else None
    missing = {shortage.key: shortage for shortage in outcome.short} if outcome else {}
    short = {pk: NOT_SOURCED for pk in order_line_ids if pk not in by_line}
    for line_id, lines in by_line.items():
        if words := [_sentence(missing[line.key]) for line in lines if line.key in missing]:
            short[line_id] = f"{'; '.join(words)}."
    _keep_keys([line for pk, lines in by_line.items() if pk not in short for line in lines])
    return short


@joined
def drop_lines(order_line_ids: Collection[int], *, actor: str) -> list[int]:
    """Take the unsent fulfillment lines of these order lines back and release their stock.

    Returns the order lines that lost some; what is with a source, or on its way there, stays. The caller has
    locked the orders.
    """
    order_ids = OrderLine.objects.filter(pk__in=order_line_ids).values_list("order_id", flat=True)
    work = selectors.work_of(set(order_ids))
    left = {item.line_id for item in take_back(work, set(order_line_ids), actor=actor)}
    return sorted({item.order_line_id for item in work if item.line_id not in left})


def release_lines(lines: Collection[FulfillmentLine], *, actor: str, reason: str) -> None:
    """Give the stock of fulfillment lines back; lines that hold none are left alone."""
    if keys := sorted(line.reservation_key for line in lines if line.reservation_key):
        release(keys, actor=actor, reason=reason)


def _unsent_lines(order_line_ids: Collection[int]) -> dict[int, list[_Line]]:
    found = defaultdict(list)
    for row in _unsent(order_line_ids):
        found[row[2]].append(_Line(*row))
    return found


@compiled.query
def _unsent(order_line_ids: Collection[int]) -> QuerySet:
    rows = FulfillmentLine.objects.filter(
        order_line_id__in=order_line_ids,
        fulfillment_order__state=FulfillmentOrder.State.NEW,
        fulfillment_order__send_requested_at=None,
    ).order_by("pk")
    return rows.values_list(
        "pk", "fulfillment_order_id", "order_line_id", "product_id", "quantity", "fulfillment_order__source_id",
        "reservation_key",
    )  # fmt: skip


def _request(order_line_id: int, lines: Sequence[_Line]) -> ReservationRequest:
    reference = f"order_line:{order_line_id}"
    return ReservationRequest(
        tuple(
            ReservationLine(line.key, reference, line.product_id, line.source_id, line.quantity)
            for line in lines
        )
    )


def _sentence(short: Shortage) -> str:
    return f"{short.source_code} has {max(short.available, 0):,} of {short.wanted:,} of {short.sku}"


def _keep_keys(lines: Sequence[_Line]) -> None:
    """Of lines that were made without one; sourcing gives every line of a product its key."""
    rows = [(line.pk, line.key) for line in lines if line.product_id and not line.kept_key]
    if rows:
        bulk.update(FulfillmentLine, "pk", ("reservation_key",), rows)
