"""What if: the past is played again as it was, and a draft beside it comes to what a hand computes."""

from datetime import timedelta

import pytest
from cost_world import cost_strategy, offer
from django.db import transaction
from django.utils import timezone
from fulfillment_world import ACTOR
from what_if_world import busy_days, optimize, restock, tried

from fulfillment.models import (
    Rate,
    SourceList,
    SourcingDecision,
    SourcingRun,
    Strategy,
    StrategyConstraint,
)
from fulfillment.selectors import demands_of
from fulfillment.services import execution, strategies
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.sourcing import plan_lines
from fulfillment.what_if import words
from fulfillment.what_if.totals import money
from inventory.models import FulfillmentSource, InventoryPosition, Product
from orders.models import OrderLine


@pytest.fixture
def priced(world):
    """A carrier by zones; `cost` is the default strategy, published."""
    offer()
    strategies.publish(cost_strategy().pk, actor=ACTOR)
    return world


# -- the replay ---------------------------------------------------------------------------------------------------
def test_what_worked_then_decides_the_same_again_to_the_cent(priced):
    things = [priced.product(CHI=9, DAL=4, RNO=40) for _ in range(3)]
    FulfillmentSource.objects.update(handling_parcel_minor=77, handling_unit_minor=13, reject_rate_ppm=5000)
    FulfillmentSource.objects.filter(code="CHI").update(
        capacity_per_day=14, overtime_per_day=4, overtime_minor=60, capacity_unit="units"
    )
    Product.objects.update(weight_grams=900)
    for number in range(4):
        optimize(priced, *priced.orders(number + 1, (things[0], 1), (things[1], 2)))
        restock(priced, things[2], "CHI", 9 + number)
        optimize(priced, priced.order((things[2], 3)))
    result = tried(against="live").result
    assert result["checked"] == result["same"] == SourcingDecision.objects.count() == 24
    assert result["recorded"]["components"] == result["then"]["components"] == result["tried"]["components"]
    assert result["recorded"]["components"]["overtime"] > 0
    assert "all 24 decisions" in words.check_words(result)
    assert words.headline("live", result) == "What works now would have changed nothing on 14 orders."


def test_so_it_does_after_refusals_switches_and_plans_made_again(priced):
    busy_days(priced)
    result = tried(against="live").result
    assert result["differences"] == [] and result["same"] == result["checked"] == 38
    assert result["recorded"]["components"] == result["then"]["components"]
    assert words.reproduces(result)


def test_so_it_does_for_a_batch_that_was_solved_ahead(priced):
    FulfillmentSource.objects.filter(code="CHI").update(capacity_per_day=9, capacity_unit="lines")
    things = [priced.product(CHI=8, DAL=5, RNO=40) for _ in range(2)]
    demands = priced.demands(*priced.orders(12, (things[0], 1), (things[1], 2)))
    planned = plan_lines(demands, actor=ACTOR, effort="fast")
    with transaction.atomic():
        optimize_lines(demands, actor=ACTOR, planned=planned, cause="batch")
    assert set(SourcingRun.objects.values_list("mode", flat=True)) == {"fast"}
    result = tried(against="live").result
    assert result["same"] == result["checked"] == 24


def test_so_it_does_with_soft_rules_an_alternate_and_lines_kept_to_a_list(priced):
    """Lines that one strategy finds nothing for are solved a second and a third time, in the same call."""
    wide = cost_strategy(key="wide", name="Wide", is_default=False)
    strategies.publish(wide.pk, actor=ACTOR)
    main = Strategy.objects.get(key="cost")
    StrategyConstraint.objects.create(
        strategy=main, kind="offline", name="Rather not Dallas", is_hard=False, parameters={"codes": ["DAL"]}
    )
    Strategy.objects.filter(pk=main.pk).update(max_distance_km=1500, alternate=wide, rest="next")
    strategies.publish(main.pk, actor=ACTOR)
    west = SourceList.objects.create(key="west", name="West")
    west.sources.add(priced.sources["RNO"])
    near, far, listed = priced.product(CHI=3, DAL=9), priced.product(RNO=9), priced.product(CHI=9, RNO=9)
    orders = priced.orders(4, (near, 1), (far, 1), (listed, 1))
    OrderLine.objects.filter(product=listed).update(source_list="west")
    optimize(priced, *orders)
    assert sorted({run.strategies and next(iter(run.strategies)) for run in SourcingRun.objects.all()}) == [
        "cost",
        "wide",
    ]
    result = tried(against="live").result
    assert result["same"] == result["checked"] == 12
    assert result["then"]["load"] == {"CHI": [3, 3], "DAL": [1, 1], "RNO": [8, 4]}


def test_so_it_does_where_a_strategy_limits_the_lines_of_a_day(priced):
    """Reno counts units of its own, Chicago counts lines by the rule of the strategy."""
    FulfillmentSource.objects.filter(code="RNO").update(capacity_per_day=2, capacity_unit="units")
    rule = StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="lines_per_day", name="Two lines", parameters={"count": 2}
    )  # fmt: skip
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    thing = priced.product(CHI=30, RNO=30, DAL=30)
    for _ in range(6):
        optimize(priced, priced.order((thing, 3)))
    rule.delete()
    result = tried().result
    assert result["same"] == result["checked"] == 6
    assert result["then"]["load"] == {"CHI": [6, 2], "DAL": [6, 2], "RNO": [2, 1]}
    assert result["tried"]["load"] == {"CHI": [18, 6]}


def test_so_it_does_for_a_line_that_is_planned_after_others_of_its_order(priced):
    """An order may have one source, and Dallas brings its first line: so does it the second, though Chicago is nearer."""
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="sources_per_order", name="One source", parameters={"count": 1}
    )
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    order = priced.order((priced.product(DAL=5), 1), (priced.product(CHI=5, DAL=5), 1))
    for demand in priced.demands(order):
        with transaction.atomic():
            optimize_lines([demand], actor=ACTOR)
    assert set(order.fulfillment_orders.values_list("source__code", flat=True)) == {"DAL"}
    result = tried(against="live").result
    assert result["same"] == result["checked"] == 2
    assert result["then"]["load"] == {"DAL": [2, 2]}


def test_pinned_lines_pickups_and_capacity_given_back_are_as_they_were(priced):
    FulfillmentSource.objects.filter(code="CHI").update(capacity_per_day=2, capacity_unit="orders")
    thing = priced.product(CHI=9, DAL=9, RNO=9)
    first, second, third = priced.orders(3, (thing, 1))
    OrderLine.objects.filter(order=second).update(source=priced.sources["RNO"], source_is_assigned=True)
    OrderLine.objects.filter(order=third).update(method="pickup", pickup_source=priced.sources["DAL"])
    with transaction.atomic():
        optimize_lines(demands_of(OrderLine.objects.values_list("pk", flat=True)), actor=ACTOR)
    optimize(priced, priced.order((thing, 1)))  # the second place of the day
    optimize(priced, priced.order((thing, 1)))  # no room: Reno or Dallas
    execution.reject([first.fulfillment_orders.get().pk], kind="no_time", actor=ACTOR)
    optimize(priced, priced.order((thing, 1)))  # the place that was given back
    result = tried(against="live").result
    assert set(SourcingDecision.objects.values_list("strategy", flat=True)) == {"assigned", "cost"}
    assert result["differences"] == [] and result["same"] == result["checked"] == 6


def test_a_rate_that_rose_since_is_named_and_not_blamed_on_the_draft(priced):
    orders = priced.orders(3, (priced.product(CHI=9), 1))
    optimize(priced, *orders)
    Rate.objects.filter(zone=1).update(base_minor=800)
    result = tried().result
    assert result["kinds"] == {"price": 3} and result["same"] == 0
    assert result["differences"][0]["sentence"] == "The same places, but carrier was 7.00 and would be 8.00."
    assert not words.reproduces(result) and "(+14.3 %)" in words.check_words(result)
    assert result["changed"] == 0


def test_a_source_that_is_off_now_was_on_then(priced):
    optimize(priced, priced.order((priced.product(CHI=9, RNO=9), 1)))
    FulfillmentSource.objects.filter(code="CHI").update(active=False)
    result = tried().result
    assert (result["checked"], result["same"]) == (1, 1)


def test_stock_that_no_ledger_tells_is_named(priced):
    """Somebody changed a position by hand, past the services."""
    thing = priced.product(CHI=9, RNO=9)
    optimize(priced, priced.order((thing, 2)))
    InventoryPosition.objects.filter(source__code="CHI").update(safety_stock=8)
    (row,) = tried().result["differences"]
    assert (row["before"], row["after"], row["kind"]) == ({"CHI": 2}, {"RNO": 2}, "stock")
    assert row["sentence"] == "CHI had 9 by the record of the decision, 1 by the ledger."


def test_the_version_that_was_published_then_is_played(priced):
    thing = priced.product(CHI=9, RNO=9)
    optimize(priced, priced.order((thing, 1)))
    strategy = Strategy.objects.get(key="cost")
    StrategyConstraint.objects.create(
        strategy=strategy, kind="offline", name="No Chicago", parameters={"codes": ["CHI"]}
    )
    strategies.publish(strategy.pk, actor=ACTOR)
    optimize(priced, priced.order((thing, 1)))
    result = tried(against="live").result
    assert (result["checked"], result["same"], result["changed"]) == (2, 2, 1)
    assert result["top"][0]["why"].startswith("CHI is out")
    assert result["top"][0]["delta"] == 500


# -- a draft ------------------------------------------------------------------------------------------------------
def test_a_doubled_weight_of_splits_by_hand(world):
    """Two lines: apart from Chicago (zone 1, 7.00) and Dallas (zone 3, 12.00); together from Reno (zone 3) at handling.

    Apart is 19.00 and a split; together 12.00 + 8.50 = 20.50. A split weighs 1.00: apart 20.00 wins. It weighs 2.00:
    together, 1.50 dearer. The second kind of order has one source anyhow.
    """
    offer(base=(700, 1200, 1200), per_unit=0)
    strategies.publish(cost_strategy(weights={"split": 1}).pk, actor=ACTOR)
    FulfillmentSource.objects.filter(code="RNO").update(handling_parcel_minor=850)
    one, two = world.product(CHI=50, RNO=50), world.product(DAL=50, RNO=50)
    optimize(world, *world.orders(4, (one, 1), (two, 1)))
    optimize(world, *world.orders(3, (one, 1)))
    Strategy.objects.update(weights={"split": 2})

    job = tried()
    result = job.result
    then, now = result["then"], result["tried"]
    assert then["components"] == {"carrier": 4 * 1900 + 3 * 700, "split": 4 * 100}
    assert now["components"] == {"carrier": 4 * 1200 + 3 * 700, "handling": 4 * 850}
    assert (money(then), money(now)) == (9_700, 10_300)
    assert (then["splits"], now["splits"], then["parcels"], now["parcels"]) == (4, 0, 11, 7)
    assert then["load"] == {"CHI": [7, 7], "DAL": [4, 4]} and now["load"] == {"CHI": [3, 3], "RNO": [8, 4]}
    assert words.headline(job.against, result) == (
        "The draft would have cost 6.00 USD more (+6.2 %) on 7 orders, with 4 fewer splits."
    )
    assert [row["delta"] for row in result["top"]] == [150] * 4
    assert result["top"][0]["why"] == "carrier −7.00, handling +8.50, 1 source fewer"
    assert (result["orders"], result["changed"], result["dearer"]) == (7, 4, 4)


def test_what_is_tried_promises_no_unit_twice(priced):
    """Two units in Reno. The draft bars Chicago: the first two orders take them, the third finds none."""
    thing = priced.product(CHI=9, RNO=2)
    for _ in range(3):
        optimize(priced, priced.order((thing, 1)))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="offline", name="No Chicago", parameters={"codes": ["CHI"]}
    )
    job = tried()
    result = job.result
    assert result["tried"]["load"] == {"RNO": [2, 2]}
    assert (result["then"]["unfilled_lines"], result["tried"]["unfilled_lines"]) == (0, 1)
    assert "with 1 more line without a source" in words.headline(job.against, result)
    assert "Not sourced" in result["top"][0]["why"] and result["top"][0]["after"] == {}
    assert result["then"]["components"]["carrier"] == 2 * 700  # like with like: the third order is in no sum
    assert (result["uneven"], result["dearer"], result["top"][0]["delta"]) == (1, 2, 0)
    assert words.changed_words(result).endswith("0 cost less, 2 more, 1 get more or fewer units.")
    assert job.carried == {}


def test_an_order_that_loses_a_line_is_compared_with_nothing(world):
    """Two lines in one parcel: without the second the first would look cheaper to bring."""
    offer(per_unit=500)
    strategies.publish(cost_strategy().pk, actor=ACTOR)
    Product.objects.update(weight_grams=900)
    near, other = world.product(CHI=9), world.product(CHI=1)
    Product.objects.update(weight_grams=900)
    optimize(world, world.order((near, 1), (other, 1)))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="safety_stock", name="Keep one", parameters={"units": 1}
    )
    job = tried()
    result = job.result
    assert (result["then"]["units"], result["tried"]["units"]) == (2, 1)
    assert result["then"]["components"] == result["tried"]["components"] == {}
    assert words.headline(job.against, result) == (
        "The draft would have cost the same on 1 order, with 1 more line without a source."
    )
    assert words.notes(result) == [
        "1 order would have got more or fewer units; to compare like with like, it is in no sum of cost."
    ]


def test_capacity_that_is_tried_is_counted_on(priced):
    FulfillmentSource.objects.filter(code="RNO").update(capacity_per_day=1, capacity_unit="orders")
    thing = priced.product(CHI=9, RNO=9, DAL=9)
    for _ in range(3):
        optimize(priced, priced.order((thing, 1)))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="location_priority", name="Reno first",
        parameters={"ranks": {"CHI": 9, "DAL": 9, "RNO": 1}, "step_minor": 500},
    )  # fmt: skip
    Strategy.objects.update(weights={})
    assert tried().result["tried"]["load"] == {"CHI": [2, 2], "RNO": [1, 1]}


def test_late_orders_by_hand(priced):
    """Two days are promised. From Chicago a parcel takes one (zone 1), from Reno three (zone 3)."""
    orders = priced.orders(
        2, (priced.product(CHI=9, RNO=9), 1), promised_at=timezone.now() + timedelta(days=2)
    )
    optimize(priced, *orders)
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="offline", name="No Chicago", parameters={"codes": ["CHI"]}
    )
    job = tried()
    result = job.result
    assert (result["then"]["late_orders"], result["tried"]["late_orders"]) == (0, 2)
    assert result["tried"]["components"]["lateness"] == 2 * 450  # nine tenths of 5.00
    assert "with 2 more late orders" in words.headline(job.against, result)


def test_nearest_today_beside_cost(world):
    """A plan by the nearest has no cost of its own: it is priced by what is set up."""
    offer()
    strategies.publish(cost_strategy(key="near", objective="nearest").pk, actor=ACTOR)
    FulfillmentSource.objects.filter(code="CHI").update(handling_parcel_minor=900)
    optimize(world, *world.orders(2, (world.product(CHI=9, DAL=9), 1)))
    Strategy.objects.update(objective="cost")
    job = tried()
    result = job.result
    assert (
        result["then"]["components"]
        == result["recorded"]["components"]
        == {"carrier": 1400, "handling": 1800}
    )
    assert result["tried"]["components"] == {"carrier": 2400}
    assert (result["same"], result["checked"]) == (2, 2)
    assert words.headline(job.against, result).startswith(
        "The draft would have cost 8.00 USD less (−25.0 %) on 2 orders"
    )
