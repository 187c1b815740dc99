"""What an order page shows beside the run: lines with stock, fulfillment orders, decisions, progress."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment, SourcingDecision
from inventory.models import InventoryPosition
from orders.models import Order, OrderLine, StateDefinition

MOST_LINES = 50
MOST_SOURCES = 60
REMOVED = {"stock": "not enough in stock"}


@dataclass(frozen=True, slots=True)
class Stage:
    label: str
    status: str  # done, now or ahead
    at: datetime | None


def stages(order: Order, definitions: Iterable[StateDefinition]) -> list[Stage]:
    """The progress bar: states with a place on it; one that left the road (on hold, canceled) keeps what it reached."""
    places = {d.key: d.timeline_position for d in definitions if d.entity == "order"}
    on_bar = [d for d in definitions if d.entity == "order" and d.timeline_position is not None]
    here = places.get(order.state)
    times = {
        "new": order.received_at, "in_progress": order.sourced_at, "fulfillment": order.sent_at, "shipped": order.shipped_at,
        "completed": order.completed_at,
    }  # fmt: skip
    if here is None:
        here = max((d.timeline_position for d in on_bar if times.get(d.key)), default=0)
        return [_stage(d, times, "done" if d.timeline_position <= here else "ahead") for d in on_bar]
    return [
        _stage(d, times, "now" if d.key == order.state else "done" if d.timeline_position < here else "ahead")
        for d in on_bar
    ]


def _stage(definition: StateDefinition, times: Mapping, status: str) -> Stage:
    return Stage(definition.label, status, times.get(definition.key) if status != "ahead" else None)


@dataclass(frozen=True, slots=True)
class Promise:
    tone: str
    words: str


def promise(order: Order) -> Promise | None:
    """On time, at risk (less than a day left and not sent) or late, in words; None without a promised date."""
    if order.promised_at is None or order.state == Order.State.CANCELED:
        return None
    now = timezone.now()
    if order.shipped_at:
        late = order.shipped_at - order.promised_at
        return (
            Promise("danger", f"shipped {_days(late)} late")
            if late > timedelta(0)
            else Promise("success", "shipped on time")
        )
    if now > order.promised_at:
        return Promise("danger", f"late by {_days(now - order.promised_at)}")
    if order.sent_at is None and order.promised_at - now < timedelta(days=1):
        return Promise("warning", "at risk")
    return Promise("success", "on time")


def _days(late: timedelta) -> str:
    return f"{late.days} d" if late.days else f"{max(1, late.seconds // 3600)} h"


@dataclass(slots=True)
class Line:
    line: OrderLine
    stock: list[InventoryPosition]
    total: int


def lines_with_stock(order: Order) -> tuple[list[Line], int]:
    """The first lines with what each source has of them, and how many lines there are; two queries."""
    rows = list(
        order.lines.select_related("product", "source", "pickup_source").order_by("line_number")[:MOST_LINES]
    )
    stock: dict[int, list] = defaultdict(list)
    products = {line.product_id for line in rows if line.product_id}
    positions = InventoryPosition.objects.filter(product_id__in=products, on_hand__gt=0, source__active=True)
    for position in positions.select_related("source").order_by("-on_hand")[: MOST_SOURCES * MOST_LINES]:
        stock[position.product_id].append(position)
    return [
        Line(line, stock[line.product_id][:MOST_SOURCES], sum(p.available for p in stock[line.product_id]))
        for line in rows
    ], order.line_count


@dataclass(slots=True)
class Work:
    order: FulfillmentOrder
    lines: list[FulfillmentLine]
    shipments: list[Shipment]


def fulfillment_work(order: Order) -> list[Work]:
    """Three queries: fulfillment orders with source and invoice, their lines, their shipments."""
    found = FulfillmentOrder.objects.filter(order=order).select_related("source", "invoice").order_by("pk")
    work = {item.pk: Work(item, [], []) for item in found}
    for line in FulfillmentLine.objects.filter(fulfillment_order_id__in=work).select_related("order_line"):
        work[line.fulfillment_order_id].lines.append(line)
    for shipment in Shipment.objects.filter(fulfillment_order_id__in=work).order_by("pk"):
        work[shipment.fulfillment_order_id].shipments.append(shipment)
    return list(work.values())


def decisions(order: Order, line_ids: Sequence[int]) -> list[SourcingDecision]:
    """The newest decision of each line shown, as it was decided then."""
    newest: dict[int, SourcingDecision] = {}
    rows = SourcingDecision.objects.filter(order=order, order_line_id__in=line_ids).select_related(
        "order_line"
    )
    for decision in rows.order_by("pk"):
        newest[decision.order_line_id] = decision
    return sorted(newest.values(), key=lambda decision: decision.order_line.line_number)
