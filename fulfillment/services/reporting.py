"""What sources report from far away: late, early, repeated, in any order."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from django.db import transaction
from django.utils import timezone

from fulfillment.errors import UnknownStatus
from fulfillment.models import FulfillmentLine, FulfillmentOrder, Invoice
from fulfillment.querysets import lock_work
from fulfillment.services.closing import cancel_work, move_sent, settle_invoiced
from fulfillment.services.refusing import Refusal, kinds_of, reject_work
from fulfillment.services.shipping import deliver, ship, status_key
from fulfillment.services.words import STEPS, refusal
from fulfillment.types import InvoiceRow, ShipmentReport, StatusReport
from iom.lib import bulk, lock_order
from orders.services.events import apply_event, collecting
from orders.services.headers import settle_headers
from orders.services.transitions import TransitionTable
from orders.types import Outcome

State = FulfillmentOrder.State
FORWARD = ("sent", "accepted", "picking", "packed")
AGAINST = ("rejected", "canceled")
STATUSES = (*FORWARD, "shipped", "delivered", *AGAINST)
GONE = (State.SHIPPED, State.DELIVERED)


@lock_order.unit
def report_status(rows: Sequence[StatusReport], *, actor: str) -> Outcome:
    """Bring fulfillment orders to what their sources say; the end is the same in whatever order the reports come.

    A later state implies the earlier, so an early or late report of the way forward is taken or passed over. Only
    "delivered" waits: refused with "waits for: shipped" until that is known, and to be brought again. A rejection or
    cancellation older than what the source said since is passed over. "canceled" without our asking is a rejection:
    the lines go elsewhere. After a shipment it is refused, as is a shipment after a cancellation.
    Raises UnknownStatus, with nothing changed.
    """
    if unknown := {row.status for row in rows} - set(STATUSES):
        raise UnknownStatus(unknown)
    work, _ = lock_work({row.fulfillment_order_id for row in rows})
    groups: dict[str, list[StatusReport]] = defaultdict(list)
    for row in rows:
        if not _is_stale(row, work[row.fulfillment_order_id]):
            groups[row.status].append(row)
    changed, refused = [], {}
    with collecting():
        for status in STATUSES:
            if group := groups.get(status):
                outcome = _handler(status)(status, group, actor)
                changed += outcome.changed
                refused |= outcome.refused
    _keep(rows, work, refused)
    return Outcome(changed=list(dict.fromkeys(changed)), refused=refused)


def _is_stale(row: StatusReport, work: FulfillmentOrder) -> bool:
    """A refusal that the source itself has overtaken; steps forward are facts however late they come."""
    return row.status in AGAINST and 0 < row.sequence < work.provider_sequence


def _handler(status: str) -> Callable[[str, list[StatusReport], str], Outcome]:
    if status in FORWARD:
        return _forward
    return {"shipped": _shipped, "delivered": _delivered}.get(status, _against)


def _ids(rows: Sequence[StatusReport]) -> list[int]:
    return [row.fulfillment_order_id for row in rows]


def _forward(status: str, rows: list[StatusReport], actor: str) -> Outcome:
    work, _ = lock_work(_ids(rows))
    moving = [i for i in work.values() if i.state in STEPS and STEPS.index(i.state) < STEPS.index(status)]
    over = (State.REJECTED, State.CANCELED)
    refused = {pk: refusal(item, status) for pk, item in work.items() if item.state in over}
    table = TransitionTable()
    move_sent(moving, actor=actor, table=table)
    if status != State.SENT:
        apply_event(f"fulfillment_order.{status}", moving, actor=actor, table=table)
    settle_headers({item.order_id for item in moving}, actor=actor, table=table)
    return Outcome(changed=[item.pk for item in moving], refused=refused)


def _shipped(_: str, rows: list[StatusReport], actor: str) -> Outcome:
    """Shipped by word only: everything left, carrier and number may follow in a report of the shipment."""
    work = FulfillmentOrder.objects.filter(pk__in=_ids(rows)).exclude(state__in=GONE)
    due = set(work.values_list("pk", flat=True))
    now = timezone.now()
    reports = [
        ShipmentReport(status_key(pk), pk, "", "", now, sequence=row.sequence)
        for pk, row in {row.fulfillment_order_id: row for row in rows}.items()
        if pk in due
    ]
    return ship(reports, actor=actor) if reports else Outcome()


def _delivered(_: str, rows: list[StatusReport], actor: str) -> Outcome:
    return deliver(_ids(rows), actor=actor)


def _against(status: str, rows: list[StatusReport], actor: str) -> Outcome:
    """The source will not ship: the end of the demand if we asked for that, else somebody else's turn."""
    work, _ = lock_work(_ids(rows))
    open_ = [item for item in work.values() if item.state in FulfillmentOrder.OPEN]
    refused = {pk: _lost(item, status) for pk, item in work.items() if item.state in GONE}
    words = {row.fulfillment_order_id: row.reason or f"{status} by the source" for row in rows}
    kinds = kinds_of(words.values())
    said = {pk: Refusal(text, kinds.get(text.casefold())) for pk, text in words.items()}
    table = TransitionTable()
    asked = [item for item in open_ if item.cancel_requested_at]
    cancel_work(asked, actor=actor, reason="canceled", table=table)
    reject_work([i for i in open_ if not i.cancel_requested_at], actor=actor, said=said, table=table)
    return Outcome(changed=[item.pk for item in open_], refused=refused)


def _lost(work: FulfillmentOrder, status: str) -> str:
    return f"{work.number} has shipped; that it was {status} came too late."


def _keep(rows: Sequence[StatusReport], work: dict[int, FulfillmentOrder], refused: dict[int, str]) -> None:
    """Remember the newest sequence and the source's own number; a report that waits leaves no trace yet."""
    newest: dict[int, tuple[int, str]] = {}
    for row in rows:
        pk = row.fulfillment_order_id
        sequence, external_id = newest.get(pk, (work[pk].provider_sequence, work[pk].external_id))
        waits = pk in refused and row.status == "delivered"
        newest[pk] = (
            sequence if waits else max(sequence, row.sequence),
            external_id or row.external_id,
        )
    kept = [
        (pk, *values)
        for pk, values in newest.items()
        if values != (work[pk].provider_sequence, work[pk].external_id)
    ]
    if kept:
        bulk.update(FulfillmentOrder, "pk", ("provider_sequence", "external_id"), kept)


@transaction.atomic
def record_invoices(rows: Sequence[InvoiceRow], *, actor: str) -> Outcome:
    """Keep the invoice of each fulfillment order; its lines are invoiced once all that brought units of them are.

    A repeated row changes nothing; another number for the same fulfillment order is refused.
    """
    work, _ = lock_work({row.fulfillment_order_id for row in rows})
    known = dict(
        Invoice.objects.filter(fulfillment_order__in=work).values_list("fulfillment_order_id", "number")
    )
    fresh, refused = {}, {}
    for row in rows:
        pk = row.fulfillment_order_id
        if pk in known and known[pk] != row.number:
            refused[pk] = f"{work[pk].number} is invoiced as {known[pk]} already."
        elif work[pk].state not in GONE:
            refused[pk] = "waits for: shipped"
        elif pk not in known:
            fresh[pk], known[pk] = row, row.number
    with collecting():
        _invoice(fresh, work, actor)
    return Outcome(changed=list(fresh), refused=refused)


def _invoice(fresh: dict[int, InvoiceRow], work: dict[int, FulfillmentOrder], actor: str) -> None:
    if not fresh:
        return
    fields = ("fulfillment_order", "number", "amount_minor", "currency", "issued_at")
    bulk.insert(
        Invoice, fields, [tuple(getattr(row, name) for name in (f"{fields[0]}_id", *fields[1:])) for row in fresh.values()]
    )  # fmt: skip
    FulfillmentOrder.objects.filter(pk__in=fresh).update(invoiced_at=timezone.now())
    done, table = [work[pk] for pk in fresh], TransitionTable()
    payloads = {pk: {"invoice": row.number, "amount_minor": row.amount_minor} for pk, row in fresh.items()}
    apply_event("fulfillment_order.invoiced", done, actor=actor, payloads=payloads, table=table)
    lines = FulfillmentLine.objects.filter(fulfillment_order_id__in=fresh, quantity_shipped__gt=0)
    settle_invoiced(set(lines.values_list("order_line_id", flat=True)), actor=actor, table=table)
    settle_headers({item.order_id for item in done}, actor=actor, table=table)
