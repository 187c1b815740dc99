"""What ends in a store is measured and rated to that store, not to the customer's address; what lies there needs no carrier."""

from collections import Counter

import pytest
from cost_world import cost_strategy, offer
from django.db import transaction
from fulfillment_world import ACTOR
from test_cart_agrees import cart_of, compare
from test_cost_planner import optimize
from what_if_world import tried

from fulfillment.checkout.service import plan_cart
from fulfillment.explaining import situations, why_not
from fulfillment.models import (
    FulfillmentLine,
    SourceList,
    SourceService,
    SourcingDecision,
    Strategy,
    StrategyConstraint,
)
from fulfillment.selectors import demands_of
from fulfillment.services import strategies
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.sourcing import plan_lines
from fulfillment.types import LineDemand
from inventory.models import FulfillmentSource
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import Order, OrderLine


@pytest.fixture
def store(world) -> FulfillmentSource:
    """In San Francisco; the customer lives in Milwaukee, near Chicago."""
    made = FulfillmentSource.objects.create(
        code="ST-SF", name="Market Street", type="store", latitude=37.79, longitude=-122.40, region="CA"
    )
    offer()
    cost_strategy()
    return made


def to_store(order: Order, store: FulfillmentSource, *numbers: int) -> Order:
    lines = OrderLine.objects.filter(order=order)
    lines = lines.filter(line_number__in=numbers) if numbers else lines
    lines.update(method="ship_to_store", pickup_source=store)
    return order


def places(order: Order) -> list[str]:
    rows = FulfillmentLine.objects.filter(order_line__order=order).order_by("order_line__line_number")
    return list(rows.values_list("fulfillment_order__source__code", flat=True))


@pytest.mark.parametrize("objective", ["cost", "nearest"])
def test_the_source_near_the_store_brings_it(world, store, objective):
    Strategy.objects.update(objective=objective)
    thing = world.product(CHI=9, RNO=9)
    home, shop = world.order((thing, 1)), to_store(world.order((thing, 1)), store)
    cart = plan_cart(cart_of(shop))
    optimize(world, home, shop)
    assert (places(home), places(shop)) == (["CHI"], ["RNO"])
    decision = SourcingDecision.objects.get(order=shop)
    assert decision.chosen[0]["distance_km"] == pytest.approx(294, abs=3)
    assert decision.costs == ({"carrier": 900} if objective == "cost" else None)
    assert [line.allocations[0][1] for line in cart.lines] == ["RNO"]
    assert cart.options[0].parcels[0].km == pytest.approx(294, abs=3)


def test_lines_of_one_order_go_their_own_ways(world, store):
    things = [world.product(CHI=9, RNO=9) for _ in range(2)]
    order = to_store(world.order((things[0], 1), (things[1], 1)), store, 2)
    optimize(world, order)
    assert places(order) == ["CHI", "RNO"]


def test_a_reach_counts_to_the_store(world, store):
    Strategy.objects.update(max_distance_km=300)
    thing = world.product(CHI=9, RNO=9)
    shop = to_store(world.order((thing, 1)), store)
    assert [one.outcome for one in optimize(world, shop).values()] == ["sourced"]
    assert situations(shop)[0].solution.total_cents == 900


def test_a_what_if_measures_to_the_store_too(world, store):
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    optimize(world, to_store(world.order((world.product(CHI=9, RNO=9), 1)), store))
    result = tried().result
    assert result["same"] == result["checked"] == 1


def held(product, source, units: int) -> None:
    set_on_hand([StockLevel(product.pk, source.pk, units)], actor=ACTOR, reason="count")


def picked_up(order: Order, store: FulfillmentSource, *numbers: int) -> Order:
    lines = OrderLine.objects.filter(order=order)
    lines = lines.filter(line_number__in=numbers) if numbers else lines
    lines.update(method="pickup", pickup_source=store)
    return order


def costs_of(order: Order) -> list[dict[str, int] | None]:
    rows = SourcingDecision.objects.filter(order=order).order_by("order_line__line_number")
    return list(rows.values_list("costs", flat=True))


def test_what_is_picked_up_has_no_carrier(world, store):
    """Not even one that the store would have to offer; what is packed there costs, and no reach keeps it away."""
    Strategy.objects.update(max_distance_km=100)
    SourceService.objects.filter(source=store).delete()
    FulfillmentSource.objects.filter(pk=store.pk).update(handling_parcel_minor=150)
    thing = world.product(CHI=9)
    held(thing, store, 9)
    order = picked_up(world.order((thing, 2)), store)
    cart = plan_cart(cart_of(order))
    optimize(world, order)
    assert (places(order), costs_of(order)) == (["ST-SF"], [{"handling": 150}])
    assert SourcingDecision.objects.get().chosen == [
        {"source": store.pk, "code": "ST-SF", "quantity": 2, "distance_km": 0}
    ]
    assert dict(cart.costs) == {"handling": 150}
    (parcel,) = cart.options[0].parcels
    assert (parcel.source, parcel.carrier, parcel.service, parcel.price_minor, parcel.cost_minor, parcel.km) == (
        "ST-SF", "", "", 0, 0, 0.0,
    )  # fmt: skip
    (now,) = situations(order)
    assert now.solution.by_component()["carrier"] == 0


def test_stock_in_the_store_is_shipped_to_the_store_by_nobody(world, store):
    thing = world.product(CHI=9, RNO=9)
    held(thing, store, 1)
    first, second = (to_store(order, store) for order in world.orders(2, (thing, 1)))
    optimize(world, first, second)
    assert sorted(places(first) + places(second)) == ["RNO", "ST-SF"]
    assert sorted(map(str, costs_of(first) + costs_of(second))) == ["{'carrier': 900}", "{}"]


def test_a_neighbor_of_a_store_still_needs_a_carrier(world, store):
    """An address on the very spot of a source is no store where the customer takes the goods."""
    thing = world.product(CHI=9)
    order = world.order((thing, 1))
    chicago = world.sources["CHI"]
    Order.objects.filter(pk=order.pk).update(
        ship_to_latitude=chicago.latitude, ship_to_longitude=chicago.longitude
    )
    other = to_store(world.order((thing, 1)), store)
    optimize(world, Order.objects.get(pk=order.pk), other)
    assert costs_of(order) == [{"carrier": 700}]


@pytest.mark.parametrize("objective", ["cost", "nearest"])
def test_a_mixed_cart_is_measured_to_where_each_line_goes(world, store, objective):
    """Home from Chicago, to the store from Reno, and one line that lies in the store already."""
    Strategy.objects.update(objective=objective)
    things = [world.product(CHI=9, RNO=9) for _ in range(3)]
    held(things[2], store, 9)
    order = world.order(*[(thing, 1) for thing in things])
    picked_up(to_store(order, store, 2), store, 3)
    plan, costs = compare(world, order)
    assert places(order) == ["CHI", "RNO", "ST-SF"]
    assert dict(plan.costs) == {"carrier": 700 + 900}
    if objective == "cost":
        assert costs == {"carrier": 700 + 900}
    far = {(0, "CHI"): 133, (0, "RNO"): 2647, (1, "CHI"): 2986, (1, "RNO"): 297, (2, "ST-SF"): 0}
    for option in plan.options:
        for parcel in option.parcels:
            ((n, _),) = parcel.content
            assert parcel.km == pytest.approx(far[n, parcel.source], abs=10)
            assert (parcel.service == "") == (parcel.cost_minor == 0) == (n == 2)
    assert [parcel.source for parcel in plan.options[0].parcels] == ["CHI", "RNO", "ST-SF"]


def test_ways_of_a_mixed_cart_promise_no_unit_twice(world, store):
    """The last unit by air is the earliest for both lines of the product; one of them gets it."""
    thing = world.product(CHI=1, RNO=1, DAL=9)
    order = world.order((thing, 1), (thing, 1), (thing, 1))
    to_store(order, store, 2, 3)
    for option in plan_cart(cart_of(order)).options:
        units = Counter()
        for parcel in option.parcels:
            units[parcel.source] += sum(count for _, count in parcel.content)
        assert units["CHI"] <= 1 and units["RNO"] <= 1 and units.total() == 3


def test_why_not_looks_at_each_part_where_it_goes(world, store):
    thing, other = world.product(CHI=9, RNO=9), world.product(CHI=9, RNO=9)
    order = to_store(world.order((thing, 1), (other, 1)), store, 2)
    optimize(world, order)
    home, shop = situations(order)
    assert [len(part.loaded.lines) for part in (home, shop)] == [1, 1]
    assert [part.solution.total_cents for part in (home, shop)] == [700, 900]
    for code in ("CHI", "RNO"):
        assert "is among the sources" in why_not(order, code)["sentence"]
    answer = why_not(order, "DAL")
    assert [round(line["distance_km"], -2) for line in answer["lines"]] == [1400, 2400]


def test_a_what_if_prices_pickups_as_they_were(world, store):
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    thing = world.product(CHI=9)
    held(thing, store, 9)
    optimize(world, picked_up(world.order((thing, 1), (thing, 1)), store, 2))
    result = tried().result
    assert result["same"] == result["checked"] == 2


@pytest.mark.parametrize("change", ["address", "store", "strategy"])
def test_a_plan_made_ahead_for_another_place_is_made_anew(world, store, change):
    """Between the plan of a batch and its commit somebody changes where it goes, or by what strategy."""
    cost_strategy(key="west", is_default=False)
    SourceList.objects.create(key="reno", name="Reno").sources.add(world.sources["RNO"])
    Strategy.objects.filter(key="west").update(source_list=SourceList.objects.get())
    order, other = world.orders(2, (world.product(CHI=9, RNO=9), 1))
    planned = plan_lines(demands(order, other), actor=ACTOR, effort="fast")
    if change == "address":
        Order.objects.filter(pk=order.pk).update(ship_to_latitude=37.79, ship_to_longitude=-122.40)
    elif change == "store":
        to_store(order, store)
    else:
        Order.objects.filter(pk=order.pk).update(strategy="west")
    with transaction.atomic():
        Order.objects.lock([order.pk, other.pk])
        optimize_lines(demands(order, other), actor=ACTOR, planned=planned)
    assert (places(order), places(other)) == (["RNO"], ["CHI"])


def demands(*orders: Order) -> list[LineDemand]:
    return demands_of(list(OrderLine.objects.filter(order__in=orders).values_list("pk", flat=True)))


def rule(kind: str, **parameters) -> None:
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind=kind, name=kind, is_hard=True, parameters=parameters
    )


def test_the_store_of_a_pickup_counts_among_the_sources_of_its_order(world, store):
    rule("sources_per_order", count=1)
    things = [world.product(CHI=9) for _ in range(2)]
    for thing in things:
        held(thing, store, 9)
    order = picked_up(world.order((things[0], 1), (things[1], 1)), store, 2)
    compare(world, order)
    assert places(order) == ["ST-SF", "ST-SF"]


def test_an_order_that_goes_whole_goes_to_all_its_places_or_to_none(world, store):
    """What the store does not have keeps the line that goes home, and its unit is free for another order."""
    rule("restrict_partial")
    things = [world.product(CHI=1), world.product(CHI=9)]
    order = picked_up(world.order((things[0], 1), (things[1], 1)), store, 2)
    plan = plan_cart(cart_of(order))
    other = world.order((things[0], 1))
    answers = optimize(world, order, other)
    assert [one.outcome for one in answers.values()] == ["not_sourced", "not_sourced", "sourced"]
    assert (places(order), places(other)) == ([], ["CHI"])
    assert [line.missing for line in plan.lines] == [1, 1]
    told = SourcingDecision.objects.get(order_line__order=order, order_line__line_number=1).candidates
    assert told[0]["removed_by"] == "the order goes whole or not at all"
