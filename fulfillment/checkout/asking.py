"""A cart as sourcing sees an order: the same needs, rules, stock and methods as if it were one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from fulfillment import selectors
from fulfillment.checkout.types import Cart, Destination
from fulfillment.destinations import Place, by_place
from fulfillment.errors import DestinationNotLocated, UnknownProduct, UnknownSource, UnknownStrategy
from fulfillment.list_limits import ListDays
from fulfillment.loading.facts import ProductFacts, product_facts
from fulfillment.loading.list_days import list_days
from fulfillment.methods import AT_A_STORE, Method, MethodLine, barred_sources
from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Problem, SourceFacts, Terms
from fulfillment.strategy_document import LiveStrategy, list_members, live_strategies
from inventory.models import FulfillmentSource, Product
from orders.services.intake_rows import coordinates
from orders.types import Party


@dataclass(frozen=True)
class Asked:
    """`needs`: the lines by where they end, in the turn of their first lines. `problem` is what planners get; it consumes its stock and `list_days`, those here stay whole. Lines have their place as their id."""

    needs: Sequence[OrderNeed]
    problem: Problem
    stock: Mapping[int, Mapping[int, int]]
    products: Sequence[ProductFacts]
    sources: Mapping[int, SourceFacts]
    located_by: str
    strategies: Mapping[str, LiveStrategy]
    lists: Mapping[str, frozenset[int]]
    list_days: ListDays

    @property
    def holders(self) -> set[int]:
        """The sources that have any of the goods; no other can bring a line."""
        return {pk for units in self.stock.values() for pk, free in units.items() if free > 0}


def ask(cart: Cart) -> Asked:
    """Raises UnknownStrategy, UnknownProduct, UnknownSource or DestinationNotLocated."""
    strategies, lists = live_strategies(), list_members()
    sources = {source.id: source for source in selectors.source_facts()}
    codes = {source.code: source.id for source in sources.values()}
    rules = selectors.rules_of(strategies, lists, codes, timezone.now().date())
    if cart.strategy not in rules:
        raise UnknownStrategy({cart.strategy})
    ids, facts = _products(cart)
    stores = _stores(cart, sources.values())
    ends = {n: stores.get(n) for n in range(len(cart.lines))}
    home, located_by = _home(cart, ends)
    barred = barred_sources(
        {
            n: MethodLine(line.method, pk, product.category, cart.channel_id)
            for n, (line, pk, product) in enumerate(zip(cart.lines, ids, facts, strict=True))
        },
        sources.values(),
    )
    prices = [
        product.price_minor if line.unit_price_minor is None else line.unit_price_minor
        for line, product in zip(cart.lines, facts, strict=True)
    ]
    goods = sum(price * line.quantity for price, line in zip(prices, cart.lines, strict=True))
    lines = [
        LineNeed(
            n, pk, line.quantity, stores[n] if line.method == Method.PICKUP else None, barred=barred.get(n, {}),
            unit_minor=price, ship_class=product.ship_class,
        )
        for n, (line, pk, price, product) in enumerate(zip(cart.lines, ids, prices, facts, strict=True))
    ]  # fmt: skip
    terms = Terms(goods if cart.value_minor is None else cart.value_minor, cart.deliver_by)
    pickups = {line.fixed_source_id for line in lines} - {None}
    needs = [
        OrderNeed(
            0, [lines[n] for n in mine], place.latitude, place.longitude, place.region, place.country, rules[cart.strategy],
            frozenset(pickups - {place.store}),
            terms=terms, store=place.store,
        )
        for place, mine in by_place(ends, home, sources).items()
    ]  # fmt: skip
    stock = selectors.stock_of(set(ids))
    consumed = {product: dict(units) for product, units in stock.items()}
    counted = list_days(rules.values(), timezone.now())
    problem = Problem(needs, list(sources.values()), consumed, list_days=counted.copy())
    return Asked(needs, problem, stock, facts, sources, located_by, strategies, lists, counted)


def _products(cart: Cart) -> tuple[list[int], list[ProductFacts]]:
    skus = {line.sku for line in cart.lines}
    ids = dict(Product.objects.filter(sku__in=skus, active=True).values_list("sku", "pk"))
    if unknown := [line.sku for line in cart.lines if line.sku not in ids]:
        raise UnknownProduct(unknown)
    facts = product_facts(ids.values())
    mine = [ids[line.sku] for line in cart.lines]
    return mine, [facts[pk] for pk in mine]


def _stores(cart: Cart, sources) -> dict[int, int]:
    """Where lines end in a store, by place of the line; a method that does so must name one."""
    known = {s.code: s.id for s in sources if s.active and s.type == FulfillmentSource.Type.STORE}
    wanted = {n: line.pickup_source for n, line in enumerate(cart.lines) if line.method in AT_A_STORE}
    if unknown := [code for code in wanted.values() if code not in known]:
        raise UnknownSource(unknown)
    return {n: known[code] for n, code in wanted.items()}


def _home(cart: Cart, ends: Mapping[int, int | None]) -> tuple[Place, str]:
    """The destination, and what it was placed by; where all lines end in stores nobody has to find it."""
    there = cart.destination
    if ends and None not in ends.values():
        return Place(None, None, there.region, there.country), "store"
    found, located_by = _located(there)
    return Place(*found, there.region, there.country), located_by


def _located(destination: Destination) -> tuple[tuple[float, float], str]:
    """As intake places an order; where that knows no place, the middle of our sources near it. And by what."""
    place = Party(
        city=destination.city, region=destination.region, country=destination.country,
        latitude=destination.latitude, longitude=destination.longitude,
    )  # fmt: skip
    found = coordinates(place)
    if None not in found:
        return found, "coordinates" if None not in (place.latitude, place.longitude) else "address"
    rows = FulfillmentSource.objects.filter(
        active=True, country=destination.country, latitude__isnull=False, longitude__isnull=False
    )
    here = list(rows.values_list("postal_code", "region", "latitude", "longitude"))
    for column, name in enumerate(("postal_code", "region")):
        wanted = getattr(destination, name)
        near = [row for row in here if wanted and row[column] == wanted]
        if near:
            return _middle(near), name
    if here:
        return _middle(here), "country"
    raise DestinationNotLocated


def _middle(rows) -> tuple[float, float]:
    return sum(row[2] for row in rows) / len(rows), sum(row[3] for row in rows) / len(rows)
