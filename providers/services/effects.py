"""What a final answer means for our own records. In the transaction that makes the request final, so once."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from fulfillment.models import FulfillmentOrder
from fulfillment.querysets import lock_work
from fulfillment.services import execution
from fulfillment.types import InvoiceRow, StatusReport
from orders.models import Order
from orders.services.events import apply_event, record
from orders.types import Raised
from providers.errors import ProviderGarbage
from providers.models import ProviderRequest
from providers.registry import action
from providers.services.connections import remember_ids

State = ProviderRequest.State


def expected(drafts: Sequence[Any]) -> None:
    """Receipts were written: what they are for may be with the provider from now on."""
    sends = [draft.record_id for draft in drafts if action(draft.action).action_type == "send_to_fulfillment"]
    if sends:
        execution.expect_send(sends, actor="system")


def barred(requests: Sequence[ProviderRequest], *, actor: str) -> set[int]:
    """Ids of those that must not be sent again; the others are expected from now on, as if they were new.

    A send that failed made its work free: it may be over or with another provider by now.
    """
    sends = [r for r in requests if action(r.action).action_type == "send_to_fulfillment"]
    failed = {r.record_id for r in sends if r.state == State.FAILED}
    again = set(execution.expect_send(failed, actor=actor)) if failed else set()
    over = FulfillmentOrder.objects.filter(pk__in=[r.record_id for r in sends]).exclude(
        state__in=FulfillmentOrder.OPEN
    )
    gone = set(over.values_list("pk", flat=True)) | (failed - again)
    return {r.pk for r in sends if r.record_id in gone}


def settled(requests: Sequence[ProviderRequest], *, actor: str = "") -> None:
    """Bring our records to what final requests say, a group at a time, and raise success or failure events."""
    groups: dict[tuple, list[ProviderRequest]] = defaultdict(list)
    for request in requests:
        groups[(request.connection_id, request.action, request.state)].append(request)
    if len(groups) > 1:  # each locks its own orders: of several, all in one order first
        lock_orders(requests)
    for (_, key, state), group in groups.items():
        found = action(key)
        teller = actor or f"provider:{group[0].connection.key}"
        effect = (DONE if state == State.DONE else FAILED).get(found.action_type)
        if effect:
            effect(group, teller)
        event = found.failure_event if state == State.FAILED else "" if effect else found.success_event
        if event:
            _announce(event, group, teller)
        elif not effect:
            _tell_steps(group, teller)


def lock_orders(requests: Sequence[ProviderRequest]) -> None:
    """Lock the orders that these requests were made for, under which their runs are woken."""
    ids = {request.order_id for request in requests if request.order_id}
    orders = Order.objects.filter(pk__in=ids).order_by("pk")
    len(orders.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def _announce(kind: str, group: Sequence[ProviderRequest], actor: str) -> None:
    payloads = {r.record_id: {"code": r.error_code, "reason": r.error} for r in group}
    if group[0].entity == "fulfillment_order":
        work, _ = lock_work(payloads)
        apply_event(kind, list(work.values()), actor=actor, payloads=payloads)
    else:
        lock_orders(group)
        record(
            [Raised(kind, r.entity, r.record_id, r.order_id, payloads[r.record_id]) for r in group],
            actor=actor,
        )


def _tell_steps(group: Sequence[ProviderRequest], actor: str) -> None:
    """Steps that asked for this wait for its answer, of which no event of its own tells."""
    asked = [r for r in group if r.key.startswith("run:") and r.order_id]
    if not asked:
        return
    lock_orders(asked)
    told = [{"action": r.action, "state": r.state, "reason": r.error} for r in asked]
    record(
        [
            Raised("order.provider_answered", "order", r.order_id, r.order_id, t)
            for r, t in zip(asked, told, strict=True)
        ],
        actor=actor,
    )


def _sent(group: Sequence[ProviderRequest], actor: str) -> None:
    ids = {r.record_id: _text(r, "id") for r in group}
    remember_ids(group[0].connection_id, "fulfillment_order", ids, timezone.now())
    rows = [StatusReport(pk, "sent", 0, external_id=text[:100]) for pk, text in ids.items()]
    execution.report_status(rows, actor=actor)


def _not_sent(group: Sequence[ProviderRequest], actor: str) -> None:
    """A refusal is the source's: the lines are not sent there again unless somebody sends this very request again."""
    refusals = {r.record_id: r.error or "refused by the provider" for r in group}
    execution.forget_send(list(refusals), actor=actor, refusals=refusals)


def _canceled(group: Sequence[ProviderRequest], actor: str) -> None:
    """Only a finished cancellation; one that is merely taken note of is told by their message."""
    rows = [StatusReport(r.record_id, "canceled", 0) for r in group if _text(r, "status") == "canceled"]
    if rows:
        execution.report_status(rows, actor=actor)


def _invoiced(group: Sequence[ProviderRequest], actor: str) -> None:
    record_invoices([invoice_row(r.record_id, r.response or {}) for r in group], actor)


def record_invoices(rows: Sequence[InvoiceRow], actor: str) -> None:
    open_ = FulfillmentOrder.objects.filter(pk__in=[row.fulfillment_order_id for row in rows])
    known = set(open_.values_list("pk", flat=True))
    execution.record_invoices([row for row in rows if row.fulfillment_order_id in known], actor=actor)


def invoice_row(pk: int, found: dict[str, Any]) -> InvoiceRow:
    """Raises ProviderGarbage if what they call an invoice is none."""
    number, amount, currency = found.get("number"), found.get("amount_minor"), found.get("currency")
    if not isinstance(number, str) or not number or type(amount) is not int or not isinstance(currency, str):
        raise ProviderGarbage("The answer names no invoice number, amount and currency.")
    return InvoiceRow(pk, number[:60], amount, currency[:3], _when(found.get("issued_at")))


def _when(text: Any) -> datetime:
    try:
        found = parse_datetime(str(text))
    except ValueError:
        found = None
    return found if found and found.tzinfo else timezone.now()


def _text(request: ProviderRequest, name: str) -> str:
    return str((request.response or {}).get(name) or "")


Effect = Callable[[Sequence[ProviderRequest], str], None]
DONE: dict[str, Effect] = {
    "send_to_fulfillment": _sent,
    "cancel_fulfillment": _canceled,
    "send_to_invoice": _invoiced,
}
FAILED: dict[str, Effect] = {"send_to_fulfillment": _not_sent}
