"""Shipments: what left a source, and when it arrived."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment, ShipmentLine
from fulfillment.querysets import lines_of, lock_work, order_lines_of
from fulfillment.services.closing import move_sent, recount_shipped, settle_lines
from fulfillment.services.refusing import Refusal, keep_rejections, refuse_lines
from fulfillment.services.reserving import release_lines
from fulfillment.services.words import refusal
from fulfillment.types import ShipmentReport
from inventory.services.reservations import consume
from iom.lib import bulk, lock_order
from orders.models import Order, OrderLine
from orders.services.events import apply_event, collecting
from orders.services.headers import settle_headers
from orders.services.transitions import TransitionTable
from orders.types import Outcome

State = FulfillmentOrder.State
FIELDS = (
    "key", "fulfillment_order", "carrier", "service", "tracking_number", "tracking_url", "cost_minor", "shipped_at",
)  # fmt: skip
LATE = (
    "status:"  # key of a shipment that was told by its state only; the report with the details takes it over
)

LEFT_OUT, SHORT = "not in the shipment", "shipped less than it was told to"


def status_key(fulfillment_order_id: int) -> str:
    return f"{LATE}{fulfillment_order_id}"


@dataclass(slots=True)
class _Desk:
    """What is known of the batch while its reports are looked at one by one."""

    work: dict[int, FulfillmentOrder]
    lines: dict[int, dict[int, FulfillmentLine]]
    order_lines: dict[int, OrderLine]
    shipments: dict[str, Shipment]
    leaving: Counter = field(default_factory=Counter)  # order line -> units of this batch
    taken: list[tuple[ShipmentReport, dict[int, int]]] = field(default_factory=list)
    detailed: list[tuple] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@lock_order.unit
def ship(reports: Sequence[ShipmentReport], *, actor: str) -> Outcome:
    """Record what left: shipment, counters, stock, states of fulfillment order, lines and header.

    A fulfillment order ships once. What a report leaves out is short, and its stock is released. A line that is short
    of some units stays in fulfillment as part shipped: `source_lines` finds the missing units at other sources, or a
    person cancels them. A line that was left out altogether counts as rejected by the source and is sourced elsewhere. A report under a known key changes nothing. Refused, with nothing of it changed: more units
    than the line has, and what is shipped, rejected or canceled already: of a cancellation and a shipment one wins.
    """
    work, _ = lock_work({report.fulfillment_order_id for report in reports})
    desk = _desk(work, reports)
    for report in reports:
        _look(report, desk)
    if desk.detailed:
        bulk.update(Shipment, "pk", FIELDS[:1] + FIELDS[2:], desk.detailed)
    with collecting():
        _write(desk, actor, TransitionTable())
    return Outcome(changed=[report.fulfillment_order_id for report, _ in desk.taken], refused=desk.refused)


def _desk(work: dict[int, FulfillmentOrder], reports: Sequence[ShipmentReport]) -> _Desk:
    lines = lines_of(work.values())
    by_work: dict[int, dict[int, FulfillmentLine]] = defaultdict(dict)
    for line in lines:
        by_work[line.fulfillment_order_id][line.pk] = line
    known = Shipment.objects.filter(Q(key__in=[r.key for r in reports]) | Q(fulfillment_order_id__in=work))
    return _Desk(work, by_work, order_lines_of(lines), {shipment.key: shipment for shipment in known})


def _look(report: ShipmentReport, desk: _Desk) -> None:
    """Take a report, pass over a repeated one, or refuse it."""
    pk = report.fulfillment_order_id
    work = desk.work[pk]
    if (known := desk.shipments.get(report.key)) is not None:
        if known.fulfillment_order_id != pk:
            desk.refused[pk] = f"The shipment key {report.key} is that of another fulfillment order."
        return
    units = _units(report, desk.lines[pk])
    if (late := desk.shipments.get(status_key(pk))) is not None and not late.tracking_number:
        return _detail(late, report, units, desk)
    if problem := _problem(work, report, units, desk):
        desk.refused[pk] = problem
        return
    desk.taken.append((report, units))
    desk.shipments[report.key] = Shipment(key=report.key, fulfillment_order_id=pk, tracking_number="taken")
    for line_id, quantity in units.items():
        desk.leaving[desk.lines[pk][line_id].order_line_id] += quantity


def _units(report: ShipmentReport, lines: Mapping[int, FulfillmentLine]) -> dict[int, int]:
    if report.lines is None:
        return {pk: line.quantity for pk, line in lines.items()}
    return {pk: quantity for pk, quantity in report.lines.items() if quantity}


def _detail(late: Shipment, report: ShipmentReport, units: dict[int, int], desk: _Desk) -> None:
    """The state came first: this report has the carrier and the number of what we know has shipped."""
    if units != {pk: line.quantity_shipped for pk, line in desk.lines[late.fulfillment_order_id].items()}:
        work = desk.work[late.fulfillment_order_id]
        desk.refused[work.pk] = f"{work.number} has shipped with other quantities than {report.key} tells."
        return
    desk.detailed.append((late.pk, *_values(report)[:1], *_values(report)[2:]))
    del desk.shipments[late.key]
    desk.shipments[report.key] = late


def _problem(
    work: FulfillmentOrder, report: ShipmentReport, units: Mapping[int, int], desk: _Desk
) -> str | None:
    lines = desk.lines[work.pk]
    if work.state not in FulfillmentOrder.OPEN or any(
        r.fulfillment_order_id == work.pk for r, _ in desk.taken
    ):
        return _too_late(work)
    if strange := set(units) - set(lines):
        return f"{work.number} has no line {', '.join(map(str, sorted(strange)))}."
    if not units or min(units.values()) < 0:
        return f"{report.key} brings no units of {work.number}."
    totals = Counter(desk.leaving)
    for pk, quantity in units.items():
        line = lines[pk]
        if quantity > line.quantity:
            return f"{work.number} would ship {quantity:,} of {line.quantity:,} on line {pk}."
        totals[line.order_line_id] += quantity
    for pk in {lines[line].order_line_id for line in units}:
        order_line = desk.order_lines[pk]
        left = order_line.quantity - order_line.quantity_shipped - order_line.quantity_canceled
        if totals[pk] > left:
            return f"{work.number} would ship {totals[pk]:,} of {order_line.sku}; {left:,} are still to come."
    return None


def _too_late(work: FulfillmentOrder) -> str:
    if work.state == State.CANCELED:
        return f"{work.number} was canceled before it shipped."
    if work.state == State.REJECTED:
        return refusal(work, State.SHIPPED)
    return f"{work.number} has shipped already."


def _write(desk: _Desk, actor: str, table: TransitionTable) -> None:
    if not desk.taken:
        return
    work = [desk.work[report.fulfillment_order_id] for report, _ in desk.taken]
    move_sent(work, actor=actor, table=table)
    _insert(desk)
    lines = [line for item in work for line in desk.lines[item.pk].values()]
    units = {pk: quantity for _, each in desk.taken for pk, quantity in each.items()}
    recount_shipped(units, desk.leaving)
    _take_stock(lines, units, actor)
    sequences = [(r.fulfillment_order_id, r.sequence) for r, _ in desk.taken if r.sequence]
    _keep_sequences(desk.work, sequences)
    payloads = {r.fulfillment_order_id: _payload(r, desk) for r, _ in desk.taken}
    apply_event("fulfillment_order.shipped", work, actor=actor, payloads=payloads, table=table)
    settle_lines(order_lines_of(lines).values(), actor=actor, table=table)
    left_out = [line for line in lines if line.pk not in units]
    said = dict.fromkeys(desk.work, Refusal(LEFT_OUT))
    refuse_lines(left_out, work, actor=actor, said=said, table=table)
    short = [line for line in lines if units.get(line.pk, line.quantity) < line.quantity]
    keep_rejections(short, work, actor=actor, said=dict.fromkeys(desk.work, Refusal(SHORT)))
    settle_headers({item.order_id for item in work}, actor=actor, table=table)


def _values(report: ShipmentReport) -> tuple:
    return (
        report.key, report.fulfillment_order_id, report.carrier, report.service, report.tracking_number,
        report.tracking_url, report.cost_minor, report.shipped_at,
    )  # fmt: skip


def _insert(desk: _Desk) -> None:
    ids = bulk.insert(Shipment, FIELDS, [_values(report) for report, _ in desk.taken], returning=("pk",))
    rows = [
        (pk, line, quantity)
        for (pk,), (_, units) in zip(ids, desk.taken, strict=True)
        for line, quantity in units.items()
    ]
    bulk.insert(ShipmentLine, ("shipment", "fulfillment_line", "quantity"), rows)


def _take_stock(lines: Sequence[FulfillmentLine], units: Mapping[int, int], actor: str) -> None:
    held = {
        line.reservation_key: units[line.pk] for line in lines if line.reservation_key and line.pk in units
    }
    left_out = [line for line in lines if line.pk not in units]
    if held and left_out:
        lock_order.lock_alone()
    if held:
        consume(held, actor=actor)
    release_lines(left_out, actor=actor, reason="not shipped")


def _keep_sequences(work: Mapping[int, FulfillmentOrder], rows: Sequence[tuple[int, int]]) -> None:
    newer = [(pk, sequence) for pk, sequence in rows if sequence > work[pk].provider_sequence]
    if newer:
        bulk.update(FulfillmentOrder, "pk", ("provider_sequence",), newer)


def _payload(report: ShipmentReport, desk: _Desk) -> dict:
    payload = {
        "shipment": report.key, "carrier": report.carrier, "tracking_number": report.tracking_number,
    }  # fmt: skip
    if desk.work[report.fulfillment_order_id].cancel_requested_at:
        payload["cancel"] = "came too late"
    return payload


@transaction.atomic
def deliver(fo_ids: Collection[int], *, actor: str, at: datetime | None = None) -> Outcome:
    """The goods arrived. Refused with "waits for: shipped" before that is known: the caller tries again later.

    `order.delivered` is raised once, when the last fulfillment order of a shipped order arrived.
    """
    work, orders = lock_work(fo_ids)
    there = [item for item in work.values() if item.state == State.SHIPPED]
    refused = {pk: _not_there(i) for pk, i in work.items() if i.state not in (State.SHIPPED, State.DELIVERED)}
    Shipment.objects.filter(fulfillment_order__in=there, delivered_at=None).update(
        delivered_at=at or timezone.now()
    )
    table = TransitionTable()
    with collecting():
        apply_event("fulfillment_order.delivered", there, actor=actor, table=table)
        arrived = _all_arrived({item.order_id for item in there})
        apply_event("order.delivered", [orders[pk] for pk in sorted(arrived)], actor=actor, table=table)
    return Outcome(changed=[item.pk for item in there], refused=refused)


def _not_there(work: FulfillmentOrder) -> str:
    return "waits for: shipped" if work.state in FulfillmentOrder.OPEN else refusal(work, State.DELIVERED)


def _all_arrived(order_ids: Collection[int]) -> set[int]:
    """Orders of which nothing is on its way any more, and nothing is still to be sent."""
    under_way = FulfillmentOrder.objects.filter(
        order_id__in=order_ids, state__in=[*FulfillmentOrder.OPEN, State.SHIPPED]
    )
    over = (Order.State.SHIPPED, Order.State.COMPLETED)
    done = Order.objects.filter(pk__in=order_ids, state__in=over).values_list("pk", flat=True)
    return set(done) - set(under_way.values_list("order_id", flat=True))
