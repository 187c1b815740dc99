"""Strategies: a draft beside what works, versions in words, one default; sources that are switched on and off."""

import pytest
from django.db import IntegrityError, transaction

from fulfillment import strategy_document
from fulfillment.errors import StrategyNotPublishable
from fulfillment.models import SourceList, Strategy, StrategyConstraint, StrategyVersion
from fulfillment.selectors import rules_by_key
from fulfillment.services import strategies
from fulfillment.services.sources import set_active
from inventory.models import FulfillmentSource
from orders.models import BusinessEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def strategy(make_source) -> Strategy:
    east = SourceList.objects.create(key="east", name="East")
    east.sources.add(make_source("DC-CMH"), make_source("ST-CHI"))
    return Strategy.objects.create(
        key="main", name="Main", source_list=east, is_default=True, objective="cost"
    )


def constrain(strategy: Strategy, kind: str, name: str = "Limit", **parameters) -> StrategyConstraint:
    return strategy.constraints.create(kind=kind, name=name, parameters=parameters)


def test_a_draft_does_not_work_until_it_is_published(strategy):
    strategies.publish(strategy.pk, actor="user:ann", comment="first")
    Strategy.objects.filter(pk=strategy.pk).update(max_sources_per_order=1)
    assert rules_by_key()["main"].max_sources == 5

    version = strategies.publish(strategy.pk, actor="user:ann", comment="one source")

    assert version.number == 2 and rules_by_key()[""].max_sources == 1
    event = BusinessEvent.objects.filter(kind="strategy.published").latest("pk")
    assert event.payload == {"key": "main", "version": 2, "comment": "one source"}


def test_one_that_was_never_published_works_as_its_draft_says(strategy):
    assert rules_by_key()["main"].source_ids == frozenset(
        strategy.source_list.sources.values_list("pk", flat=True)
    )


def test_the_same_again_makes_no_version(strategy):
    first = strategies.publish(strategy.pk, actor="user:ann")
    assert strategies.publish(strategy.pk, actor="user:ann") == first
    assert StrategyVersion.objects.count() == 1


def test_a_contradiction_is_not_published_and_changes_nothing(strategy):
    constrain(strategy, "offline", codes=["DC-CMH", "ST-CHI"])
    constrain(strategy, "maximum_distance", "Far")
    with pytest.raises(StrategyNotPublishable) as caught:
        strategies.publish(strategy.pk, actor="user:ann")
    assert {one.code for one in caught.value.findings} == {"nothing_online", "missing"}
    assert not StrategyVersion.objects.exists() and not BusinessEvent.objects.exists()


def test_changes_are_told_in_words(strategy, make_product):
    constrain(strategy, "maximum_distance", km=800)
    strategies.publish(strategy.pk, actor="user:ann")
    strategy.constraints.update(parameters={"km": 500})
    keep = constrain(strategy, "no_split", "Together", value_minor=2500)
    keep.products.add(make_product("KIT-1"))
    Strategy.objects.filter(pk=strategy.pk).update(
        objective="nearest", weights={"carrier": 2}, rest="backorder"
    )

    found = strategies.changes_of(Strategy.objects.get(pk=strategy.pk))

    assert found == [
        "The objective was least cost, now it is nearest sources, fewest splits.",
        "What finds no source waits as backorder; before, it takes the failure road of the flow's step.",
        "The weight of carrier was 1, now it is 2.",
        "Constraint “Together” is added: Must: orders under 25.00, and those with the listed products, are not split"
        " (products KIT-1).",
        "Constraint “Limit”: km was 800, now it is 500.",
    ]


def test_an_old_version_comes_back_as_a_draft(strategy, make_product):
    limited = constrain(strategy, "safety_stock", units="3")
    limited.products.add(make_product("KIT-1"))
    first = strategies.publish(strategy.pk, actor="user:ann")
    strategy.constraints.all().delete()
    Strategy.objects.filter(pk=strategy.pk).update(max_distance_km=10_000, source_list=None)
    strategies.publish(strategy.pk, actor="user:ann")

    restored = strategies.restore(first.pk, actor="user:ann")

    full = Strategy.objects.get(pk=restored.pk)
    assert strategy_document.document_of(full) == first.document
    assert first.document["constraints"][0]["parameters"] == {"units": 3}
    assert full.live_version.number == 2
    assert strategies.publish(strategy.pk, actor="user:ann").number == 3


def test_exactly_one_default(strategy):
    other = Strategy.objects.create(key="other", name="Other")
    strategies.make_default(other.pk, actor="user:ann")
    assert list(Strategy.objects.filter(is_default=True)) == [other]
    assert rules_by_key()[""].key == "other"
    with pytest.raises(IntegrityError), transaction.atomic():
        Strategy.objects.filter(pk=strategy.pk).update(is_default=True)


def test_rules_fold_hard_constraints_that_count_today(strategy):
    constrain(strategy, "maximum_distance", km=800)
    constrain(strategy, "maximum_distance", "Nearer", km=300)
    constrain(strategy, "sources_per_order", "Few", count=2)
    constrain(strategy, "sources_per_line", "Whole", count=1)
    constrain(strategy, "offline", "Closed", codes=["ST-CHI"])
    strategy.constraints.create(kind="sources_per_order", name="Soft", parameters={"count": 1}, is_hard=False)
    strategy.constraints.create(
        kind="sources_per_order", name="Over", parameters={"count": 1}, valid_until="2020-01-01"
    )
    rules = rules_by_key()["main"]
    only = FulfillmentSource.objects.get(code="DC-CMH").pk
    assert (rules.max_distance_km, rules.max_sources, rules.split_lines) == (300, 2, False)
    assert rules.source_ids == {only}


def test_live_strategies_cost_the_same_however_many(strategy, django_assert_num_queries, make_product):
    for number in range(20):
        row = Strategy.objects.create(key=f"s{number}", name="S", objective="cost")
        constrain(row, "safety_stock", units=number + 1).products.add(make_product())
        if number % 2:
            strategies.publish(row.pk, actor="x")
    with django_assert_num_queries(5):
        assert len(strategy_document.live_strategies()) == 22


def test_switching_a_source_off_tells_and_tells_once(make_source):
    source = make_source()
    assert set_active([source.pk], active=False, actor="user:ann").changed == [source.pk]
    assert set_active([source.pk], active=False, actor="user:ann").changed == []
    assert not FulfillmentSource.objects.get().active
    event = BusinessEvent.objects.get()
    assert (event.kind, event.payload, event.order_id) == (
        "fulfillment_source.deactivated", {"code": source.code}, None,
    )  # fmt: skip
