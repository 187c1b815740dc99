"""Take back fulfillment lines that nobody has yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourceRejection
from fulfillment.selectors import Work
from fulfillment.services.capacity import give_back_lines
from inventory.services.reservations import release
from iom.lib import lock_order
from orders.services.events import apply_event

REASON = "sourced_again"


def take_back(work: Sequence[Work], order_line_ids: Collection[int], *, actor: str) -> list[Work]:
    """Release and remove the unsent work of these order lines; returns the work that is left.

    A fulfillment order that loses all its lines is canceled and keeps them, as history, or rejected where its source
    refused them; one that loses some keeps the others. The caller has locked the orders.
    """
    gone = [item for item in work if item.is_unsent and item.order_line_id in order_line_ids]
    if not gone:
        return list(work)
    lock_order.lock_alone()  # what is given back now is planned and taken again
    if keys := sorted(item.reservation_key for item in gone if item.reservation_key):
        release(keys, actor=actor, reason="sourced again")
    removed = {item.line_id for item in gone}
    left = [item for item in work if item.line_id not in removed]
    still_used = {item.fulfillment_order_id for item in left}
    give_back_lines(lost := _lost(gone), lost.keys() - still_used)
    _close(gone, still_used, actor)
    return left


def _lost(gone: Sequence[Work]) -> dict[int, tuple[int, int]]:
    """Fulfillment order -> (units, lines) that it no longer brings."""
    lost: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for item in gone:
        units, lines = lost[item.fulfillment_order_id]
        lost[item.fulfillment_order_id] = (units + item.quantity, lines + 1)
    return lost


def _close(gone: Sequence[Work], still_used: set[int], actor: str) -> None:
    by_order = defaultdict(list)
    for item in gone:
        by_order[item.fulfillment_order_id].append(item.line_id)
    single = [line for pk, lines in by_order.items() if pk in still_used for line in lines]
    if single:
        FulfillmentLine.objects.filter(pk__in=single).delete()
    emptied = set(by_order) - still_used
    if not emptied:
        return
    found = list(FulfillmentOrder.objects.filter(pk__in=emptied).order_by("pk"))
    refused = _refused([item for item in gone if item.fulfillment_order_id in emptied], found)
    over = [item for item in found if item.pk not in refused]
    apply_event("fulfillment_order.canceled", over, actor=actor, reason=REASON)
    for reason in sorted(set(refused.values())):
        group = [item for item in found if refused.get(item.pk) == reason]
        apply_event("fulfillment_order.rejected", group, actor=actor, reason=reason)


def _refused(gone: Sequence[Work], found: Sequence[FulfillmentOrder]) -> dict[int, str]:
    """Fulfillment order -> why its source refused its lines.

    A refusal from before the fulfillment order was made is of earlier work: its cool-down was over by then.
    """
    rows = SourceRejection.objects.filter(order_line_id__in={item.order_line_id for item in gone})
    said = {row[:2]: row[2:] for row in rows.values_list("order_line_id", "source_id", "at", "reason")}
    made = {item.pk: item.created_at for item in found}
    refused = {}
    for item in gone:
        at, why = said.get((item.order_line_id, item.source_id), (None, ""))
        if at and at >= made[item.fulfillment_order_id]:
            refused[item.fulfillment_order_id] = why[:40]
    return refused
