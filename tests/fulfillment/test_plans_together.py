"""Strategies that see the same stock and capacity are planned in one solve: none takes what another needs more."""

import pytest
from cost_world import cost_strategy, offer
from django.db import transaction
from fulfillment_world import ACTOR

from fulfillment.models import FulfillmentOrder, SourcingDecision, SourcingRun, Strategy, StrategyConstraint
from fulfillment.optimizer import COMPONENTS
from fulfillment.selectors import demands_of
from fulfillment.services.optimizing import optimize_lines
from inventory.models import FulfillmentSource
from orders.models import Order, OrderLine


@pytest.fixture
def two(world):
    """The last unit in Chicago: an order of the first strategy could as well come from Reno, the other from nowhere else."""
    offer()
    cost_strategy(key="any", max_sources_per_order=3)
    cost_strategy(key="near", is_default=False, max_distance_km=500)
    thing = world.product(CHI=1, RNO=9)
    first, second = world.orders(2, (thing, 1))
    Order.objects.filter(pk=second.pk).update(strategy="near")
    return world, first, Order.objects.get(pk=second.pk)


def optimize(world, *orders) -> None:
    lines = OrderLine.objects.filter(order__in=orders).values_list("pk", flat=True)
    with transaction.atomic():
        Order.objects.lock([order.pk for order in orders])
        optimize_lines(demands_of(lines), actor=ACTOR)


def place(order) -> list[str]:
    return list(
        FulfillmentOrder.objects.filter(order=order, state="new").values_list("source__code", flat=True)
    )


def test_the_unit_goes_where_it_is_needed_most(two):
    world, first, second = two
    optimize(world, first, second)
    assert (place(first), place(second)) == (["RNO"], ["CHI"])
    run = SourcingRun.objects.get()
    assert run.strategies == {"any": 0, "near": 0} and run.orders == 2
    rows = SourcingDecision.objects.order_by("order_id").values_list("strategy", "strategy_version", "run_id")
    assert list(rows) == [("any", 0, run.pk), ("near", 0, run.pk)]


@pytest.mark.parametrize(
    "change",
    [
        lambda near: Strategy.objects.filter(pk=near.pk).update(weights={"distance": 1.0}),
        lambda near: StrategyConstraint.objects.create(
            strategy=near, kind="safety_stock", name="Kept", is_hard=True, parameters={"units": 1}
        ),
        lambda near: StrategyConstraint.objects.create(
            strategy=near, kind="lines_per_day", name="Few", is_hard=True, parameters={"count": 9}
        ),
    ],
)
def test_who_sees_another_stock_capacity_or_money_is_planned_alone(two, change):
    world, first, second = two
    change(Strategy.objects.get(key="near"))
    optimize(world, first, second)
    assert [run.orders for run in SourcingRun.objects.all()] == [1, 1]
    assert place(first) == ["CHI"]


def test_each_order_keeps_the_rules_of_its_own_strategy(two):
    """Whole or not at all, split lines, classes, lists, priorities and what it costs to leave a unit."""
    world, *_ = two
    near = Strategy.objects.get(key="near")
    Strategy.objects.filter(pk=near.pk).update(max_distance_km=None, split_lines=False, unfilled_minor=5000)
    for kind, parameters in (
        ("class_not_from", {"ship_class": "std", "source_type": "store"}),
        ("restrict_partial", {}),
        ("location_priority", {"ranks": {"CHI": 2, "RNO": 1, "DAL": 1}, "step_minor": 5}),
        ("offline", {"codes": ["DAL"]}),
        ("sources_per_order", {"count": 1}),
    ):
        StrategyConstraint.objects.create(
            strategy=near, kind=kind, name=kind, is_hard=True, parameters=parameters
        )
    FulfillmentSource.objects.filter(code="RNO").update(type="store")
    things = [world.product(CHI=2, RNO=9, DAL=9), world.product(DAL=9), world.product(CHI=2, RNO=1)]
    orders = world.orders(2, (things[0], 1), (things[1], 1), (things[2], 3))
    Order.objects.filter(pk=orders[1].pk).update(strategy="near")
    for thing in things:
        thing.ship_class = "std"
        thing.save(update_fields=["ship_class"])
    optimize(world, *[Order.objects.get(pk=order.pk) for order in orders])
    assert SourcingRun.objects.get().strategies == {"any": 0, "near": 0}
    assert sorted(place(orders[0])) == ["CHI", "DAL", "RNO"]
    assert place(orders[1]) == []  # the second thing is in Dallas alone, and the order goes whole
    alone = world.order((things[0], 1))
    Order.objects.filter(pk=alone.pk).update(strategy="near")
    optimize(world, Order.objects.get(pk=alone.pk), world.order((things[0], 1)))
    assert place(alone) == ["CHI"]
    assert SourcingDecision.objects.get(order=alone).costs["soft"] == 5
    assert set(SourcingRun.objects.order_by("-pk")[0].components) <= set(COMPONENTS)


@pytest.mark.parametrize(("percent", "outcome"), [(100, "sourced"), (24, "sourced"), (20, "not_sourced")])
def test_a_unit_is_brought_while_that_costs_less_than_a_share_of_its_price(world, percent, outcome):
    offer()
    cost_strategy(unfilled_minor=0, unfilled_percent=percent)
    order = world.order((world.product(CHI=9), 1))
    OrderLine.objects.filter(order=order).update(amount_minor=3000)
    optimize(world, order)  # by Chicago's carrier for 7.00
    assert SourcingDecision.objects.get().outcome == outcome
