"""Plan a cart: the cheapest, the earliest and the greenest way, with prices and dates; hold the stock if asked."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import numpy as np
from django.utils import timezone

from fulfillment import optimizer, rates
from fulfillment.calendars import at, local
from fulfillment.checkout.limits import limits_of
from fulfillment.checkout.loading import Facts, load
from fulfillment.checkout.model import NEVER, CartModel, places_of
from fulfillment.checkout.types import CHEAPEST, EARLIEST, GREENEST, Cart, CartPlan, Option, ParcelPlan
from inventory.models import Product
from inventory.services.reservations import reserve_or_refuse
from inventory.types import ReservationLine, ReservationRequest

KEPT_MINUTES = 15
Solution = optimizer.Solution


def plan_cart(cart: Cart, *, now: datetime | None = None) -> CartPlan:
    """The plan by the strategy's own aim first, then what is earlier or greener, where it differs. Writes nothing.

    Raises UnknownStrategy, UnknownProduct, UnknownSource or DestinationNotLocated. What no source can bring is named
    in `unfilled` with the reason. The number of queries does not depend on lines and sources.
    """
    facts = load(cart, now or timezone.now())
    if not facts.services or not facts.sources:
        return _nothing(cart, facts)
    model, solution, relaxed = _best(cart, facts)
    options = [_option(model, solution, CHEAPEST)]
    for kind, found in ((EARLIEST, _earliest(model, solution)), (GREENEST, _greenest(model, solution))):
        _add(options, _option(model, found, kind))
    options = [option for option in options if option.parcels]
    return CartPlan(
        str(uuid4()), facts.live.key, facts.live.version, facts.services[0].currency, facts.located_by, tuple(options),
        _unfilled(solution), tuple(relaxed),
    )  # fmt: skip


def _nothing(cart: Cart, facts: Facts) -> CartPlan:
    reason = "no_stock" if facts.services else "no_service"
    unfilled = tuple((n, line.quantity, reason) for n, line in enumerate(cart.lines))
    return CartPlan(str(uuid4()), facts.live.key, facts.live.version, "USD", facts.located_by, (), unfilled)


def _best(cart: Cart, facts: Facts) -> tuple[CartModel, Solution, list[str]]:
    """All constraints first; where something is left, once more without the soft ones."""
    model = _model(cart, facts, with_soft=True)
    solution = _solve(model, model.money)
    if not model.limits.soft or not solution.unfilled_quantity.any():
        return model, solution, []
    without = _model(cart, facts, with_soft=False)
    again = _solve(without, without.money)
    if again.unfilled_quantity.sum() >= solution.unfilled_quantity.sum():
        return model, solution, []
    return without, again, model.limits.soft


def _model(cart: Cart, facts: Facts, *, with_soft: bool) -> CartModel:
    places = places_of(facts)
    limits = limits_of(
        facts.live.document, places, facts.items, lists=facts.lists, ranks=facts.ranks,
        value_minor=cart.value_minor, today=facts.now.date(), with_soft=with_soft,
    )  # fmt: skip
    for ids, most, name in limits.line_days:
        for pk in ids & set(facts.sources):
            taken = facts.list_taken.get(name, 0) if name else facts.lines_taken.get(pk, 0)
            if taken + len(cart.lines) > most:
                limits.closed.setdefault(pk, f"{taken} of {most} order lines taken today")
    if any(item.keeps_whole for item in facts.items):
        limits.most_parcels = 1
    return CartModel(cart, facts, limits, places)


def _solve(model: CartModel, table: np.ndarray, **options) -> Solution:
    if "days_left" not in options and model.cart.deliver_by:
        options["days_left"] = max(0, (model.cart.deliver_by - model.facts.now.date()).days)
    return optimizer.solve(model.problem(table, **options), "single")


def _earliest(model: CartModel, base: Solution) -> Solution:
    """The cheapest plan that is complete on the first day on which one can be: found by halving."""
    days = np.unique(model.arrival[model.arrival < NEVER])
    days = days[days < max((model.arrival[n, v] for n, v in _lanes(base)), default=0)]
    missing, best = base.unfilled_quantity.sum(), base
    low, high = 0, len(days)
    late = optimizer.COMPONENTS.index("lateness")
    while low < high:
        middle = (low + high) // 2
        found = _solve(model, model.money, days_left=int(days[middle]), sure=True)
        if found.components[:, late].sum() == 0 and found.unfilled_quantity.sum() <= missing:
            best, high = found, middle
        else:
            low = middle + 1
    return best


def _lanes(solution: Solution) -> list[tuple[int, int]]:
    return list(zip(solution.parcel_node.tolist(), solution.parcel_service.tolist(), strict=True))


def _greenest(model: CartModel, base: Solution) -> Solution:
    found = _solve(model, model.carbon, plain=True)
    return found if found.unfilled_quantity.sum() <= base.unfilled_quantity.sum() else base


def _add(options: list[Option], option: Option) -> None:
    """A way that is there already only gains a name."""
    for n, known in enumerate(options):
        if known.parcels == option.parcels:
            options[n] = replace(known, kinds=known.kinds + option.kinds)
            return
    options.append(option)


def _option(model: CartModel, solution: Solution, kind: str) -> Option:
    parcels = [_parcel(model, solution, p) for p in range(len(solution.parcel_node))]
    parcels.sort(key=lambda parcel: (parcel.source, parcel.service, parcel.content))
    return Option(
        (kind,), tuple(parcels), _unfilled(solution), _expiry(model, {parcel.source_id for parcel in parcels})
    )


def _unfilled(solution: Solution) -> tuple[tuple[int, int, str], ...]:
    return tuple(
        (n, int(units), solution.unfilled_reason[n])
        for n, units in enumerate(solution.unfilled_quantity)
        if units
    )


def _parcel(model: CartModel, solution: Solution, p: int) -> ParcelPlan:
    n, v = int(solution.parcel_node[p]), int(solution.parcel_service[p])
    mine = solution.alloc_parcel == p
    content = sorted(
        zip(solution.alloc_line[mine].tolist(), solution.alloc_quantity[mine].tolist(), strict=True)
    )
    service, node, km, days = (
        model.facts.services[v],
        model.nodes[n],
        float(model.km[n]),
        model.promises[n, v],
    )
    tonnes = sum(model.facts.products[line].weight_grams * units for line, units in content) / 1e6
    return ParcelPlan(
        node.pk, node.code, service.carrier_code, service.code, service.name, tuple(content),
        _cost(model, service, km, content), _price(model, service, node.type, km, content), round(km, 1),
        round(service.grams_co2_per_parcel + service.grams_co2_per_tonne_km * tonnes * km),
        days.ship_on, days.deliver_on, days.expected_on,
    )  # fmt: skip


def _grams(model: CartModel, content, *, charged: bool) -> int:
    rows = [
        (model.facts.products[n].weight_grams, units, charged and model.cart.lines[n].free_shipping)
        for n, units in content
    ]
    return rates.charged_grams(rows)


def _cost(model: CartModel, service, km: float, content) -> int:
    """What the carrier asks of us."""
    found = rates.price(
        service.tariff, km=km, grams=_grams(model, content, charged=False), day=model.facts.now.date()
    )
    return found.total_minor if found else 0


def _price(model: CartModel, service, source_type: str, km: float, content) -> int:
    """What the customer pays: lines that ship free do not weigh, and alone cost nothing."""
    if all(model.cart.lines[n].free_shipping for n, _ in content):
        return 0
    grams = _grams(model, content, charged=True)
    live = rates.price(service.tariff, km=km, grams=grams, day=model.facts.now.date())
    kind = "business" if model.cart.destination.is_business else "residential"
    factor = rates.factor_for(model.facts.factors, source_type=source_type, address_type=kind)
    return rates.customer_price(factor, live.total_minor if live else None, grams)


def _expiry(model: CartModel, source_ids: set[int]) -> datetime:
    """A quarter of an hour, or until the first cutoff of a source that is in it."""
    now, found = model.facts.now, model.facts.now + timedelta(minutes=KEPT_MINUTES)
    for pk in source_ids:
        setup = model.facts.setups[pk]
        if setup.cutoff is not None:
            cutoff = at(local(now, setup.time_zone).date(), setup.cutoff, setup.time_zone)
            found = min(found, cutoff) if cutoff > now else found
    return found


# -- holding ------------------------------------------------------------------------------------------------------


def hold(plan: CartPlan, cart: Cart, *, seconds: int, actor: str) -> dict:
    """Hold the stock of the plan for so long; raises InsufficientStock, with nothing held, if some went meanwhile."""
    expires = timezone.now() + timedelta(seconds=seconds)
    products = dict(
        Product.objects.filter(sku__in={line.sku for line in cart.lines}).values_list("sku", "pk")
    )
    lines = tuple(
        ReservationLine(
            f"plan:{plan.execution_id}:{p}:{n}", f"cart:{cart.order_id}"[:100], products[cart.lines[n].sku],
            parcel.source_id, units,
        )
        for p, parcel in enumerate(plan.options[0].parcels)
        for n, units in parcel.content
    )  # fmt: skip
    reserve_or_refuse([ReservationRequest(lines, expires_at=expires)], actor=actor)
    return {"keys": [line.key for line in lines], "expires_at": expires}
