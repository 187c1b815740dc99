"""Changes that a batch of steps keeps for its end are seen by whoever looks in between."""

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from orchestration.models import StepResult
from orders.errors import ConcurrentChange
from orders.models import Order, OrderLine
from orders.services.events import apply_event
from orders.services.pending import assign, deferring

VALIDATED, SOURCED = "order_line.validated", "order_line.sourced"


def updates(queries, table):
    return [q["sql"] for q in queries if q["sql"].startswith(f'UPDATE "{table}"')]


def test_a_policy_on_state_sees_what_earlier_steps_of_the_same_wave_did(publish, make_orders, run_flows):
    rule = {"name": "validated", "condition": {"field": "state_reason", "op": "equals", "value": "validated"}}
    policy = {
        "key": "is-validated", "name": "Validated", "type": "execution", "entity": "order", "criticality": "critical",
        "combine": "all", "otherwise": "pass", "rules": [rule | {"actions": []}],
    }  # fmt: skip
    step = {"kind": "action", "name": "v", "key": "v", "action": "validate_order_header"}
    looks = {"kind": "action", "name": "c", "key": "c", "action": "custom", "policies": ["is-validated"]}
    publish([step, looks], policies=[policy])
    (order,) = make_orders()

    run_flows()

    assert list(StepResult.objects.filter(order=order).values_list("step", "result")) == [
        ("v", "success"), ("c", "success"),
    ]  # fmt: skip


def test_several_moves_of_the_same_lines_are_one_update(make_orders, world):
    (order,) = make_orders()
    lines = list(order.lines.order_by("pk"))
    source = world["sources"]["ST-CHI"]

    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        deferring(),
    ):
        apply_event(VALIDATED, lines, actor="test")
        assign(OrderLine, "source_id", {line.pk: source.pk for line in lines})
        apply_event(SOURCED, lines, actor="test")

    assert len(updates(queries, "orders_orderline")) == 1
    assert set(order.lines.values_list("state", "state_reason", "source_id")) == {
        ("in_progress", "sourced", source.pk)
    }


def test_a_stamp_keeps_its_first_time(make_orders):
    (order,) = make_orders()
    apply_event("order.sourced", [order], actor="test")
    first = Order.objects.get(pk=order.pk).sourced_at

    with deferring():
        apply_event("order.sourced", [order], actor="test")
        apply_event("order.sourced", [order], actor="test")

    assert Order.objects.get(pk=order.pk).sourced_at == first


@pytest.mark.parametrize(
    "look",
    [
        lambda pk: Order.objects.get(pk=pk).state,
        lambda pk: Order.objects.filter(pk=pk).values_list("state", flat=True).get(),
        lambda pk: Order.objects.filter(pk=pk).values("state").annotate(Count("pk")).get()["state"],
        lambda pk: OrderLine.objects.filter(order=pk).values_list("order__state", flat=True)[0],
    ],
    ids=["instance", "values", "group", "join"],
)
def test_any_look_at_a_kept_change_finds_it(make_orders, look):
    (order,) = make_orders()

    with deferring():
        apply_event("order.validated", [order], actor="test")
        assert look(order.pk) == "in_progress"


def test_a_record_that_is_stale_is_refused_as_it_is_without_keeping(make_orders):
    (order,) = make_orders()
    stale = Order.objects.get(pk=order.pk)

    with pytest.raises(ConcurrentChange), deferring():
        apply_event("order.validated", [order], actor="test")
        apply_event("order.validated", [stale], actor="test")


def test_a_record_that_moved_in_the_database_is_refused_when_the_change_is_written(make_orders):
    (order,) = make_orders()
    stale = Order.objects.get(pk=order.pk)
    apply_event("order.validated", [order], actor="test")

    with pytest.raises(ConcurrentChange), deferring():
        apply_event("order.validated", [stale], actor="test")
