"""What a plan of one cart must know, in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fulfillment import calendars, shipping_setup
from fulfillment.calendars import NoWorkingDay
from fulfillment.checkout.limits import AT_A_STORE, Item, MethodRow
from fulfillment.checkout.types import Cart, Destination
from fulfillment.distance import kilometers
from fulfillment.errors import DestinationNotLocated, UnknownProduct, UnknownSource, UnknownStrategy
from fulfillment.models import ListDay, MethodRule, SourceDay, SourcePriority
from fulfillment.rates import RateFactor
from fulfillment.shipping_setup import ServiceSetup, SourceSetup
from fulfillment.strategy_document import LiveStrategy, list_members, live_strategies, source_ids
from inventory.models import FulfillmentSource, Product
from inventory.selectors import availability

NO_STRATEGY = {
    "key": "", "name": "", "description": "", "objective": "cost", "source_list": "", "sources": [],
    "max_distance_km": None, "max_sources_per_order": 5, "split_lines": True, "weights": {}, "is_batch": False,
    "batch_minutes": 5, "alternate": "", "rest": "inbox", "constraints": [],
}  # fmt: skip
METHOD_FIELDS = ("method", "product_id", "category", "source_id", "source_type", "channel_id", "allowed")
SEARCHED_DAYS = 14
NEAREST_KEPT = 12


@dataclass(frozen=True)
class Facts:
    """`stock`: (line place, source id) -> available; `free_day`: first day on which a source has room."""

    live: LiveStrategy
    items: Sequence[Item]
    products: Sequence[Product]
    sources: Mapping[int, FulfillmentSource]
    setups: Mapping[int, SourceSetup]
    services: Sequence[ServiceSetup]
    stock: Mapping[tuple[int, int], int]
    lists: Mapping[str, frozenset[int]]
    ranks: Mapping[tuple[int, int], int]
    methods: Sequence[MethodRow]
    factors: Sequence[RateFactor]
    free_day: Mapping[int, date | None]
    lines_taken: Mapping[int, int]
    list_taken: Mapping[str, int]
    point: tuple[float, float]
    located_by: str
    now: datetime


def load(cart: Cart, now: datetime) -> Facts:
    """Raises UnknownStrategy, UnknownProduct, UnknownSource or DestinationNotLocated."""
    live = _strategy(cart.strategy)
    products = _products(cart)
    lists = list_members()
    everywhere = {source.pk: source for source in FulfillmentSource.objects.filter(active=True)}
    _check_stores(cart, everywhere)
    point, located_by = locate(cart.destination, everywhere.values())
    allowed = source_ids(live.document, lists, {source.code: pk for pk, source in everywhere.items()})
    stock = _shortlisted(_stock(products, everywhere, allowed), cart, everywhere, point)
    candidates = {pk for _, pk in stock}
    days = shipping_setup.calendars_by_id()
    setups = shipping_setup.sources(days, candidates)
    services = [s for s in shipping_setup.services(days) if cart.carrier in ("", s.carrier_code)]
    items = [_item(product, line) for product, line in zip(products, cart.lines, strict=True)]
    free_day, lines_taken = _days(candidates, everywhere, setups, now)
    return Facts(
        live, items, products, {pk: everywhere[pk] for pk in sorted(candidates)}, setups, services, stock, lists,
        _ranks(products, candidates), [MethodRow(*row) for row in MethodRule.objects.values_list(*METHOD_FIELDS)],
        shipping_setup.rate_factors(), free_day, lines_taken, _list_days(now), point, located_by, now,
    )  # fmt: skip


def _strategy(key: str) -> LiveStrategy:
    found = live_strategies()
    if key and key not in found:
        raise UnknownStrategy({key})
    return found.get(key) or LiveStrategy("", 0, True, NO_STRATEGY)


def _products(cart: Cart) -> list[Product]:
    found = {p.sku: p for p in Product.objects.filter(sku__in={line.sku for line in cart.lines}, active=True)}
    if unknown := [line.sku for line in cart.lines if line.sku not in found]:
        raise UnknownProduct(unknown)
    return [found[line.sku] for line in cart.lines]


def _check_stores(cart: Cart, sources: Mapping[int, FulfillmentSource]) -> None:
    stores = {source.code for source in sources.values() if source.type == FulfillmentSource.Type.STORE}
    wanted = [line.pickup_source for line in cart.lines if line.method in AT_A_STORE]
    if unknown := [code for code in wanted if code not in stores]:
        raise UnknownSource(unknown)


def locate(destination: Destination, sources) -> tuple[tuple[float, float], str]:
    """Where it goes: by its coordinates, else by a source with the same postal code, region, country. And by what."""
    if destination.latitude is not None and destination.longitude is not None:
        return (destination.latitude, destination.longitude), "coordinates"
    here = [s for s in sources if s.country == destination.country and None not in (s.latitude, s.longitude)]
    for name in ("postal_code", "region"):
        wanted = getattr(destination, name)
        near = [s for s in here if wanted and getattr(s, name) == wanted]
        if near:
            return _middle(near), name
    if here:
        return _middle(here), "country"
    raise DestinationNotLocated


def _middle(sources) -> tuple[float, float]:
    return (
        sum(s.latitude for s in sources) / len(sources),
        sum(s.longitude for s in sources) / len(sources),
    )


def _stock(products, sources, allowed: frozenset[int] | None) -> dict[tuple[int, int], int]:
    """What is available above the safety stock of position and source; only where there is something."""
    by_product: dict[int, list[tuple[int, int]]] = {}
    for product, source, on_hand, reserved, safety in availability({p.pk for p in products}):
        if source in sources and (allowed is None or source in allowed):
            free = on_hand - reserved - max(safety, sources[source].safety_stock)
            if free > 0 and sources[source].latitude is not None and sources[source].longitude is not None:
                by_product.setdefault(product, []).append((source, free))
    return {
        (n, source): free
        for n, product in enumerate(products)
        for source, free in by_product.get(product.pk, ())
    }


def _shortlisted(stock, cart: Cart, sources, point) -> dict[tuple[int, int], int]:
    """Of each type the sources nearest to the destination that have a line whole, and the nearest that have a part.

    Far ones of the same type cost the same work and more road, so they are left out; a store of a pickup stays.
    """
    holders = sorted({pk for _, pk in stock})
    table = kilometers([point], [(sources[pk].latitude, sources[pk].longitude) for pk in holders])[0]
    km = dict(zip(holders, table.tolist(), strict=True))
    named = {line.pickup_source for line in cart.lines}
    groups: dict[tuple, list[int]] = {}
    for (n, pk), free in stock.items():
        groups.setdefault((n, sources[pk].type, free >= cart.lines[n].quantity), []).append(pk)
    kept = {pk for group in groups.values() for pk in sorted(group, key=km.__getitem__)[:NEAREST_KEPT]}
    kept |= {pk for pk in holders if sources[pk].code in named}
    return {key: free for key, free in stock.items() if key[1] in kept}


def _item(product: Product, line) -> Item:
    return Item(
        product.pk, product.sku, product.category, product.ship_class, product.keeps_order_whole, line.method,
        line.pickup_source,
    )  # fmt: skip


def _ranks(products, candidates) -> dict[tuple[int, int], int]:
    """Priority of a source for a line, by product before category."""
    rows = list(
        SourcePriority.objects.filter(source_id__in=candidates).values_list(
            "source_id", "product_id", "category", "priority"
        )
    )
    found: dict[tuple[int, int], int] = {}
    for exact in (False, True):
        for source, product, category, rank in rows:
            for n, item in enumerate(products):
                if (product == item.pk) if exact else (product is None and category == item.category):
                    found[n, source] = rank
    return found


def _days(candidates, sources, setups, now) -> tuple[dict[int, date | None], dict[int, int]]:
    """Per source the first day with room (None: none soon), and the order lines it has on its own next day."""
    first = {pk: _today(setups[pk], now) for pk in candidates}
    since = (now - timedelta(days=1)).date()
    rows = SourceDay.objects.filter(source_id__in=candidates, day__gte=since)
    used = {
        (source, unit, day): (taken, most)
        for source, unit, day, taken, most in rows.values_list("source_id", "unit", "day", "used", "maximum")
    }
    free, lines = {}, {}
    for pk, day in first.items():
        unit = sources[pk].capacity_unit
        free[pk] = _first_free(setups[pk], day, lambda d, pk=pk, unit=unit: used.get((pk, unit, d)))
        lines[pk] = used.get((pk, FulfillmentSource.CapacityUnit.LINES, day), (0, 0))[0]
    return free, lines


def _today(setup: SourceSetup, now: datetime) -> date | None:
    try:
        return calendars.capacity_day(calendars.Schedule(setup.time_zone, setup.calendar, setup.cutoff), now)
    except NoWorkingDay:
        return None


def _first_free(setup: SourceSetup, day: date | None, of) -> date | None:
    for _ in range(SEARCHED_DAYS):
        if day is None:
            return None
        taken, most = of(day) or (0, 1)
        if taken < most:
            return day
        day = setup.calendar.next_open(day + calendars.ONE_DAY)
    return None


def _list_days(now: datetime) -> dict[str, int]:
    rows = ListDay.objects.filter(day=now.date()).values_list("source_list__key", "used")
    return dict(rows)
