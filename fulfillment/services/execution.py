"""From instruction to delivery: what people on the worklist and sources far away do to fulfillment orders.

Every function takes a batch, locks the orders first and does nothing new when it is called again. A record that is
where the call would bring it is passed over in silence; one that cannot get there is refused with a sentence.
"""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from django.db import transaction
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from fulfillment.querysets import lines_of, lock_owners, lock_work
from fulfillment.services.closing import cancel_work, move_sent
from fulfillment.services.refusing import Refusal, refuse_lines
from fulfillment.services.rejecting import reject, reject_lines
from fulfillment.services.reporting import record_invoices, report_status
from fulfillment.services.reserving import drop_lines, reserve_lines
from fulfillment.services.shipping import deliver, ship
from fulfillment.services.words import STEPS, refusal
from iom.lib import lock_order
from iom.lib.atomic import joined
from orders.models import Order, OrderLine
from orders.services.events import apply_event, collecting
from orders.services.headers import settle_headers, settle_known
from orders.services.transitions import TransitionTable
from orders.types import Outcome

__all__ = [
    "accept", "deliver", "drop_lines", "expect_send", "forget_send", "pack", "pick", "record_invoices", "reject",
    "reject_lines", "report_status", "reserve_lines", "send", "send_known", "ship",
]  # fmt: skip
State = FulfillmentOrder.State


@joined
def expect_send(fo_ids: Collection[int], *, actor: str) -> list[int]:
    """The call that sends these is queued: from now on they may be with the provider, whatever their state says.

    They are taken back no more, and a cancellation asks the provider. Returns the ids that were new to this.
    """
    lock_owners(fo_ids)
    fresh = FulfillmentOrder.objects.filter(pk__in=fo_ids, state=State.NEW, send_requested_at=None)
    due = list(fresh.order_by("pk").values_list("pk", flat=True))
    FulfillmentOrder.objects.filter(pk__in=due).update(send_requested_at=timezone.now())
    return due


@lock_order.unit
def forget_send(
    fo_ids: Collection[int], *, actor: str, refusals: Mapping[int, str] | None = None
) -> list[int]:
    """The provider surely did not take these: they may be sent again, sourced anew or canceled here.

    One whose cancellation was asked for meanwhile is canceled now. `refusals` has what the provider said of those that
    it refused: sourcing does not find that source for these lines again. Returns the ids changed.
    """
    work, _ = lock_work(fo_ids)
    due = [item for item in work.values() if item.state == State.NEW and item.send_requested_at]
    FulfillmentOrder.objects.filter(pk__in=[item.pk for item in due]).update(send_requested_at=None)
    asked = [item for item in due if item.cancel_requested_at]
    with collecting():
        table = TransitionTable()
        cancel_work(asked, actor=actor, reason="canceled", table=table)
        refused = [item for item in due if refusals and item.pk in refusals and not item.cancel_requested_at]
        if refused:
            said = {pk: Refusal(words) for pk, words in refusals.items()}
            refuse_lines(lines_of(refused), refused, actor=actor, said=said, table=table)
    return [item.pk for item in due]


@transaction.atomic
def send(fo_ids: Collection[int], *, actor: str) -> Outcome:
    """The source has its instruction: a provider took it, or it is on the worklist of a store or warehouse."""
    work, _ = lock_work(fo_ids)
    refused = {
        pk: refusal(item, "sent")
        for pk, item in work.items()
        if item.state in (State.REJECTED, State.CANCELED)
    }
    fresh = [item for item in work.values() if item.state == State.NEW]
    table = TransitionTable()
    with collecting():
        move_sent(fresh, actor=actor, table=table)
        settle_headers({item.order_id for item in fresh}, actor=actor, table=table)
    return Outcome(changed=[item.pk for item in fresh], refused=refused)


@joined
def send_known(
    work: Sequence[FulfillmentOrder],
    *,
    orders: Mapping[int, tuple[Order, Sequence[OrderLine]]],
    actor: str,
    table: TransitionTable,
) -> None:
    """`send` for a caller who has locked these orders and read them, all their lines and this work since.

    `work` says which lines it brings in `line_quantities`. The records are changed in memory too.
    """
    fresh = [item for item in work if item.state == State.NEW]
    brought = {pk for item in fresh for pk in item.line_quantities}
    ours = {item.order_id: orders[item.order_id] for item in fresh}
    lines = [line for _, every in ours.values() for line in every if line.id in brought]
    move_sent(fresh, actor=actor, table=table, lines=sorted(lines, key=attrgetter("id")))
    states = {pk: [line.state for line in every] for pk, (_, every) in ours.items()}
    settle_known([order for order, _ in ours.values()], states, actor=actor, table=table)


def accept(fo_ids: Collection[int], *, actor: str) -> Outcome:
    return _advance(fo_ids, State.ACCEPTED, actor)


def pick(fo_ids: Collection[int], *, actor: str) -> Outcome:
    return _advance(fo_ids, State.PICKING, actor)


def pack(fo_ids: Collection[int], *, actor: str) -> Outcome:
    return _advance(fo_ids, State.PACKED, actor)


@transaction.atomic
def _advance(fo_ids: Collection[int], target: str, actor: str) -> Outcome:
    """Later states imply the earlier: what is accepted has been sent, whoever told us first."""
    work, _ = lock_work(fo_ids)
    moving = [i for i in work.values() if i.state in STEPS and STEPS.index(i.state) < STEPS.index(target)]
    ids, table = {item.pk for item in moving}, TransitionTable()
    refused = {
        pk: refusal(item, target) for pk, item in work.items() if pk not in ids and item.state != target
    }
    with collecting():
        move_sent(moving, actor=actor, table=table)
        apply_event(f"fulfillment_order.{target}", moving, actor=actor, table=table)
        settle_headers({item.order_id for item in moving}, actor=actor, table=table)
    return Outcome(changed=[item.pk for item in moving], refused=refused)
