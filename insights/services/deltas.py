"""What a batch of business events changes in the counters; a fixed number of queries for any number of events."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from django.db.models import Count, QuerySet

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from insights import metrics
from iom.lib import compiled
from orders.models import Order
from orders.types import Raised

Changes = Counter[tuple[str, int, str]]
BROUGHT = ("channel_id", "line_count", "unit_count")
GONE = (FulfillmentOrder.State.REJECTED, FulfillmentOrder.State.CANCELED)


class Facts(NamedTuple):
    channel_id: int
    line_count: int
    unit_count: int
    promised_at: object = None
    shipped_at: object = None


def deltas(events: Sequence[Raised]) -> Changes:
    """(metric, channel, label) -> what to add. Events that moved nothing (no `to` in their payload) count nothing."""
    headers = [event for event in events if event.entity == "order" and _counts(event)]
    packages = [event for event in events if event.entity == "fulfillment_order" and _counts(event)]
    changes: Changes = Counter()
    if not headers and not packages:
        return changes
    facts = _facts([*headers, *packages])
    _headers(headers, facts, changes)
    if packages:
        _spread(packages, facts, changes)
        _lines(packages, facts, changes)
    return changes


def _counts(event: Raised) -> bool:
    moved = event.payload.get("to") not in (None, event.payload.get("from"))
    return moved or event.kind in ("order.new", "fulfillment_order.created")


def _facts(events: Iterable[Raised]) -> dict[int, Facts]:
    """By order; one that was just taken in brings its own along."""
    facts, unknown = {}, set()
    for event in events:
        if event.kind == "order.new" and "line_count" in event.payload:
            facts[event.order_id] = Facts(*map(event.payload.__getitem__, BROUGHT))
        else:
            unknown.add(event.order_id)
    if unknown:
        facts |= {pk: Facts(*values) for pk, *values in _orders(unknown)}
    return facts


@compiled.query
def _orders(ids: Collection[int]) -> QuerySet:
    return Order.objects.filter(pk__in=ids).values_list("pk", *Facts._fields)


def _headers(events: Iterable[Raised], facts: dict[int, Facts], changes: Changes) -> None:
    for event in events:
        order = facts[event.order_id]
        source, target = event.payload.get("from"), event.payload.get("to")
        if event.kind == "order.new":
            changes[metrics.CREATED, order.channel_id, ""] += 1
            changes[metrics.LINES, order.channel_id, ""] += order.line_count
            changes[metrics.UNITS, order.channel_id, ""] += order.unit_count
            target = target or Order.State.NEW
        changes[metrics.STATE, order.channel_id, target] += 1
        if source and source != Order.State.DRAFT:  # drafts are nobody's orders yet
            changes[metrics.STATE, order.channel_id, source] -= 1
        if target == Order.State.SHIPPED:
            label = metrics.kept_promise(order.promised_at, order.shipped_at)
            changes[metrics.SHIPPED, order.channel_id, label] += 1


def _spread(events: Iterable[Raised], facts: dict[int, Facts], changes: Changes) -> None:
    """An order moves between none, one and several sources; what it was before follows from what it is now."""
    moved: Counter[int] = Counter()
    for event in events:
        if event.kind == "fulfillment_order.created":
            moved[event.order_id] += 1
        elif event.payload.get("to") in GONE:
            moved[event.order_id] -= 1
    if not moved:
        return
    now = dict(_sources_of(moved))
    for order_id, difference in moved.items():
        after = now.get(order_id, 0)
        for label, value in ((metrics.spread(after - difference), -1), (metrics.spread(after), 1)):
            if label:
                changes[metrics.SOURCED, facts[order_id].channel_id, label] += value


@compiled.query
def _sources_of(order_ids: Collection[int]) -> QuerySet:
    live = FulfillmentOrder.objects.filter(order_id__in=order_ids).exclude(state__in=GONE).order_by()
    return live.values_list("order_id").annotate(Count("pk"))


def _lines(events: Iterable[Raised], facts: dict[int, Facts], changes: Changes) -> None:
    metric_of = {
        FulfillmentOrder.State.SHIPPED: metrics.FILLED,
        FulfillmentOrder.State.REJECTED: metrics.REFUSED,
    }
    ended = {event.record_id: event for event in events if event.payload.get("to") in metric_of}
    if not ended:
        return
    rows = FulfillmentLine.objects.filter(fulfillment_order_id__in=ended).order_by()
    rows = rows.values_list("fulfillment_order_id", "fulfillment_order__source__code").annotate(Count("pk"))
    for pk, code, count in rows:
        event = ended[pk]
        changes[metric_of[event.payload["to"]], facts[event.order_id].channel_id, code] += count
