"""The figures over time: series from the counters, as plain numbers that a chart and a table both show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Value, When
from django.utils import timezone

from insights import metrics
from insights.figures.scope import Scope
from insights.selectors import buckets, series, totals
from iom.lib.pages import rows_url
from orders.models import Order

STATE_COLORS = {"new": "#60a5fa", "in_progress": "#2563eb", "on_hold": "#f59e0b", "fulfillment": "#8b5cf6"}
GOOD, BAD, PLAIN = "#16a34a", "#dc2626", "#94a3b8"
PALETTE = ("#2563eb", "#0d9488", "#f59e0b", "#8b5cf6", "#db2777", "#64748b")
BANDS = (("under 4 h", 4), ("4 h to 1 d", 24), ("1 to 3 d", 72), ("over 3 d", None))
BAND_COLORS = ("#93c5fd", "#3b82f6", "#f59e0b", "#dc2626")


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    values: list[int]
    color: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`kind` is bar, area or line; `x` has times in ISO format or categories. `url` leads to the rows behind it."""

    key: str
    title: str
    definition: str
    kind: str
    x: list[str]
    lines: list[Line]
    url: str = ""

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        return [(x, [line.values[n] for line in self.lines]) for n, x in enumerate(self.x)]

    @property
    def empty(self) -> bool:
        return not any(any(line.values) for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "kind": self.kind,
            "x": self.x,
            "lines": [asdict(line) for line in self.lines],
        }


def charts(scope: Scope, channels: Mapping[int, str]) -> list[Chart]:
    return [
        created(scope, channels),
        open_by_state(scope),
        backlog(scope),
        rate(scope),
        promises(scope),
        sources(scope),
    ]


def created(scope: Scope, channels: Mapping[int, str]) -> Chart:
    found = _series(metrics.CREATED, scope, by="channel_id")
    lines = [
        Line(channels.get(pk, f"Channel {pk}"), values, PALETTE[n % len(PALETTE)])
        for n, (pk, values) in enumerate(sorted(found.items()))
    ]
    text = "Orders submitted, by channel. Drafts never count."
    return Chart("created", "Orders by channel", text, "bar", _times(scope), lines, rows_url("orders.order"))


def open_by_state(scope: Scope) -> Chart:
    """What stood before the range, then every change added up."""
    before = totals([metrics.STATE], until=scope.since, channel=scope.channel)
    changes = _series(metrics.STATE, scope, by="label")
    lines = []
    for state in Order.OPEN:
        value, values = before.get((metrics.STATE, state), 0), []
        for change in changes.get(state, [0] * len(_times(scope))):
            value += change
            values.append(value)
        lines.append(Line(Order.State(state).label, values, STATE_COLORS[state]))
    url = rows_url("orders.order", state__in=",".join(Order.OPEN))
    return Chart(
        "states",
        "Open orders by state",
        "Orders in each open state at the end of each bucket.",
        "area",
        _times(scope),
        lines,
        url,
    )


def backlog(scope: Scope) -> Chart:
    """Open orders only, by the index on their state: the one figure that reads orders, because ages move by themselves."""
    now = timezone.now()
    bands = [When(state_at__gt=now - timedelta(hours=h), then=Value(name)) for name, h in BANDS if h]
    rows = Order.objects.filter(state__in=Order.OPEN).order_by()
    if scope.channel:
        rows = rows.filter(channel_id=scope.channel)
    band = Case(*bands, default=Value(BANDS[-1][0]), output_field=CharField())
    counts = {
        (s, b): n for s, b, n in rows.annotate(band=band).values_list("state", "band").annotate(Count("pk"))
    }
    states = [Order.State(state).label for state in Order.OPEN]
    lines = [
        Line(name, [counts.get((state, name), 0) for state in Order.OPEN], color)
        for (name, _), color in zip(BANDS, BAND_COLORS, strict=True)
    ]
    text = "Open orders now, by state and by how long they have been in it."
    return Chart(
        "backlog",
        "Backlog by age",
        text,
        "bar",
        states,
        lines,
        rows_url("orders.order", state__in=",".join(Order.OPEN)),
    )


def rate(scope: Scope) -> Chart:
    arrived, shipped = (
        _summed(_series(metric, scope, by="label"), scope) for metric in (metrics.CREATED, metrics.SHIPPED)
    )
    unit = "an hour" if scope.hourly else "a day"
    lines = [Line("In", arrived, PALETTE[0]), Line("Shipped", shipped, GOOD)]
    return Chart(
        "rate",
        f"Orders {unit}",
        f"Orders submitted and orders wholly shipped, {unit}.",
        "line",
        _times(scope),
        lines,
    )


def promises(scope: Scope) -> Chart:
    found = _series(metrics.SHIPPED, scope, by="label")
    names = {
        metrics.ON_TIME: ("On time", GOOD),
        metrics.LATE: ("Late", BAD),
        metrics.NO_PROMISE: ("No promise", PLAIN),
    }
    none = [0] * len(_times(scope))
    lines = [Line(name, found.get(label, none), color) for label, (name, color) in names.items()]
    text = "Orders wholly shipped, by whether their promised time was kept."
    return Chart(
        "promises",
        "Shipped on time",
        text,
        "bar",
        _times(scope),
        lines,
        rows_url("orders.order", state__exact="shipped"),
    )


def sources(scope: Scope) -> Chart:
    found = totals(
        [metrics.FILLED, metrics.REFUSED], since=scope.since, until=scope.until, channel=scope.channel
    )
    both = {code: sum(v for (_, label), v in found.items() if label == code) for _, code in found}
    busiest = sorted(both, key=lambda code: (-both[code], code))[:15]
    lines = [
        Line(name, [found.get((metric, code), 0) for code in busiest], color)
        for name, metric, color in (("Shipped", metrics.FILLED, GOOD), ("Rejected", metrics.REFUSED, BAD))
    ]
    text = "Fulfillment lines shipped and rejected in the range, the 15 busiest sources."
    return Chart(
        "sources", "Lines by source", text, "bar", busiest, lines, rows_url("fulfillment.fulfillmentorder")
    )


def _series(metric: str, scope: Scope, *, by: str) -> dict[Any, list[int]]:
    found = series(
        metric, by=by, since=scope.since, until=scope.until, hourly=scope.hourly, channel=scope.channel
    )
    starts = _starts(scope)
    return {key: [values.get(start, 0) for start in starts] for key, values in found.items()}


def _summed(found: Mapping[Any, Sequence[int]], scope: Scope) -> list[int]:
    return [sum(values[n] for values in found.values()) for n in range(len(_starts(scope)))]


def _starts(scope: Scope) -> list[datetime]:
    return buckets(scope.since, scope.until, hourly=scope.hourly)


def _times(scope: Scope) -> list[str]:
    return [start.strftime("%Y-%m-%d %H:%M" if scope.hourly else "%Y-%m-%d") for start in _starts(scope)]
