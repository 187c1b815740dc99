"""The net finds what was lost: runs that nothing wakes, orders that no flow began with. Each test shows the loss first."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orchestration.engine import sweep as net
from orchestration.engine.recovery import recover, start_missed, wake_unexplained
from orchestration.models import FlowRun, StepRun
from orchestration.services import publishing
from orders.models import BusinessEvent, Order
from orders.services.holds import hold_orders

STEP = {"kind": "action", "key": "a", "name": "A", "action": "custom"}


@pytest.fixture
def aged():
    """Everything that was written so far is ten minutes old."""

    def age():
        ago = timezone.now() - timedelta(minutes=10)
        Order.objects.update(received_at=ago)
        BusinessEvent.objects.update(at=ago)

    return age


@pytest.fixture
def lost_start(publish, make_orders, aged, settings):
    """A published flow, and an order whose event nobody heard."""
    version = publish([STEP])
    type(version).objects.update(published_at=timezone.now() - timedelta(hours=1))
    settings.IOM = {**settings.IOM, "ON_EVENTS": []}
    (order,) = make_orders()
    aged()
    return order


def test_without_the_net_a_run_that_nothing_wakes_stands_for_ever(publish, make_orders, run_flows):
    publish([STEP])
    make_orders()
    FlowRun.objects.update(due_at=None)

    assert run_flows() == 0
    assert FlowRun.objects.get().state == "active"

    assert wake_unexplained() == 1
    assert wake_unexplained() == 0
    run_flows()
    assert FlowRun.objects.get().state == "done"


def test_a_run_that_waits_stopped_or_is_held_is_left_alone(publish, make_orders, run_flows):
    publish([{**STEP, "action": "wait", "input_events": ["order.released"]}])
    make_orders()
    run_flows()
    assert wake_unexplained() == 0

    StepRun.objects.update(state="failed")
    FlowRun.objects.update(due_at=None)
    assert wake_unexplained() == 0

    StepRun.objects.update(state="ready")
    hold_orders(list(Order.objects.values_list("pk", flat=True)), type="manual", reason="x", actor="user:ann")
    FlowRun.objects.update(due_at=None)
    assert wake_unexplained() == 0


def test_without_the_net_an_order_that_no_flow_began_with_stays_new(lost_start, run_flows):
    assert run_flows() == 0
    assert not FlowRun.objects.exists()

    assert start_missed() == 1
    assert start_missed() == 0
    run_flows()
    assert FlowRun.objects.values_list("order", "state").get() == (lost_start.pk, "done")
    assert start_missed() == 0


def test_an_order_from_before_the_flow_and_a_very_young_one_are_not_lost(lost_start, publish):
    publish([STEP, {**STEP, "key": "b"}])
    assert start_missed() == 0


def test_an_order_that_the_entry_filters_keep_out_is_not_lost(publish, make_orders, aged, settings):
    only_ca = {
        "key": "ca", "name": "CA", "type": "filter", "entity": "order", "criticality": "information", "combine": "all", "otherwise": "fail",
        "rules": [{"name": "CA", "condition": {"field": "ship_to_country", "op": "equals", "value": "CA"}, "actions": []}],
    }  # fmt: skip
    version = publish([STEP], policies=[only_ca], filters=["ca"])
    type(version).objects.update(published_at=timezone.now() - timedelta(hours=1))
    settings.IOM = {**settings.IOM, "ON_EVENTS": []}
    make_orders(country="US")
    (lost,) = make_orders(country="CA")
    aged()

    assert start_missed() == 1
    assert FlowRun.objects.get().order_id == lost.pk


def test_a_stopped_flow_begins_with_nothing(lost_start):
    publishing.stop(FlowRun.flow.field.related_model.objects.get().pk, actor="test")

    assert recover() == 0


def test_the_sweep_looks_for_what_was_lost(lost_start, monkeypatch):
    monkeypatch.setattr(net, "_last", -net.SELDOM_SECONDS)

    net.sweep()

    assert FlowRun.objects.get().order_id == lost_start.pk
