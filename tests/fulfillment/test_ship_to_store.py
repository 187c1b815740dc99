"""What is shipped to a store is measured and rated to that store, not to the customer's address."""

import pytest
from cost_world import cost_strategy, offer
from fulfillment_world import ACTOR
from test_cart_agrees import cart_of
from test_cost_planner import optimize
from what_if_world import tried

from fulfillment.checkout.service import plan_cart
from fulfillment.explaining import situation
from fulfillment.models import FulfillmentLine, SourcingDecision, Strategy
from fulfillment.services import strategies
from inventory.models import FulfillmentSource
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
    assert situation(shop).solution.total_cents == 900


def test_a_what_if_measures_to_the_store_too(world, store):
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    optimize(world, to_store(world.order((world.product(CHI=9, RNO=9), 1)), store))
    result = tried().result
    assert result["same"] == result["checked"] == 1
