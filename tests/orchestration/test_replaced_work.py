"""Fulfillment orders that are planned again while their path stands before their sending: the path goes with them."""

import pytest
from flow_words import action, raise_event, wait

from fulfillment.models import FulfillmentOrder
from fulfillment.services.sources import set_active
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import FlowRun, StepRun
from orchestration.services import taking_up
from tests.fulfillment.cost_world import cost_strategy, offer

STEPS = [
    action("source", "send_to_fulfillment_optimization"),
    wait("go", "order.changed", "fulfillment_order"),
    action("send", "send_to_worklist"),
]


@pytest.fixture
def waiting(world, publish, make_orders, run_flows):
    def make(steps=STEPS, **how):
        offer()
        cost_strategy()
        publish(steps)
        (order,) = make_orders(**how)
        run_flows()
        return order

    return make


def only(world, sku: str, *codes: str) -> None:
    levels = [
        StockLevel(world["products"][sku].pk, source.pk, 1000 if code in codes else 0)
        for code, source in world["sources"].items()
    ]
    set_on_hand(levels, actor="test", reason="count")


def off(world, code: str, run_flows) -> None:
    set_active([world["sources"][code].pk], active=False, actor="test")
    run_flows()


def work() -> list[tuple[str, str]]:
    return sorted(FulfillmentOrder.objects.values_list("source__code", "state"))


def test_the_path_stands_for_what_took_its_place(waiting, world, run_flows):
    order = waiting()
    off(world, "ST-CHI", run_flows)
    assert work() == [("DC-CMH", "new"), ("ST-CHI", "canceled")]
    raise_event(order, "order.changed")
    run_flows()
    assert work() == [("DC-CMH", "sent"), ("ST-CHI", "canceled")]
    assert FlowRun.objects.get().state == "done" and ledger_differences() == []


def test_lines_that_nobody_else_has_stop_visibly_and_the_others_go(waiting, world, run_flows):
    only(world, "A", "ST-CHI")
    order = waiting()
    off(world, "ST-CHI", run_flows)
    raise_event(order, "order.changed")
    run_flows()
    assert work() == [("DC-CMH", "sent"), ("ST-CHI", "canceled")]
    stopped = StepRun.objects.get()
    lost = order.lines.get(sku="A")
    assert (stopped.step, stopped.state, stopped.error_code, stopped.lines) == (
        "go",
        "failed",
        "source_lost",
        [lost.pk],
    )


def test_with_a_road_back_they_are_sourced_again(waiting, world, run_flows, monkeypatch):
    only(world, "A", "ST-CHI")
    steps = [STEPS[0], {**STEPS[1], "on_failure": {"go_to": "source"}}, STEPS[2]]
    order = waiting(steps, lines=[("A", 1)])
    off(world, "ST-CHI", run_flows)
    assert StepRun.objects.values_list("step", "state").get() == ("source", "failed")
    only(world, "A", "DC-RNO")
    monkeypatch.setattr(taking_up, "_seen", 0)
    assert taking_up.take_up() == 1
    run_flows()
    raise_event(order, "order.changed")
    run_flows()
    assert work() == [("DC-RNO", "sent"), ("ST-CHI", "canceled")]
    assert FlowRun.objects.get().state == "done" and ledger_differences() == []
