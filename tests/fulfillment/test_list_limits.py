"""Order lines a day of all sources of a list together: obeyed by both planners, counted at commit, given back."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from random import Random
from threading import Barrier

import pytest
from cost_world import cost_strategy, offer
from django.db import connections, transaction
from django.db.models import F
from fulfillment_world import ACTOR, queries
from test_cart_agrees import cart_of
from test_cost_planner import codes, optimize
from test_cost_races import _commit
from what_if_world import tried

from fulfillment.checkout.service import plan_cart
from fulfillment.explaining import why_not
from fulfillment.list_limits import ListDays, ListLimit, above, uses
from fulfillment.loading.kept import setup
from fulfillment.loading.list_days import source_days
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    ListDay,
    ListDayUse,
    SourceDay,
    SourceList,
    SourcingDecision,
    SourcingRun,
    Strategy,
    StrategyConstraint,
)
from fulfillment.services import cancellation, execution, list_days, sourcing, strategies
from fulfillment.services.optimizing import optimize_lines
from fulfillment.sourcing_strategy import LinePlan
from inventory.models import FulfillmentSource, InventoryPosition
from orders.models import Order

BOTH = pytest.mark.parametrize("objective", ["cost", "nearest"])
LIST = ("CHI", "DAL")


def limited(
    count: int, *members: str, hard: bool = True, strategy: Strategy | None = None
) -> StrategyConstraint:
    """At most so many lines a day from these sources together; Chicago and Dallas unless named."""
    pair, _ = SourceList.objects.get_or_create(key="pair", defaults={"name": "Pair"})
    pair.sources.set(FulfillmentSource.objects.filter(code__in=members or LIST))
    return StrategyConstraint.objects.create(
        strategy=strategy or Strategy.objects.get(), kind="lines_per_day", name="Pair a day", is_hard=hard,
        parameters={"count": count, "per": "list"}, source_list=pair,
    )  # fmt: skip


def from_list() -> int:
    """Lines that the list brings, by what was instructed."""
    live = FulfillmentLine.objects.filter(fulfillment_order__state__in=FulfillmentOrder.OPEN)
    return live.filter(fulfillment_order__source__code__in=LIST).count()


def used() -> int:
    return sum(ListDay.objects.values_list("used", flat=True))


@pytest.fixture
def priced(world):
    offer()
    cost_strategy()
    return world


@BOTH
def test_the_list_brings_so_many_lines_a_day_and_the_others_go_elsewhere(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(3)
    thing = priced.product(CHI=50, DAL=50, RNO=50)
    orders = priced.orders(5, (thing, 1))

    optimize(priced, *orders)

    assert Counter(codes(*orders)) == {"CHI": 3, "RNO": 2}
    day = ListDay.objects.get()
    assert (day.used, day.maximum, ListDayUse.objects.count()) == (3, 3, 3)
    told = SourcingDecision.objects.filter(chosen__0__code="RNO").first()
    removed = {row["code"]: row["removed_by"] for row in told.candidates}
    assert (
        removed["CHI"] == removed["DAL"] == "Pair a day: the list pair takes no more than 3 order lines a day"
    )
    late = priced.order((thing, 1))
    optimize(priced, late)
    assert codes(late) == ["RNO"] and used() == 3


@BOTH
def test_lines_are_counted_and_not_orders_nor_units(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(3)
    things = [priced.product(CHI=50), priced.product(CHI=50, RNO=50)]
    orders = priced.orders(2, (things[0], 4), (things[1], 2))
    optimize(priced, *orders)
    assert from_list() == used() == 3
    assert sorted(codes(*orders)) == ["CHI", "CHI", "RNO"]


@BOTH
def test_where_nothing_else_has_it_the_line_waits_and_says_why(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(1)
    first, second = priced.orders(2, (priced.product(CHI=9), 1))
    answer = optimize(priced, first, second)
    assert [one.outcome for one in answer.values()] == ["sourced", "not_sourced"]
    decision = SourcingDecision.objects.get(order=second)
    told = {row["code"]: row["removed_by"] for row in decision.candidates}
    assert told["CHI"] == "Pair a day: the list pair takes no more than 1 order lines a day"


def test_who_has_no_other_source_stays_in_the_list(priced):
    """In its turn the first would take the place; the second could come from nowhere else."""
    limited(1)
    either, only = priced.order((priced.product(CHI=9, RNO=9), 1)), priced.order((priced.product(CHI=9), 1))
    optimize(priced, either, only)
    assert (codes(either), codes(only)) == (["RNO"], ["CHI"])
    assert SourcingRun.objects.count() == 1


@BOTH
def test_what_is_refused_canceled_or_planned_anew_is_given_back_once(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(4)
    things = [priced.product(CHI=50, RNO=50) for _ in range(2)]
    first, second, third = priced.orders(3, (things[0], 1), (things[1], 1))
    optimize(priced, first, second)
    assert used() == 4
    execution.reject([first.fulfillment_orders.get().pk], kind="no_time", actor=ACTOR)
    assert used() == 2
    optimize(priced, first)
    assert used() == 2 and codes(first) == ["RNO"]
    line = FulfillmentLine.objects.filter(fulfillment_order__order=second).first()
    execution.reject_lines([line.pk], kind="no_time", actor=ACTOR)
    assert used() == 1
    cancellation.cancel_orders([second.pk], actor=ACTOR, reason="customer")
    assert used() == 0
    cancellation.cancel_orders([second.pk], actor=ACTOR, reason="customer")
    optimize(priced, third)
    optimize(priced, third)  # planned anew: what it took is taken once
    assert from_list() == used() == 2


def test_each_line_counts_for_the_day_in_the_zone_of_its_source(priced):
    """At 20:00 UTC it is the next morning in Auckland: the list has a count for either date."""
    FulfillmentSource.objects.filter(code="CHI").update(time_zone="America/Chicago")
    FulfillmentSource.objects.filter(code="DAL").update(time_zone="Pacific/Auckland")
    ids = {code: priced.sources[code].pk for code in LIST}
    days = source_days(ids.values(), setup().sources, datetime(2026, 11, 25, 20, tzinfo=UTC))
    assert [days[ids[code]].day for code in LIST] == [25, 26]

    limit = ListLimit("it", "pair", frozenset(ids.values()), 1)
    counted = ListDays({"pair": limit.sources}, days)
    places = {1: [ids["CHI"]], 2: [ids["DAL"]], 3: [ids["DAL"]]}
    assert above(places, [limit], counted) == {3: {ids["DAL"]: limit.reason}}


def test_a_soft_limit_gives_way_to_what_finds_no_other_source(priced):
    limited(1, hard=False)
    either, only = priced.order((priced.product(CHI=9, RNO=9), 1)), priced.order((priced.product(CHI=9), 1))
    another = priced.order((priced.product(CHI=9), 1))
    optimize(priced, either, only, another)
    assert [codes(one) for one in (either, only, another)] == [["RNO"], ["CHI"], ["CHI"]]
    relaxed = SourcingDecision.objects.order_by("order_line_id").values_list("relaxed", flat=True)
    assert list(relaxed) == [None, None, ["Pair a day"]]
    assert used() == 2


def test_lines_of_strategies_without_the_limit_count_but_are_not_stopped(priced):
    wide = cost_strategy(key="wide", is_default=False)
    limited(2, strategy=Strategy.objects.get(key="cost"))
    thing = priced.product(CHI=50, RNO=50)
    others = priced.orders(3, (thing, 1))
    with transaction.atomic():
        optimize_lines(priced.demands(*others, strategy=wide.key), actor=ACTOR)
    assert codes(*others) == ["CHI"] * 3 and used() == 3
    ours = priced.order((thing, 1))
    optimize(priced, ours)
    assert codes(ours) == ["RNO"]


@BOTH
def test_a_cart_keeps_the_limit_as_the_order_does(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(1)
    things = [priced.product(CHI=9, DAL=9), priced.product(CHI=9, RNO=9)]
    order = priced.order((things[0], 1), (things[1], 1))
    plan = plan_cart(cart_of(order))
    found = optimize(priced, order)
    assert [[part[:2] for part in one.allocations] for one in found.values()] == [
        [(pk, units) for pk, _, units in line.allocations] for line in plan.lines
    ]
    for option in plan.options:
        assert sum(len(parcel.content) for parcel in option.parcels if parcel.source in LIST) <= 1
    assert used() == 1
    assert plan_cart(cart_of(priced.order((things[1], 1)))).lines[0].allocations[0][1] == "RNO"


def test_why_not_names_the_list(priced):
    limited(0)
    order = priced.order((priced.product(CHI=9, RNO=9), 1))
    optimize(priced, order)
    assert codes(order) == ["RNO"]
    assert "a refusal or a rule excludes it" in why_not(order, "CHI")["sentence"]


def test_a_what_if_tries_the_limit_and_reproduces_it(priced):
    rule = limited(2)
    strategies.publish(Strategy.objects.get().pk, actor=ACTOR)
    thing = priced.product(CHI=50, RNO=50)
    for _ in range(3):
        optimize(priced, *priced.orders(2, (thing, 1)))
    same = tried().result
    assert same["same"] == same["checked"] == 6
    assert same["then"]["load"] == {"CHI": [2, 2], "RNO": [4, 4]}
    rule.parameters = {"count": 3, "per": "list"}
    rule.save()
    assert tried().result["tried"]["load"] == {"CHI": [3, 3], "RNO": [3, 3]}


def test_plans_made_ahead_are_kept_as_far_as_the_day_has_room(priced):
    limited(3)
    thing = priced.product(CHI=50, RNO=50)
    orders, rival = priced.orders(3, (thing, 1)), priced.order((thing, 1))
    planned = sourcing.plan_lines(priced.demands(*orders), actor=ACTOR, effort="fast")
    optimize(priced, rival)
    with transaction.atomic():
        Order.objects.lock([order.pk for order in orders])
        optimize_lines(priced.demands(*orders), actor=ACTOR, planned=planned)
    assert Counter(codes(*orders)) == {"CHI": 2, "RNO": 1} and used() == 3


@BOTH
@pytest.mark.usefixtures("counters_are_free")
def test_the_queries_are_as_many_for_two_hundred(priced, objective):
    Strategy.objects.update(objective=objective)
    limited(150)
    thing = priced.product(CHI=900, RNO=900)
    one, many = priced.orders(2, (thing, 1)), priced.orders(200, (thing, 1))
    setup()
    counts = [queries(optimize_lines, priced.demands(*orders), actor=ACTOR) for orders in (one, many)]
    assert counts[0] == counts[1] and from_list() == 150


@BOTH
@pytest.mark.parametrize("seed", range(8))
def test_any_world_keeps_both_limits_and_counts_them(priced, seed, objective):
    """Two lists that overlap, a source with capacity of its own, lines in parts: never above, and counted to the line."""
    Strategy.objects.update(objective=objective, split_lines=True)
    chance = Random(seed)
    limited(chance.randint(1, 6))
    west = SourceList.objects.create(key="west", name="West")
    west.sources.set(FulfillmentSource.objects.filter(code__in=("DAL", "RNO")))
    StrategyConstraint.objects.create(
        strategy=Strategy.objects.get(), kind="lines_per_day", name="West a day", source_list=west,
        parameters={"count": chance.randint(1, 6), "per": "list"},
    )  # fmt: skip
    FulfillmentSource.objects.filter(code="RNO").update(capacity_per_day=5, capacity_unit="lines")
    things = [
        priced.product(CHI=chance.randint(1, 9), DAL=chance.randint(1, 9), RNO=chance.randint(1, 9))
        for _ in range(3)
    ]
    for _ in range(3):
        orders = priced.orders(3, *[(thing, chance.randint(1, 4)) for thing in chance.sample(things, 2)])
        optimize(priced, *orders)
    live = FulfillmentLine.objects.filter(fulfillment_order__state="new")
    by_source = Counter(live.values_list("fulfillment_order__source__code", flat=True))
    for key, members in (("pair", LIST), ("west", ("DAL", "RNO"))):
        most = StrategyConstraint.objects.get(source_list__key=key).parameters["count"]
        counted = sum(ListDay.objects.filter(source_list__key=key).values_list("used", flat=True))
        assert sum(by_source[code] for code in members) == counted <= most


def test_the_lower_limit_is_counted_first():
    low, high = ListLimit("low", "a", frozenset({1}), 2), ListLimit("high", "a", frozenset({1}), 5)
    day = datetime(2026, 11, 25, tzinfo=UTC).date()
    days = ListDays({"a": frozenset({1})}, {1: day})

    def plan(n, *within):
        return LinePlan(n, "sourced", ((1, 1, None),), [], {}, "", within=within)

    found = uses([plan(1, low), plan(2, high), plan(3, high), plan(4)], days)["a", day]
    assert (found.lines, found.fits, found.most) == (4, 1, 5)
    assert uses([plan(1)], days)["a", day].fits is None


# -- under concurrency -------------------------------------------------------------------------------------------------
COMMITTERS, EACH, MOST = 16, 4, 21


def _race(world, orders, shares: int) -> None:
    with ThreadPoolExecutor(shares) as pool:
        list(pool.map(lambda n: _commit(world, orders[n::shares]), range(shares)))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@BOTH
def test_sixteen_committers_never_exceed_the_list(shared_world, objective):
    offer()
    cost_strategy(objective=objective)
    limited(MOST)
    FulfillmentSource.objects.filter(code="DAL").update(capacity_per_day=9, capacity_unit="lines")
    orders = shared_world.orders(COMMITTERS * EACH, (shared_world.product(CHI=500, DAL=500, RNO=500), 1))
    _race(shared_world, orders, COMMITTERS)
    assert from_list() == used() == MOST
    assert FulfillmentLine.objects.filter(fulfillment_order__state="new").count() == COMMITTERS * EACH
    assert sum(ListDayUse.objects.values_list("lines", flat=True)) == MOST
    assert all(day.used <= day.maximum for day in SourceDay.objects.all())


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_control_without_the_condition_the_list_is_exceeded(shared_world, monkeypatch):
    """All look at the day before one of them counts: without the condition in the UPDATE nobody is told that it is full."""
    offer()
    cost_strategy()
    limited(5)
    FulfillmentSource.objects.exclude(code="CHI").update(active=False)
    orders = shared_world.orders(COMMITTERS, (shared_world.product(CHI=500), 1))
    together, real = Barrier(COMMITTERS, timeout=60), list_days.take

    def unconditional(pk, use):
        return bool(ListDay.objects.filter(pk=pk).update(used=F("used") + use.lines))

    def at_once(of_lists):
        together.wait()
        return real(of_lists)

    def one(order):
        try:
            with transaction.atomic():
                Order.objects.lock([order.pk])
                optimize_lines(shared_world.demands(order), actor=ACTOR)
        finally:
            connections.close_all()

    monkeypatch.setattr(list_days, "_count", unconditional)
    monkeypatch.setattr(list_days, "take", at_once)
    with ThreadPoolExecutor(COMMITTERS) as pool:
        list(pool.map(one, orders))

    assert from_list() == used() == COMMITTERS > 5


@pytest.mark.parametrize("seed", range(12))
def test_few_orders_are_the_best_plan_within_the_list(priced, seed):
    """Every way to bring them is tried: none that keeps the limit costs less."""
    chance = Random(seed)
    room = chance.randint(1, 3)
    limited(room)
    for source in FulfillmentSource.objects.all():
        FulfillmentSource.objects.filter(pk=source.pk).update(
            handling_parcel_minor=chance.randint(0, 900), handling_unit_minor=chance.randint(0, 300)
        )
    Strategy.objects.update(unfilled_minor=5000)
    things = [
        priced.product(**{code: chance.randint(1, 3) for code in chance.sample(("CHI", "DAL", "RNO"), chance.randint(1, 3))})
        for _ in range(3)
    ]  # fmt: skip
    orders = [
        priced.order(*[(thing, 1) for thing in chance.sample(things, chance.randint(1, 3))]) for _ in range(3)
    ]
    optimize(priced, *orders)
    assert from_list() <= room
    assert SourcingRun.objects.get().cost_minor == least_cost(orders, room)


def least_cost(orders, room: int) -> int:
    """By trying each source, or none, for each line."""
    sources = {source.pk: source for source in FulfillmentSource.objects.all()}
    inside = {pk for pk, source in sources.items() if source.code in LIST}
    lines = [line for order in orders for line in order.lines.order_by("pk")]
    stock = Counter()
    for position in InventoryPosition.objects.all():  # as it was before: nothing is reserved yet
        stock[position.product_id, position.source_id] += position.on_hand
    best = 10**9
    for places in product(*[[None, *sources] for _ in lines]):
        if sum(pk in inside for pk in places) > room:
            continue
        wanted = Counter((line.product_id, pk) for line, pk in zip(lines, places, strict=True) if pk)
        if any(units > stock[key] for key, units in wanted.items()):
            continue
        cost = sum(5000 + line.amount_minor for line, pk in zip(lines, places, strict=True) if pk is None)
        parcels = Counter((line.order_id, pk) for line, pk in zip(lines, places, strict=True) if pk)
        for (_, pk), units in parcels.items():
            cost += sources[pk].handling_parcel_minor + units * sources[pk].handling_unit_minor
            cost += {"CHI": 700, "RNO": 1200, "DAL": 1200}[sources[pk].code]
        best = min(best, cost)
    return best
