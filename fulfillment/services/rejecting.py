"""A source says no: to fulfillment orders as a whole, or to lines of them."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from fulfillment.errors import FulfillmentLineNotFound, UnknownReason
from fulfillment.models import FulfillmentLine, FulfillmentOrder, RejectionReason
from fulfillment.querysets import lock_work
from fulfillment.services.capacity import give_back_lines
from fulfillment.services.closing import cancel_work
from fulfillment.services.refusing import Refusal, lock_stock, refuse_lines, reject_work
from fulfillment.services.reserving import release_lines
from fulfillment.services.words import refusal
from iom.lib import lock_order
from orders.services.events import collecting
from orders.services.headers import settle_headers
from orders.services.transitions import TransitionTable
from orders.types import Outcome

State = FulfillmentOrder.State


@lock_order.unit
def reject(fo_ids: Collection[int], *, reason: str = "", kind: str = "", actor: str) -> Outcome:
    """The source refuses: its lines look for another source and do not come back to this one; its stock is released.

    `kind` is the code of a rejection reason: what it sets for stock, cool-down and moving follows. `reason` are words
    beside it or instead of it. If the customer has canceled meanwhile, the refusal ends the demand instead.
    Raises UnknownReason, with nothing changed.
    """
    said = _said(reason, kind)
    work, _ = lock_work(fo_ids)
    open_ = [item for item in work.values() if item.state in FulfillmentOrder.OPEN]
    refused = {
        pk: refusal(item, "rejected")
        for pk, item in work.items()
        if item not in open_ and item.state != State.REJECTED
    }
    _reject(open_, said, actor)
    return Outcome(changed=[item.pk for item in open_], refused=refused)


@lock_order.unit
def reject_lines(
    fulfillment_line_ids: Collection[int], *, reason: str = "", kind: str = "", actor: str
) -> Outcome:
    """The source refuses these lines and brings the others; all lines of a fulfillment order are the order itself.

    Answers ids of fulfillment orders. The line leaves the fulfillment order; its order line keeps who refused it.
    Raises FulfillmentLineNotFound or UnknownReason, with nothing changed; a repeated call raises it too, as the lines
    are gone.
    """
    said = _said(reason, kind)
    by_work = _by_work(fulfillment_line_ids)
    work, _ = lock_work(by_work)
    every = defaultdict(dict)
    for line in FulfillmentLine.objects.filter(fulfillment_order_id__in=work).order_by("pk"):
        every[line.fulfillment_order_id][line.pk] = line
    if gone := {pk for ids in by_work.values() for pk in ids} - {
        pk for lines in every.values() for pk in lines
    }:
        raise FulfillmentLineNotFound(gone)
    open_ = {pk: item for pk, item in work.items() if item.state in FulfillmentOrder.OPEN}
    refused = {pk: refusal(item, "rejected") for pk, item in work.items() if pk not in open_}
    whole = [item for pk, item in open_.items() if item.cancel_requested_at or by_work[pk] >= set(every[pk])]
    part = [item for item in open_.values() if item not in whole]
    with collecting():
        _reject(whole, said, actor)
        _drop(part, [every[item.pk][pk] for item in part for pk in sorted(by_work[item.pk])], said, actor)
    return Outcome(changed=sorted(open_), refused=refused)


def _by_work(fulfillment_line_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    rows = FulfillmentLine.objects.filter(pk__in=fulfillment_line_ids)
    for work, line in rows.values_list("fulfillment_order_id", "pk"):
        found[work].add(line)
    if missing := set(fulfillment_line_ids) - {pk for ids in found.values() for pk in ids}:
        raise FulfillmentLineNotFound(missing)
    return found


def _reject(work: Sequence[FulfillmentOrder], said: Refusal, actor: str) -> None:
    table = TransitionTable()
    with collecting():
        cancel_work([i for i in work if i.cancel_requested_at], actor=actor, reason="canceled", table=table)
        going = [item for item in work if not item.cancel_requested_at]
        reject_work(going, actor=actor, said={item.pk: said for item in going}, table=table)


def _drop(
    work: Sequence[FulfillmentOrder], lines: Sequence[FulfillmentLine], said: Refusal, actor: str
) -> None:
    if not lines:
        return
    table = TransitionTable()
    refusals = {item.pk: said for item in work}
    lock_stock(refusals)
    release_lines(lines, actor=actor, reason="rejected by the source")
    give_back_lines(_lost(lines), ())
    gone = FulfillmentLine.objects.filter(pk__in=[line.pk for line in lines])
    gone._raw_delete(gone.db)  # one statement; `delete` first reads what hangs on them, in chunks
    refuse_lines(lines, work, actor=actor, said=refusals, table=table)
    settle_headers({item.order_id for item in work}, actor=actor, table=table)


def _lost(lines: Sequence[FulfillmentLine]) -> dict[int, tuple[int, int]]:
    """Fulfillment order -> (units, lines) that it no longer brings."""
    found: dict[int, tuple[int, int]] = {}
    for line in lines:
        units, count = found.get(line.fulfillment_order_id, (0, 0))
        found[line.fulfillment_order_id] = (units + line.quantity, count + 1)
    return found


def _said(words: str, kind: str) -> Refusal:
    if not kind:
        return Refusal(words or "rejected")
    found = RejectionReason.objects.filter(code=kind, active=True).first()
    if found is None:
        raise UnknownReason(kind)
    return Refusal(f"{found.label}: {words}" if words else found.label, found)
