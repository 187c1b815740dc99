import pytest
from fulfillment_world import ACTOR, kinds, queries, snapshot, state_of, stock

from fulfillment.errors import UnknownStrategy
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    SourceRejection,
    SourcingDecision,
    Strategy,
)
from fulfillment.services import execution
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineSourcing
from orders.models import OrderLine


def test_a_sourced_line_gets_a_fulfillment_order_and_a_record_of_why(world):
    thing = world.product(CHI=5, RNO=9)
    order = world.order((thing, 2))
    line = order.lines.get()
    chicago = world.sources["CHI"].pk

    found = world.source(order)

    sentence = "Chicago DC: nearest of 2 sources that had all items (131 km)."
    assert found == {line.pk: LineSourcing("sourced", ((chicago, 2, 131),), sentence)}
    work = FulfillmentOrder.objects.get()
    assert (work.key, work.state, work.source_id) == (f"fo:{order.pk}:{chicago}:0", "new", chicago)
    assert list(work.lines.values_list("order_line_id", "product_id", "quantity", "reservation_key")) == [
        (line.pk, thing.pk, 2, f"fl:{work.pk}:{line.pk}")
    ]
    decision = SourcingDecision.objects.get()
    assert (decision.strategy, decision.outcome, decision.sentence) == ("default", "sourced", sentence)
    assert decision.chosen == [{"source": chicago, "code": "CHI", "quantity": 2, "distance_km": 131}]
    assert [c["code"] for c in decision.candidates] == ["CHI", "DAL", "RNO"]
    assert decision.candidates[1]["removed_by"] == "out of stock: 0 of 2"
    assert decision.removed == {"out of stock": 1}
    assert order.lines.get().source_id == chicago
    assert kinds() == ["fulfillment_order.created"]
    assert stock(thing) == {"CHI": (5, 0), "RNO": (9, 0)}


def test_a_line_without_a_source_gets_no_fulfillment_order(world):
    thing = world.product(CHI=0)
    order = world.order((thing, 2))
    (found,) = world.source(order).values()
    assert found == LineSourcing("not_sourced", (), "Not sourced: of 3 sources 3 out of stock.")
    assert not FulfillmentOrder.objects.exists()
    assert SourcingDecision.objects.get().outcome == "not_sourced"
    assert order.lines.get().source_id is None


def test_a_line_that_is_short_everywhere_goes_in_part(world):
    thing = world.product(CHI=1)
    order = world.order((thing, 3))
    (found,) = world.source(order).values()
    assert (found.outcome, found.allocations) == ("partly", ((world.sources["CHI"].pk, 1, 131),))
    assert FulfillmentLine.objects.get().quantity == 1
    assert SourcingDecision.objects.get().outcome == "partly"


def test_a_split_line_is_at_two_sources(world):
    thing = world.product(CHI=3, RNO=4)
    order = world.order((thing, 5))
    world.source(order)
    parts = FulfillmentLine.objects.order_by("pk").values_list("fulfillment_order__source__code", "quantity")
    assert sorted(parts) == [("CHI", 1), ("RNO", 4)]


def test_orders_of_one_call_do_not_promise_the_same_unit(world):
    thing = world.product(CHI=1, RNO=1)
    found = world.source(*world.orders(3, (thing, 1)))
    assert [answer.outcome for answer in found.values()] == ["sourced", "sourced", "not_sourced"]
    assert sorted(FulfillmentOrder.objects.values_list("source__code", flat=True)) == ["CHI", "RNO"]


def test_sourcing_again_takes_the_unsent_work_back_first(world):
    thing = world.product(CHI=5)
    order = world.order((thing, 5))
    world.source(order)
    world.reserve(order)
    (found,) = world.source(order).values()
    assert found.outcome == "sourced"
    assert list(FulfillmentOrder.objects.order_by("pk").values_list("state", "state_reason")) == [
        ("canceled", "sourced_again"),
        ("new", ""),
    ]
    assert FulfillmentOrder.objects.get(state="new").key.endswith(":1")
    assert stock(thing) == {"CHI": (5, 0)}


def test_units_that_are_with_a_source_are_not_sourced_twice(world):
    thing = world.product(CHI=9)
    (work,) = world.sent((thing, 2))
    (found,) = world.source(work.order).values()
    assert found == LineSourcing(
        "sourced", (), "Nothing left to source: every unit is on its way or canceled."
    )
    assert FulfillmentOrder.objects.count() == 1


def test_units_on_their_way_to_a_provider_are_not_taken_back(world):
    thing = world.product(DAL=9)
    order = world.order((thing, 2))
    world.source(order)
    work = FulfillmentOrder.objects.get()
    assert execution.expect_send([work.pk], actor=ACTOR) == [work.pk]
    assert execution.expect_send([work.pk], actor=ACTOR) == []
    assert execution.drop_lines([order.lines.get().pk], actor=ACTOR) == []
    world.source(order)
    assert FulfillmentOrder.objects.count() == 1
    execution.forget_send([work.pk], actor=ACTOR)
    assert execution.drop_lines([order.lines.get().pk], actor=ACTOR) == [order.lines.get().pk]


def test_a_source_that_rejected_a_line_is_not_asked_again(world):
    thing = world.product(CHI=5, RNO=5)
    order = world.order((thing, 2))
    chicago = world.sources["CHI"]
    SourceRejection.objects.create(order_line=order.lines.get(), source=chicago, reason="damaged")
    world.source(order)
    assert FulfillmentOrder.objects.get().source.code == "RNO"
    first = SourcingDecision.objects.get().candidates[0]
    assert first["removed_by"] == "rejected by this source before: damaged"


def test_the_strategy_of_the_order_decides(world):
    thing = world.product(CHI=5, RNO=5)
    far = Strategy.objects.create(key="west", name="West")
    far.sources.add(world.sources["RNO"])
    Strategy.objects.create(key="near", name="Near", is_default=True, max_distance_km=100)
    order, other = world.orders(2, (thing, 1))
    source_lines(world.demands(order, strategy="west"), actor=ACTOR)
    found = source_lines(world.demands(other), actor=ACTOR)
    assert FulfillmentOrder.objects.get().source.code == "RNO"
    assert [answer.outcome for answer in found.values()] == ["not_sourced"]
    assert list(SourcingDecision.objects.order_by("pk").values_list("strategy", flat=True)) == [
        "west",
        "near",
    ]


def test_an_unknown_strategy_is_named_and_nothing_changes(world):
    order = world.order((world.product(CHI=5), 1))
    before = snapshot()
    with pytest.raises(UnknownStrategy, match="named nowhere"):
        source_lines(world.demands(order, strategy="nowhere"), actor=ACTOR)
    assert snapshot() == before


@pytest.mark.parametrize(
    "mode, units, outcome, made",
    [
        ("check", 5, "sourced", 0),
        ("check", 1, "partly", 0),
        ("check", 0, "not_sourced", 0),
        ("create", 1, "sourced", 1),
        ("check_and_create", 1, "partly", 1),
        ("check_and_create", 0, "not_sourced", 0),
        ("check_and_create", 5, "sourced", 1),
    ],
)
def test_the_three_modes_of_an_assigned_source(world, mode, units, outcome, made):
    thing = world.product(RNO=units, CHI=9)
    order = world.order((thing, 2))
    demands = world.demands(order, fixed_source_id=world.sources["RNO"].pk)
    (found,) = source_lines(demands, actor=ACTOR, mode=mode).values()
    assert (found.outcome, FulfillmentOrder.objects.count()) == (outcome, made)
    assert SourcingDecision.objects.get().strategy == "assigned"


def test_reserving_holds_the_stock_of_fulfillment_lines(world):
    thing = world.product(CHI=2)
    one, two = world.orders(2, (thing, 2), (None, 4))
    world.source(one, two)
    assert world.reserve(one) == {}
    assert world.reserve(one) == {}
    line = FulfillmentLine.objects.get(order_line__order=one, product=thing)
    assert line.reservation_key == f"fl:{line.fulfillment_order_id}:{line.order_line_id}"
    assert stock(thing) == {"CHI": (2, 2)}
    assert world.reserve(two) == {two.lines.get(product=thing).pk: "No source was found for this line yet."}


def test_a_short_line_is_named_and_holds_nothing(world):
    thing = world.product(CHI=3)
    one, two = world.orders(2, (thing, 2))
    source_lines(world.demands(one, two), actor=ACTOR, check_stock=False)
    assert world.reserve(one, two) == {two.lines.get().pk: f"CHI has 1 of 2 of {thing.sku}."}
    assert stock(thing) == {"CHI": (3, 2)}


def test_dropping_lines_gives_their_stock_back(world):
    thing, other = world.product(CHI=3), world.product(CHI=3)
    order = world.order((thing, 2), (other, 1))
    world.source(order)
    world.reserve(order)
    first, second = order.lines.order_by("pk")
    assert execution.drop_lines([first.pk], actor=ACTOR) == [first.pk]
    assert execution.drop_lines([first.pk], actor=ACTOR) == []
    assert (stock(thing), stock(other)) == ({"CHI": (3, 0)}, {"CHI": (3, 1)})
    work = FulfillmentOrder.objects.get()
    assert [line.order_line_id for line in work.lines.all()] == [second.pk]
    execution.drop_lines([second.pk], actor=ACTOR)
    assert state_of(work) == ("canceled", "sourced_again")


def test_the_same_queries_for_one_order_and_for_two_hundred(world):
    things = [world.product(CHI=900, RNO=900) for _ in range(3)]
    lines = [(thing, 1) for thing in things]
    one, many = world.orders(1, *lines), world.orders(200, *lines)
    counts = []
    for orders in (one, many):
        demands = world.demands(*orders)
        ids = list(OrderLine.objects.filter(order__in=orders).values_list("pk", flat=True))
        counts.append(
            [
                queries(source_lines, demands, actor=ACTOR),
                queries(execution.reserve_lines, ids, actor=ACTOR),
                queries(source_lines, demands, actor=ACTOR),
                queries(execution.drop_lines, ids, actor=ACTOR),
            ]
        )
    assert counts[0] == counts[1]
    assert counts[0][0] <= 20
