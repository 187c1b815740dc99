"""Counts everything again from the records themselves: the proof of the counters, and the way to make them anew."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncHour

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from insights import metrics
from insights.listeners import COLUMNS
from insights.models import Rollup
from insights.services.deltas import GONE
from iom.lib import bulk
from orders.models import BusinessEvent, Order

Row = tuple[str, datetime, int, str, int]
CHUNK = 5_000


class Difference(NamedTuple):
    metric: str
    channel_id: int
    label: str
    kept: int
    counted: int


def differences() -> list[Difference]:
    """Counters that are not what the records say; empty when all is well. Call it while nothing else writes."""
    kept, counted = _totals(), _by_label(counted_rows())
    keys = sorted(kept.keys() | counted.keys())
    return [Difference(*key, kept[key], counted[key]) for key in keys if kept[key] != counted[key]]


@transaction.atomic
def rebuild() -> int:
    """Replace the counters by a new count; returns the rows written. What a state was before today is lost."""
    rows = list(counted_rows())
    Rollup.objects.all().delete()
    for start in range(0, len(rows), CHUNK):
        bulk.insert(Rollup, COLUMNS, rows[start : start + CHUNK])
    return len(rows)


def counted_rows() -> Iterator[Row]:
    yield from _created()
    yield from _states()
    yield from _shipped()
    yield from _sourced()
    yield from _lines()


def _created() -> Iterator[Row]:
    events = BusinessEvent.objects.filter(kind="order.new", entity="order").annotate(hour=TruncHour("at"))
    rows = events.order_by().values_list("hour", "order__channel_id")
    rows = rows.annotate(Count("pk"), Sum("order__line_count"), Sum("order__unit_count"))
    for hour, channel, *counts in rows:
        for metric, count in zip((metrics.CREATED, metrics.LINES, metrics.UNITS), counts, strict=True):
            yield metric, hour, channel, "", count


def _states() -> Iterator[Row]:
    orders = Order.objects.exclude(state=Order.State.DRAFT).annotate(hour=TruncHour("state_at")).order_by()
    for hour, channel, state, count in orders.values_list("hour", "channel_id", "state").annotate(
        Count("pk")
    ):
        yield metrics.STATE, hour, channel, state, count


def _shipped() -> Iterator[Row]:
    rows = Order.objects.filter(shipped_at__isnull=False).order_by()
    for channel, promised, shipped in rows.values_list("channel_id", "promised_at", "shipped_at").iterator():
        yield metrics.SHIPPED, _hour(shipped), channel, metrics.kept_promise(promised, shipped), 1


def _sourced() -> Iterator[Row]:
    live = FulfillmentOrder.objects.exclude(state__in=GONE).order_by()
    rows = live.values_list("order_id", "order__channel_id").annotate(Count("pk"), Max("created_at"))
    for _, channel, count, at in rows.iterator():
        yield metrics.SOURCED, _hour(at), channel, metrics.spread(count), 1


def _lines() -> Iterator[Row]:
    shipped = (FulfillmentOrder.State.SHIPPED, FulfillmentOrder.State.DELIVERED)
    for metric, states in (
        (metrics.FILLED, shipped),
        (metrics.REFUSED, (FulfillmentOrder.State.REJECTED,)),
    ):
        rows = FulfillmentLine.objects.filter(fulfillment_order__state__in=states).order_by()
        rows = rows.annotate(hour=TruncHour("fulfillment_order__state_at")).values_list(
            "hour", "fulfillment_order__order__channel_id", "fulfillment_order__source__code"
        )
        for hour, channel, code, count in rows.annotate(Count("pk")):
            yield metric, hour, channel, code, count


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _by_label(rows: Iterator[Row]) -> Counter:
    totals: Counter = Counter()
    for metric, _, channel, label, value in rows:
        totals[metric, channel, label] += value
    return totals


def _totals() -> Counter:
    rows = Rollup.objects.order_by().values_list("metric", "channel_id", "label").annotate(Sum("value"))
    return Counter({(metric, channel, label): value for metric, channel, label, value in rows})
