"""Sources per order are counted over all places where an order ends, whichever planner plans, in turn or together."""

import random
from itertools import combinations

import pytest
from cost_world import cost_strategy, offer
from test_cart_agrees import cart_of
from test_cost_planner import optimize

from fulfillment.checkout.service import plan_cart
from fulfillment.explaining import situations
from fulfillment.models import FulfillmentLine, SourcingDecision, Strategy
from inventory.models import FulfillmentSource
from orders.models import OrderLine

SOURCES = ("CHI", "RNO", "DAL")


@pytest.fixture(params=["cost", "nearest"])
def store(request, world) -> FulfillmentSource:
    """In San Francisco, near Reno; the customer lives near Chicago; Dallas is far from both."""
    offer()
    cost_strategy()
    Strategy.objects.update(objective=request.param)
    return FulfillmentSource.objects.create(
        code="ST-SF", name="Market Street", type="store", latitude=37.79, longitude=-122.40, region="CA"
    )


def both_ways(order, store, *numbers):
    """Some of its lines go to the store, the others home."""
    OrderLine.objects.filter(order=order, line_number__in=numbers).update(
        method="ship_to_store", pickup_source=store
    )
    return order


def places(order) -> list[str]:
    rows = FulfillmentLine.objects.filter(order_line__order=order).order_by("order_line__line_number")
    return list(rows.values_list("fulfillment_order__source__code", flat=True))


def at_most(count: int) -> None:
    Strategy.objects.update(max_sources_per_order=count)


def test_one_source_brings_to_both_places(world, store):
    at_most(1)
    things = [world.product(CHI=9, RNO=9) for _ in range(2)]
    order = both_ways(world.order((things[0], 1), (things[1], 1)), store, 2)
    cart = plan_cart(cart_of(order))
    optimize(world, order)
    assert len(places(order)) == 2 and len(set(places(order))) == 1
    assert [line.allocations[0][1] for line in cart.lines] == places(order)


def test_where_two_are_allowed_each_place_has_its_nearest(world, store):
    at_most(2)
    things = [world.product(CHI=9, RNO=9) for _ in range(2)]
    order = both_ways(world.order((things[0], 1), (things[1], 1)), store, 2)
    optimize(world, order)
    assert places(order) == ["CHI", "RNO"]


def test_a_farther_source_that_has_all_is_found(world, store):
    at_most(1)
    home, shop = world.product(CHI=9, DAL=9), world.product(RNO=9, DAL=9)
    order = both_ways(world.order((home, 1), (shop, 1)), store, 2)
    optimize(world, order)
    assert places(order) == ["DAL", "DAL"]


def test_why_not_looks_at_the_whole_order_too(world, store):
    """As it would be planned now, both places together."""
    at_most(1)
    home, shop = world.product(CHI=9, DAL=9), world.product(RNO=9, DAL=9)
    order = both_ways(world.order((home, 1), (shop, 1)), store, 2)
    dallas = {
        one.loaded.nodes[node]["code"] for one in situations(order) for node in one.solution.parcel_node
    }
    assert dallas == {"DAL"}


def test_what_finds_no_room_says_so(world, store):
    at_most(1)
    home, shop = world.product(CHI=9), world.product(RNO=9)
    order = both_ways(world.order((home, 1), (shop, 1)), store, 2)
    optimize(world, order)
    assert len(places(order)) == 1
    left = SourcingDecision.objects.get(order=order, outcome="not_sourced")
    assert any("one source more" in one["removed_by"] for one in left.candidates), left.candidates


def test_other_orders_of_the_batch_keep_their_own(world, store):
    at_most(1)
    thing, other = world.product(CHI=9, RNO=9), world.product(CHI=9, RNO=9)
    split = both_ways(world.order((thing, 1), (other, 1)), store, 2)
    home, shop = world.order((thing, 1)), both_ways(world.order((thing, 1)), store, 1)
    optimize(world, split, home, shop)
    assert (len(set(places(split))), places(home), places(shop)) == (1, ["CHI"], ["RNO"])


@pytest.mark.parametrize("seed", range(12))
def test_as_many_lines_as_any_choice_of_sources_has(world, store, seed):
    """Against all choices of so many sources, in random stock."""
    chance = random.Random(seed)
    most = chance.choice([1, 2])
    at_most(most)
    has = [{code for code in SOURCES if chance.random() < 0.5} for _ in range(4)]
    things = [world.product(**dict.fromkeys(sorted(codes), 5)) for codes in has]
    order = both_ways(world.order(*((thing, 1) for thing in things)), store, 2, 4)
    optimize(world, order)
    best = max(sum(bool(codes & set(some)) for codes in has) for some in combinations(SOURCES, most))
    assert len(set(places(order))) <= most
    assert len(places(order)) == best, (has, places(order))
