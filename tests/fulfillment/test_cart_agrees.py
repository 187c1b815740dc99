"""A cart planned by the API goes where the order goes, and costs what the order costs: for random worlds and rules."""

import random
from collections import Counter

import pytest
from cost_world import offer
from django.db import transaction
from fulfillment_world import ACTOR
from test_cost_planner import optimize

from fulfillment.checkout.service import plan_cart
from fulfillment.checkout.types import Cart, CartLine, Destination
from fulfillment.models import (
    CarrierService,
    FulfillmentLine,
    FutureSale,
    MethodRule,
    SourceList,
    SourcePriority,
    SourcingDecision,
    Strategy,
    StrategyConstraint,
)
from inventory.models import FulfillmentSource, Product
from orders.models import Order, OrderLine

MILWAUKEE = Destination("US", latitude=43.04, longitude=-87.91)
CODES = ("CHI", "RNO", "DAL")
RULES = {
    "maximum_distance": {"km": 1500},
    "restrict_partial": {},
    "respect_timings": {},
    "sources_per_order": {"count": 1},
    "sources_per_line": {"count": 1},
    "lines_per_day": {"count": 1},
    "safety_stock": {"units": 2},
    "location_priority": {"ranks": {"DAL": 1}, "step_minor": 150},
    "offline": {"codes": ["CHI"]},
    "maximum_rejects": {"count": 1},
    "minimum_inventory": {"units": 3},
    "no_split": {"value_minor": 5000},
    "class_not_from": {"ship_class": "bulky", "source_type": "warehouse"},
}


def test_every_kind_of_constraint_is_tried():
    assert set(RULES) == set(StrategyConstraint.Kind.values)


def cart_of(order, *, strategy: str = "") -> Cart:
    lines = order.lines.select_related("pickup_source").order_by("pk")
    return Cart(
        "cart",
        [
            CartLine(
                str(line.pk), line.sku, line.quantity, method=line.method,
                pickup_source=line.pickup_source.code if line.pickup_source else "",
                unit_price_minor=line.amount_minor // line.quantity,
            )
            for line in lines
        ],
        MILWAUKEE, strategy=strategy, channel_id=order.channel_id, value_minor=order.goods_minor,
        deliver_by=order.promised_at.date() if order.promised_at else None,
    )  # fmt: skip


def compare(world, order):
    """Source and units by line, and cents by component, of cart and order; the cart first, as it changes nothing."""
    plan = plan_cart(cart_of(order))
    found = optimize(world, order)
    lines = list(order.lines.order_by("pk").values_list("pk", flat=True))
    theirs = [tuple(sorted((pk, units) for pk, units, _ in found[line].allocations)) for line in lines]
    ours = [tuple(sorted((pk, units) for pk, _, units in line.allocations)) for line in plan.lines]
    assert ours == theirs, (plan, found)
    costs = Counter()
    for row in SourcingDecision.objects.filter(order=order).values_list("costs", flat=True):
        costs.update(row or {})
    return plan, dict(costs)


def random_world(world, seed: int):
    """Three sources with stock, handling, refusals and dates of their own; rules and methods at random."""
    chance = random.Random(seed)
    offer()
    offer(code="air", base=(1100, 1300, 1500), per_unit=90)
    CarrierService.objects.filter(code="air").update(dim_divisor=5000)
    for source in FulfillmentSource.objects.all():
        source.handling_parcel_minor, source.handling_unit_minor = (
            chance.randint(0, 400),
            chance.randint(0, 90),
        )
        source.reject_rate_ppm, source.safety_stock = chance.randint(0, 60_000), chance.randint(0, 2)
        source.priority, source.processing_minutes = chance.randint(1, 10), chance.choice((0, 600, 3000))
        source.capacity_per_day = chance.choice((None, 2, 9))
        source.save()
    strategy = Strategy.objects.create(
        key="cost", name="Cost", objective="cost", is_default=True, weights=chance.choice(({}, {"split": 2, "distance": 0.5})),
        late_minor=chance.choice((0, 500, 4000)), unfilled_minor=chance.choice((500, 10_000)),
    )  # fmt: skip
    SourceList.objects.create(key="far", name="Far").sources.set(
        FulfillmentSource.objects.exclude(code="CHI")
    )
    for kind in chance.sample(sorted(RULES), 3):
        row = StrategyConstraint.objects.create(
            strategy=strategy, kind=kind, name=kind, parameters=RULES[kind],
            is_hard=kind == "class_not_from" or chance.random() < 0.5,
        )  # fmt: skip
        if kind in ("maximum_distance", "safety_stock", "lines_per_day") and chance.random() < 0.5:
            row.source_list = SourceList.objects.get()
            if kind == "lines_per_day":
                row.parameters = {"count": 1, "per": "list"}
            row.save()
    things = [
        world.product(**{code: chance.randint(0, 6) for code in chance.sample(CODES, chance.randint(1, 3))})
        for _ in range(3)
    ]
    for thing in things:
        Product.objects.filter(pk=thing.pk).update(
            weight_grams=chance.randint(100, 4000), length_mm=300, width_mm=200, height_mm=chance.randint(10, 400),
            ship_class=chance.choice(("std", "bulky")), price=chance.randint(3, 90), category=chance.choice(("A", "B")),
        )  # fmt: skip
    FutureSale.objects.create(category="A", source_type="warehouse", percent=chance.randint(0, 40))
    FutureSale.objects.create(source=world.sources["DAL"], minor=chance.randint(0, 300))
    SourcePriority.objects.create(source=world.sources["RNO"], category="B", priority=1)
    MethodRule.objects.create(
        method="ship_to_home", category="B", source_type="3pl", allowed=chance.random() < 0.5
    )
    order = world.order(
        *[(thing, chance.randint(1, 4)) for thing in things], goods_minor=chance.randint(500, 20_000)
    )
    OrderLine.objects.filter(order=order).update(amount_minor=chance.randint(100, 9000))
    return order


@pytest.mark.parametrize("seed", range(24))
def test_cart_and_order_agree(world, seed):
    order = random_world(world, seed)
    plan, costs = compare(world, order)
    assert dict(plan.costs) == costs
    if plan.options:
        shipped = Counter()
        for parcel in plan.options[0].parcels:
            for n, units in parcel.content:
                shipped[n, parcel.source_id] += units
        assert shipped == Counter(
            {(n, pk): units for n, line in enumerate(plan.lines) for pk, _, units in line.allocations}
        )


def test_a_nearest_strategy_agrees_too(world):
    offer()
    Strategy.objects.create(key="near", name="Near", is_default=True)
    order = world.order((world.product(CHI=1, DAL=9), 2), (world.product(CHI=5), 1))
    plan, _ = compare(world, order)
    assert [len(line.allocations) for line in plan.lines] == [1, 1]
    assert plan.options[0].kinds[0] == "plan" and len(plan.options[0].parcels) == 2


@pytest.mark.parametrize("objective", ["cost", "nearest"])
def test_methods_hold_for_both(world, objective):
    offer()
    Strategy.objects.create(key="one", name="One", objective=objective, is_default=True)
    store = FulfillmentSource.objects.create(
        code="ST", name="Store", type="store", latitude=43.0, longitude=-87.9, region="WI"
    )
    thing = world.product(CHI=9, RNO=9)
    with transaction.atomic():
        from inventory.services.stock import set_on_hand
        from inventory.types import StockLevel

        set_on_hand([StockLevel(thing.pk, store.pk, 9)], actor=ACTOR, reason="count")
    CarrierService.objects.get().sources.create(source=store)
    home, pickup, from_store, dropped = world.orders(4, (thing, 1))
    OrderLine.objects.filter(order=pickup).update(method="pickup", pickup_source=store)
    OrderLine.objects.filter(order=from_store).update(method="ship_from_store")
    OrderLine.objects.filter(order=dropped).update(method="drop_ship")
    MethodRule.objects.create(method="ship_to_home", source_type="store", allowed=False)
    for order in (home, pickup, from_store, dropped):
        compare(world, Order.objects.get(pk=order.pk))
    rows = FulfillmentLine.objects.order_by("order_line__order_id")
    assert list(rows.values_list("fulfillment_order__source__code", flat=True)) == ["CHI", "ST", "ST"]
    MethodRule.objects.create(method="pickup", source=store, allowed=False)
    again = world.order((thing, 1))
    OrderLine.objects.filter(order=again).update(method="pickup", pickup_source=store)
    plan, _ = compare(world, Order.objects.get(pk=again.pk))
    assert plan.lines[0].reason == "not_allowed"
