"""What happens to lines that find no source is what their strategy says; each choice acts, with either objective."""

from datetime import timedelta

import pytest
from django.utils import timezone
from flow_words import action, condition, steps_done

from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourceList, SourcingDecision
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import FlowRun, SourcingBatch, StepRun
from orchestration.services import batches, taking_up
from orchestration.services import restock as stocking
from orchestration.services.invariants import check_all
from orchestration.services.restock import restock
from orders.models import Hold
from tests.fulfillment.cost_world import cost_strategy, offer

STEPS = [
    action("source", "send_to_fulfillment_optimization"),
    condition(
        "found", yes=[action("after", parameters={"level": "order_line"})], no=[action("road")], merge=False
    ),
]


@pytest.fixture(params=["cost", "nearest"])
def scarce(request, world, publish, monkeypatch):
    """Three of A in all, plenty of B; `scarce(rest=…)` makes the default strategy."""
    for module in (stocking, taking_up):
        monkeypatch.setattr(module, "_seen", 0)  # each test has movements of the same numbers
    offer()
    publish(STEPS)
    levels = [StockLevel(world["products"]["A"].pk, s.pk, 0) for s in world["sources"].values()]
    set_on_hand(levels, actor="test", reason="count")
    come(world, 3)
    return lambda **fields: cost_strategy(key="main", objective=request.param, **fields)


def come(world, units: int) -> None:
    level = StockLevel(world["products"]["A"].pk, world["sources"]["ST-CHI"].pk, units)
    set_on_hand([level], actor="test", reason="inbound")


def open_units(order) -> dict[str, int]:
    rows = FulfillmentLine.objects.filter(
        fulfillment_order__order=order, fulfillment_order__state__in=FulfillmentOrder.OPEN
    )
    found: dict[str, int] = {}
    for sku, units in rows.values_list("order_line__sku", "quantity"):
        found[sku] = found.get(sku, 0) + units
    return found


def tokens() -> list[tuple[str, str, str]]:
    return sorted(StepRun.objects.values_list("step", "state", "waiting_for"))


def sound() -> bool:
    return not ledger_differences() and not [one for one in check_all() if one.count]


def test_flow_takes_the_road_that_is_drawn(scarce, make_orders, run_flows):
    scarce(rest="flow")
    (order,) = make_orders(lines=[("A", 9)])
    run_flows()
    assert "road" in steps_done(order) and FlowRun.objects.get().state == "done"


def test_inbox_stops_for_a_person_whatever_is_drawn(scarce, make_orders, run_flows):
    scarce(rest="inbox", split_lines=False)
    (order,) = make_orders(lines=[("A", 9), ("B", 1)])
    run_flows()
    assert tokens() == [("source", "failed", "a person")]
    assert (
        StepRun.objects.get().error_code == "not_sourced"
        and "somebody decides" in StepRun.objects.get().error
    )
    assert "road" not in steps_done(order) and "after" in steps_done(order)
    assert open_units(order) == {"B": 1}


def test_backorder_lets_the_line_wait_whole_and_the_others_go(scarce, make_orders, run_flows, world):
    scarce(rest="backorder")
    (order,) = make_orders(lines=[("A", 5), ("B", 1)])
    run_flows()
    assert tokens() == [("source", "waiting", "release of the backorder hold")]
    assert open_units(order) == {"B": 1}
    waiting = order.lines.order_by("line_number").first()
    assert (waiting.state, waiting.state_reason, waiting.quantity_backordered) == ("on_hold", "backorder", 5)
    assert "road" not in steps_done(order) and "after" in steps_done(order)
    assert SourcingDecision.objects.get(order_line=waiting).sentence.endswith("it waits for stock.")
    assert restock() == 0

    come(world, 5)
    assert restock() == 1
    run_flows()
    assert open_units(order) == {"A": 5, "B": 1} and FlowRun.objects.get().state == "done"
    waiting.refresh_from_db()
    assert (waiting.state_reason, waiting.quantity_backordered) == ("sourced", 0)
    assert not Hold.objects.active().exists() and sound()


def test_split_sends_what_there_is_and_the_rest_waits(scarce, make_orders, run_flows, world):
    scarce(rest="split")
    (order,) = make_orders(lines=[("A", 5)])
    run_flows()
    assert open_units(order) == {"A": 3}
    assert tokens() == [("source", "waiting", "release of the backorder hold")]
    assert "after" in steps_done(order) and "road" not in steps_done(order)
    assert order.lines.get().quantity_backordered == 2

    come(world, 9)
    assert restock() == 1
    run_flows()
    assert open_units(order) == {"A": 5} and FlowRun.objects.get().state == "done"
    assert order.lines.get().quantity_backordered == 0 and sound()


def test_a_hold_that_a_person_releases_too_early_is_placed_again(scarce, make_orders, run_flows):
    from orders.services.holds import release_holds

    scarce(rest="backorder")
    (order,) = make_orders(lines=[("A", 5)])
    run_flows()
    release_holds([order.pk], actor="test")
    run_flows()
    assert tokens() == [("source", "waiting", "release of the backorder hold")]
    assert Hold.objects.count() == 2 and open_units(order) == {}


def test_next_tries_the_alternate_whose_rest_counts_then(scarce, make_orders, run_flows, world):
    near = SourceList.objects.create(key="reno", name="Reno")
    near.sources.add(world["sources"]["DC-RNO"])
    wide = cost_strategy(key="wide", objective="nearest", is_default=False, rest="inbox", split_lines=False)
    scarce(rest="next", alternate=wide, source_list=near)
    found, lost = make_orders(lines=[("A", 2)]), make_orders(lines=[("A", 9)])
    run_flows()
    assert open_units(found[0]) == {"A": 2}
    assert StepRun.objects.get().run.order_id == lost[0].pk and tokens() == [("source", "failed", "a person")]


def test_without_next_the_alternate_is_not_tried(scarce, make_orders, run_flows, world):
    near = SourceList.objects.create(key="reno", name="Reno")
    near.sources.add(world["sources"]["DC-RNO"])
    wide = cost_strategy(key="wide", objective="nearest", is_default=False)
    scarce(rest="inbox", alternate=wide, source_list=near)
    (order,) = make_orders(lines=[("A", 2)])
    run_flows()
    assert open_units(order) == {} and tokens() == [("source", "failed", "a person")]


def test_alternates_in_a_circle_end(scarce, make_orders, run_flows):
    other = cost_strategy(key="other", objective="nearest", is_default=False, rest="next")
    mine = scarce(rest="next", alternate=other, split_lines=False)
    type(mine).objects.filter(pk=other.pk).update(alternate=mine, split_lines=False)
    (order,) = make_orders(lines=[("A", 9)])
    run_flows()
    assert "road" in steps_done(order)


def test_the_answer_of_a_batch_says_it_too(scarce, make_orders, run_flows):
    scarce(rest="split", is_batch=True)
    (order,) = make_orders(lines=[("A", 5)])
    run_flows()
    SourcingBatch.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert batches.work() == 1
    run_flows()
    assert open_units(order) == {"A": 3} and order.lines.get().quantity_backordered == 2
    assert tokens() == [("source", "waiting", "release of the backorder hold")]


def test_a_path_that_stopped_for_want_of_stock_goes_on_when_it_comes(scarce, make_orders, run_flows, world):
    scarce(rest="inbox", split_lines=False)
    first, second = make_orders(2, lines=[("A", 4)])
    run_flows()
    assert [state for _, state, _ in tokens()] == ["failed", "failed"] and taking_up.take_up() == 0

    come(world, 4)
    assert taking_up.take_up() == 1  # enough for one of them: who stopped first
    run_flows()
    assert open_units(first) == {"A": 4} and open_units(second) == {}
    assert [state for _, state, _ in tokens()] == ["failed"] and taking_up.take_up() == 0 and sound()
