"""Where an order goes and where it comes from: a map of shapes of our own, and the same as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.distance import kilometers
from fulfillment.models import FulfillmentOrder, SourcingDecision
from insights.figures.map import Map, Place, draw
from insights.pages.order_parts import Work
from inventory.models import FulfillmentSource
from orders.models import Order

FIELDS = ("code", "name", "type", "latitude", "longitude")
NEARER_KM = 8  # closer to the destination than this is "here"
RANK = {"chosen": 0, "open": 1, "removed": 2}


@dataclass(frozen=True, slots=True)
class Row:
    source: FulfillmentSource
    role: str
    words: str
    km: int | None


@dataclass(frozen=True, slots=True)
class OrderMap:
    drawing: Map | None
    rows: list[Row]


def order_map(order: Order, work: Sequence[Work], decisions: Sequence[SourcingDecision]) -> OrderMap | None:
    """Sources that bring something, then those that could have, then the others; one query. None without any."""
    units, verdicts = _brought(work), _verdicts(decisions)
    codes = {*units, *verdicts}
    if not codes:
        return None
    sources = list(FulfillmentSource.objects.filter(code__in=codes).only("pk", *FIELDS))
    rows = [_row(order, source, units, verdicts) for source in sources]
    rows.sort(key=lambda row: (RANK[row.role], row.km is None, row.km or 0, row.source.code))
    return OrderMap(draw(_home(order), [place for row in rows if (place := _place(row))]), rows)


def _brought(work: Sequence[Work]) -> Counter[str]:
    """Units by source, of fulfillment orders that are not refused or canceled."""
    over = (FulfillmentOrder.State.REJECTED, FulfillmentOrder.State.CANCELED)
    units: Counter[str] = Counter()
    for item in work:
        if item.order.state not in over:
            units[item.order.source.code] += sum(line.quantity for line in item.lines)
    return units


def _verdicts(decisions: Sequence[SourcingDecision]) -> dict[str, str]:
    """What removed a source: from every line, or else nothing."""
    verdicts: dict[str, list[str]] = {}
    for decision in decisions:
        for candidate in decision.candidates:
            verdicts.setdefault(candidate["code"], []).append(candidate.get("removed_by", ""))
    return {code: "" if "" in said else said[0] for code, said in verdicts.items()}


def _row(order: Order, source: FulfillmentSource, units: Counter[str], verdicts: dict[str, str]) -> Row:
    km = _kilometers(order, source)
    if brought := units.get(source.code):
        return Row(source, "chosen", f"brings {brought:,} unit{'' if brought == 1 else 's'}", km)
    removed = verdicts.get(source.code, "")
    return Row(source, "removed" if removed else "open", removed or "could have brought it", km)


def _kilometers(order: Order, source: FulfillmentSource) -> int | None:
    points = (order.ship_to_latitude, order.ship_to_longitude), (source.latitude, source.longitude)
    if None in points[0] or None in points[1]:
        return None
    return round(float(kilometers(points[:1], points[1:])[0, 0]))


def _home(order: Order) -> Place | None:
    if order.ship_to_latitude is None or order.ship_to_longitude is None:
        return None
    label = order.ship_to_city or order.ship_to_postal_code or "Destination"
    return Place(label, order.ship_to_latitude, order.ship_to_longitude, "home", "destination")


def _place(row: Row) -> Place | None:
    if row.source.latitude is None or row.source.longitude is None:
        return None
    return Place(row.source.name, row.source.latitude, row.source.longitude, row.role, row.words)
