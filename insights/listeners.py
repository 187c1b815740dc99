"""Hears of business events inside their transaction and adds what they change to the counters."""

from django.utils import timezone

from insights.models import Rollup
from insights.services.deltas import deltas
from iom.lib import bulk
from orders.types import Raised

COLUMNS = ("metric", "hour", "channel_id", "label", "value")


def on_events(events: list[tuple[int, Raised]]) -> None:
    """One append for a batch, however many events; no counter row is ever updated, so writers do not wait."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    changes = deltas([event for _, event in events])
    rows = [
        (metric, hour, channel, label, value) for (metric, channel, label), value in changes.items() if value
    ]
    if rows:
        bulk.insert(Rollup, COLUMNS, rows)
