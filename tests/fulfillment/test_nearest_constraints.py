"""Constraints of strategies for the nearest sources: kept, or refused when the strategy is published."""

import pytest
from django.db import transaction
from fulfillment_world import ACTOR

from fulfillment.errors import StrategyNotPublishable
from fulfillment.models import FulfillmentLine, SourcingDecision, Strategy
from fulfillment.services import strategies
from fulfillment.services.sourcing import source_lines
from inventory.models import Product
from orders.models import Order

pytestmark = pytest.mark.django_db


def test_what_it_cannot_keep_is_refused_with_the_way_out(db):
    strategy = Strategy.objects.create(key="near", name="Near", is_default=True)
    strategy.constraints.create(kind="safety_stock", name="keep two", parameters={"units": 2})
    with pytest.raises(StrategyNotPublishable, match=r"keep two: .* take the objective least cost"):
        strategies.publish(strategy.pk, actor=ACTOR)
    assert not strategy.versions.exists()
    Strategy.objects.update(objective="cost")
    with pytest.raises(StrategyNotPublishable) as refused:  # of this world without a source only
        strategies.publish(strategy.pk, actor=ACTOR)
    assert [one.code for one in refused.value.findings] == ["no_source"]


@pytest.mark.parametrize("objective", ["nearest", "cost"])
def test_goods_of_a_class_do_not_come_from_where_they_must_not(world, objective):
    """An order without coordinates goes by the nearest planner whatever its strategy says: safety holds there too."""
    strategy = Strategy.objects.create(key="safe", name="Safe", objective=objective, is_default=True)
    strategy.constraints.create(
        kind="class_not_from", name="no hazmat from a 3PL",
        parameters={"ship_class": "hazmat", "source_type": "3pl"},
    )  # fmt: skip
    assert strategies.publish(strategy.pk, actor=ACTOR).number == 1
    nowhere = {"ship_to_latitude": None, "ship_to_longitude": None, "ship_to_region": "TX"}
    hazmat, plain = world.product(DAL=9, RNO=9), world.product(DAL=9, RNO=9)
    Product.objects.filter(pk=hazmat.pk).update(ship_class="hazmat")
    order = world.order((hazmat, 1), (plain, 1), **nowhere)
    fixed = world.order((hazmat, 1), **nowhere)
    world.source(order)
    demands = world.demands(fixed, fixed_source_id=world.sources["DAL"].pk)
    with transaction.atomic():
        Order.objects.lock([fixed.pk])
        source_lines(demands, actor=ACTOR)

    rows = FulfillmentLine.objects.order_by("order_line").values_list(
        "order_line__product", "fulfillment_order__source__code"
    )
    assert ("DAL" not in [code for product, code in rows if product == hazmat.pk]) and len(rows) == 2
    decision = SourcingDecision.objects.get(order_line__product=hazmat, order=order)
    assert "no hazmat from a 3PL" in [row["removed_by"] for row in decision.candidates]
    assert "no hazmat from a 3PL" in SourcingDecision.objects.get(order=fixed).sentence
