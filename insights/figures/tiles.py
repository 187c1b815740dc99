"""The figures in one number each: exact definition, value, and the address of the rows behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

from insights import metrics
from insights.figures.scope import Scope
from insights.selectors import totals
from iom.lib.pages import rows_url
from orders.models import Order

RANGE = (
    metrics.CREATED,
    metrics.LINES,
    metrics.UNITS,
    metrics.SHIPPED,
    metrics.SOURCED,
    metrics.FILLED,
    metrics.REFUSED,
)
Sums = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Tile:
    key: str
    name: str
    value: str
    note: str
    definition: str
    url: str


def tiles(scope: Scope) -> list[Tile]:
    """Two reads of the counters for all of them."""
    sums = totals(RANGE, since=scope.since, until=scope.until, channel=scope.channel)
    states = totals([metrics.STATE], channel=scope.channel)
    return [
        _orders(scope, sums), _open(scope, states), _on_time(scope, sums), _fill(scope, sums), _split(scope, sums),
        _throughput(scope, sums),
    ]  # fmt: skip


def _orders(scope: Scope, sums: Sums) -> Tile:
    orders, lines, units = (
        sums.get((name, ""), 0) for name in (metrics.CREATED, metrics.LINES, metrics.UNITS)
    )
    note = f"{lines:,} lines, {units:,} units" + (f", {lines / orders:.2f} lines an order" if orders else "")
    url = rows_url("orders.order", **_orders_in(scope, "received_at"))
    definition = "Orders that were submitted in the range, by the time they came in. Drafts never count."
    return Tile("orders", "Orders", f"{orders:,}", note, definition, url)


def _open(scope: Scope, states: Sums) -> Tile:
    counts = {state: states.get((metrics.STATE, state), 0) for state in Order.OPEN}
    held = counts[Order.State.ON_HOLD]
    url = rows_url("orders.order", state__in=",".join(Order.OPEN), **_of_channel(scope))
    definition = "Orders that are new, in progress, on hold or in fulfillment now, whatever the range."
    return Tile("open", "Open now", f"{sum(counts.values()):,}", f"{held:,} on hold", definition, url)


def _on_time(scope: Scope, sums: Sums) -> Tile:
    on_time, late, without = (sums.get((metrics.SHIPPED, label), 0) for label in metrics.PROMISES)
    url = rows_url("orders.order", **_orders_in(scope, "shipped_at"))
    definition = (
        "Orders wholly shipped in the range at or before their promised time, of those that had one. "
        "Orders without a promise are counted beside it."
    )
    note = f"{late:,} late, {without:,} without a promise"
    return Tile("on_time", "Shipped on time", share(on_time, on_time + late), note, definition, url)


def _fill(scope: Scope, sums: Sums) -> Tile:
    shipped, refused = (
        sum(v for (name, _), v in sums.items() if name == m) for m in (metrics.FILLED, metrics.REFUSED)
    )
    url = rows_url(
        "fulfillment.fulfillmentorder", state__in="shipped,delivered,rejected", **_range(scope, "state_at")
    )
    definition = (
        "Fulfillment lines that their source shipped, of those that it shipped or rejected in the range. "
        "What the customer canceled does not count."
    )
    return Tile(
        "fill", "Fill rate", share(shipped, shipped + refused), f"{refused:,} lines rejected", definition, url
    )


def _split(scope: Scope, sums: Sums) -> Tile:
    one, split = (max(0, sums.get((metrics.SOURCED, label), 0)) for label in (metrics.ONE, metrics.SPLIT))
    url = rows_url("fulfillment.fulfillmentorder", **_range(scope, "created_at"))
    definition = (
        "Orders that several sources work on, of all orders that got a source in the range. "
        "Fulfillment orders that were rejected or canceled do not count."
    )
    return Tile(
        "split",
        "Split rate",
        share(split, one + split),
        f"{split:,} of {one + split:,} orders",
        definition,
        url,
    )


def _throughput(scope: Scope, sums: Sums) -> Tile:
    shipped = sum(value for (name, _), value in sums.items() if name == metrics.SHIPPED)
    rate = shipped / scope.hours if scope.hours else 0
    url = rows_url("orders.order", **_orders_in(scope, "shipped_at"))
    definition = "Orders wholly shipped in the range, divided by the hours of it that have passed."
    return Tile(
        "throughput", "Orders shipped an hour", f"{rate:,.1f}", f"{shipped:,} shipped", definition, url
    )


def share(part: int, whole: int) -> str:
    """Percent with one decimal; a dash when there is nothing to divide by."""
    return f"{100 * part / whole:.1f} %" if whole > 0 else "–"


def _range(scope: Scope, field: str) -> dict[str, str]:
    return {f"{field}__gte": scope.since.isoformat(), f"{field}__lt": scope.until.isoformat()}


def _orders_in(scope: Scope, field: str) -> dict[str, str]:
    return {**_range(scope, field), **_of_channel(scope)}


def _of_channel(scope: Scope) -> dict[str, int]:
    return {"channel__id__exact": scope.channel} if scope.channel else {}
