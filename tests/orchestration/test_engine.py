"""What the engine does with small flows: the path taken, the events raised, where it waits and what wakes it."""

import pytest

from inventory.models import InventoryPosition
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.services import publishing
from orders.models import BusinessEvent, OrderLine
from orders.services.cancellation import cancel_orders
from orders.services.events import record
from orders.services.holds import hold_orders, release_holds
from orders.types import Raised


def action(key, action="custom", **more):
    return {"kind": "action", "key": key, "name": key, "action": action, **more}


def check(key, field, op, value, entity="order", criticality="critical"):
    return {
        "key": key, "name": key, "type": "execution", "entity": entity, "criticality": criticality, "combine": "all", "otherwise": "pass",
        "rules": [{"name": f"{field} {op}", "condition": {"field": field, "op": op, "value": value}, "actions": []}],
    }  # fmt: skip


def chosen(key, field, op, value, entity="order"):
    return check(key, field, op, value, entity) | {"type": "filter", "otherwise": "fail"}


def path(order):
    return list(StepResult.objects.filter(order=order).order_by("pk").values_list("step", "result"))


def kinds(order):
    return list(BusinessEvent.objects.filter(order=order).order_by("pk").values_list("kind", flat=True))


def test_a_run_ends_after_its_last_step(publish, make_orders, run_flows):
    publish([action("a"), action("b")])
    (order,) = make_orders()

    run_flows()

    assert path(order) == [("a", "success"), ("b", "success")]
    assert FlowRun.objects.get().state == "done"
    assert not StepRun.objects.exists()


def test_lines_fan_out_and_the_header_event_is_raised_once(publish, make_orders, run_flows):
    publish([action("v", "validate_order_line")])
    (order,) = make_orders(lines=[("A", 1), ("B", 1), ("A", 3)])

    run_flows()

    assert kinds(order) == ["order.new", *["order_line.validated"] * 3, "order.lines_validated"]
    assert set(order.lines.values_list("state", "state_reason")) == {("in_progress", "validated")}


def test_a_critical_failure_takes_the_no_branch_and_keeps_the_actual_values(publish, make_orders, run_flows):
    publish(
        [
            action("v", "validate_order_header", policies=["us-only"]),
            {"kind": "condition", "key": "c", "name": "c", "yes": [action("good")], "no": [action("bad")]},
        ],
        policies=[check("us-only", "ship_to_country", "equals", "US")],
    )
    (us,), (ca,) = make_orders(country="US"), make_orders(country="CA")

    run_flows()

    assert path(us) == [("v", "success"), ("c", "success"), ("good", "success")]
    assert path(ca) == [("v", "failure"), ("c", "success"), ("bad", "success")]
    told = StepResult.objects.get(order=ca, step="v").detail["records"][str(ca.pk)]["us-only"]
    assert told["values"] == {"ship_to_country": "CA"}
    assert "order.validation_failed" in kinds(ca)


def test_an_information_policy_is_recorded_and_the_path_goes_on(publish, make_orders, run_flows):
    publish(
        [action("v", "validate_order_header", policies=["us-only"]), action("next")],
        policies=[check("us-only", "ship_to_country", "equals", "US", criticality="information")],
    )
    (order,) = make_orders(country="CA")

    run_flows()

    assert path(order) == [("v", "success"), ("next", "success")]
    assert StepResult.objects.get(step="v").detail["records"][str(order.pk)]["us-only"]["passed"] is False


def test_without_a_failure_road_a_person_is_asked(publish, make_orders, run_flows):
    publish(
        [action("v", "validate_order_header", policies=["us-only"])],
        policies=[check("us-only", "ship_to_country", "equals", "US")],
    )
    make_orders(country="CA")

    run_flows()

    assert FlowRun.objects.get().state == "attention"
    assert StepRun.objects.values_list("state", "error_code", "error").get() == (
        "failed",
        "policy_failed",
        "us-only: ship_to_country equals",
    )


def test_resume_on_error_raises_its_event_and_goes_on(publish, make_orders, run_flows):
    publish(
        [
            action("v", "validate_order_header", policies=["us-only"], resume_on_error="order.changed"),
            action("next"),
        ],
        policies=[check("us-only", "ship_to_country", "equals", "US")],
    )
    (order,) = make_orders(country="CA")

    run_flows()

    assert path(order)[-1] == ("next", "success")
    assert kinds(order)[-1] == "order.changed"


def test_a_filter_that_is_not_passed_skips_the_step_and_says_which_rule(publish, make_orders, run_flows):
    publish(
        [action("a", filters=["ca"]), action("b")], policies=[chosen("ca", "ship_to_country", "equals", "CA")]
    )
    (order,) = make_orders(country="US")

    run_flows()

    assert path(order) == [("a", "skipped"), ("b", "success")]
    assert StepResult.objects.get(step="a").detail["skipped"][str(order.pk)]["ca"]["rules"] == {
        "ship_to_country equals": False
    }


@pytest.mark.parametrize(
    "country, expected",
    [("US", ["one", "both"]), ("CA", ["two", "both"]), ("MX", [])],
)
def test_a_record_takes_every_branch_it_matches_and_the_merge_fires_once(
    publish, make_orders, run_flows, country, expected
):
    branches = [
        {"key": "one", "name": "1", "filters": ["us"], "steps": [action("one")]},
        {"key": "two", "name": "2", "filters": ["ca"], "steps": [action("two")]},
        {"key": "both", "name": "3", "filters": ["us-ca"], "steps": [action("both")]},
    ]
    publish(
        [
            {"kind": "splitter_merge", "key": "s", "name": "s", "level": "order", "branches": branches},
            action("after"),
        ],
        policies=[
            chosen("us", "ship_to_country", "equals", "US"),
            chosen("ca", "ship_to_country", "equals", "CA"),
            chosen("us-ca", "ship_to_country", "in", ["US", "CA"]),
        ],
    )
    (order,) = make_orders(country=country)

    run_flows()

    steps = [step for step, _ in path(order)]
    if expected:
        assert steps == ["s", *expected, "after"]
    else:
        assert StepRun.objects.values_list("state", "error_code").get() == ("failed", "no_branch")


def test_lines_part_ways_and_meet_again(publish, make_orders, run_flows):
    branches = [
        {"key": "a", "name": "A", "filters": ["sku-a"], "steps": [action("only-a", "validate_order_line")]},
        {"key": "rest", "name": "rest", "otherwise": True, "steps": []},
    ]
    publish(
        [
            {"kind": "splitter_merge", "key": "s", "name": "s", "level": "order_line", "branches": branches},
            action("after", parameters={"level": "order_line"}),
        ],
        policies=[chosen("sku-a", "sku", "equals", "A", "order_line")],
    )
    (order,) = make_orders(lines=[("A", 1), ("B", 1), ("A", 1)])

    run_flows()

    assert StepResult.objects.get(step="only-a").detail["n"] == 2
    assert StepResult.objects.get(step="after").detail["n"] == 3
    assert "order.lines_validated" not in kinds(order)  # line B never got there


def test_a_step_waits_for_its_input_event_and_the_event_wakes_it(publish, make_orders, run_flows):
    publish([action("a"), action("w", "wait", input_events=["order.changed"]), action("b")])
    (order,) = make_orders()
    run_flows()
    assert StepRun.objects.values_list("step", "state", "waiting_for").get() == (
        "w",
        "waiting",
        "order.changed",
    )

    record([Raised("order.changed", "order", order.pk, order.pk)], actor="test")
    run_flows()

    assert [step for step, _ in path(order)] == ["a", "w", "w", "b"]
    assert FlowRun.objects.get().state == "done"


def test_a_hold_stops_the_steps_it_blocks_and_its_release_lets_them_go(publish, make_orders, run_flows):
    publish([action("a")])
    (order,) = make_orders()
    hold_orders([order.pk], type="fraud", reason="odd", actor="test")
    run_flows()
    assert path(order) == []
    assert StepRun.objects.get().waiting_for == "release of the fraud hold"

    release_holds([order.pk], actor="test")
    run_flows()

    assert path(order) == [("a", "success")]


def test_a_hold_step_waits_for_release_and_goes_where_it_says(publish, make_orders, run_flows):
    publish(
        [
            action("v", "validate_order_header", policies=["us-only"]),
            {"kind": "condition_merge", "key": "c", "name": "c", "yes": [], "no": [
                action("h", "hold", parameters={"type": "validation", "go_to": "v"}, on_failure=None)]},
            action("after"),
        ],
        policies=[check("us-only", "ship_to_country", "equals", "US")],
    )  # fmt: skip
    (order,) = make_orders(country="CA")
    run_flows()
    order = type(order).objects.get()
    assert (order.state, order.state_reason) == ("on_hold", "validation")

    type(order).objects.update(ship_to_country="US")
    release_holds([order.pk], actor="test")
    run_flows()

    assert [step for step, _ in path(order)] == ["v", "c", "h", "h", "v", "c", "after"]
    assert FlowRun.objects.get().state == "done"


SOURCING = [
    action("source", "send_to_dom"),
    {"kind": "condition", "key": "found", "name": "found", "yes": [action("reserve", "soft_reserve", on_failure={"go_to": "source"}), action("send", "send_to_worklist")],
     "no": [action("back", "hold", parameters={"type": "backorder", "level": "order_line", "go_to": "source"})]},
]  # fmt: skip


def test_stock_is_reserved_once_and_the_order_goes_to_the_worklist(publish, make_orders, run_flows):
    publish([action("v", "validate_order_line"), *SOURCING])
    (order,) = make_orders(lines=[("A", 2), ("B", 3)])

    run_flows()

    order = type(order).objects.get()
    assert (order.state, order.state_reason) == ("fulfillment", "sent")
    assert order.fulfillment_orders.get().source.code == "ST-CHI"
    held = InventoryPosition.objects.filter(reserved__gt=0).values_list(
        "product__sku", "source__code", "reserved"
    )
    assert set(held) == {("A", "ST-CHI", 2), ("B", "ST-CHI", 3)}


def test_a_line_without_stock_is_held_while_the_others_go_on_and_follows_later(
    publish, make_orders, run_flows, world
):
    from inventory.services.stock import set_on_hand
    from inventory.types import StockLevel

    publish([action("v", "validate_order_line"), *SOURCING])
    b = world["products"]["B"].pk
    set_on_hand(
        [StockLevel(b, source.pk, 0) for source in world["sources"].values()], actor="test", reason="count"
    )
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    assert dict(order.lines.values_list("sku", "state")) == {"A": "fulfillment", "B": "on_hold"}
    assert type(order).objects.get().state == "on_hold"

    set_on_hand([StockLevel(b, world["sources"]["DC-CMH"].pk, 5)], actor="test", reason="arrived")
    release_holds([order.pk], actor="test")
    run_flows()

    assert set(order.lines.values_list("state", flat=True)) == {"fulfillment"}
    assert type(order).objects.get().state == "fulfillment"
    assert FlowRun.objects.get().state == "done"


def test_a_canceled_order_ends_its_run(publish, make_orders, run_flows):
    publish([action("w", "wait", input_events=["order.changed"])])
    (order,) = make_orders()
    run_flows()

    cancel_orders([order.pk], actor="test", reason="changed my mind")
    run_flows()

    assert FlowRun.objects.get().state == "canceled"
    assert not StepRun.objects.exists()


def test_runs_end_on_the_version_they_began_with(publish, make_orders, run_flows):
    publish([action("w", "wait", input_events=["order.changed"]), action("old")])
    (first,) = make_orders()
    run_flows()
    publish([action("new")])
    (second,) = make_orders()

    record([Raised("order.changed", "order", first.pk, first.pk)], actor="test")
    run_flows()

    assert path(first)[-1] == ("old", "success")
    assert path(second) == [("new", "success")]


def test_a_stopped_flow_takes_no_new_order_and_a_paused_one_keeps_them(publish, make_orders, run_flows):
    version = publish([action("a")])
    publishing.stop(version.flow_id, actor="test")
    make_orders()
    assert not FlowRun.objects.exists()

    publishing.publish(version.flow_id, actor="test")
    publishing.pause(version.flow_id, actor="test")
    (order,) = make_orders()
    run_flows()
    assert FlowRun.objects.get().state == "active"

    publishing.resume(version.flow_id, actor="test")
    run_flows()
    assert path(order) == [("a", "success")]


def test_two_flows_on_one_order_are_separate_runs(publish, make_orders, run_flows):
    publish([action("a")], key="one")
    publish([action("b")], key="two")
    (order,) = make_orders()

    run_flows()

    assert sorted(path(order)) == [("a", "success"), ("b", "success")]
    assert FlowRun.objects.filter(state="done").count() == 2


def test_a_poisoned_record_is_parked_and_the_others_go_on(publish, make_orders, run_flows, monkeypatch):
    from orchestration.actions import ACTIONS

    publish([action("v", "validate_order_line")])
    orders = make_orders(8, lines=[("A", 1)])
    poisoned = orders[5].lines.get().pk

    def run(batch):
        if any(line.pk == poisoned for _, line in batch.records()):
            raise ZeroDivisionError("bad record")
        return {}

    monkeypatch.setattr(ACTIONS["validate_order_line"], "run", run)
    run_flows()
    FlowRun.objects.filter(due_at__isnull=False).update(due_at="2020-01-01T00:00Z")
    run_flows()
    FlowRun.objects.filter(due_at__isnull=False).update(due_at="2020-01-01T00:00Z")
    run_flows()

    assert FlowRun.objects.filter(state="done").count() == 7
    parked = StepRun.objects.select_related("run").get()
    assert (parked.run.order_id, parked.state, parked.error) == (
        orders[5].pk,
        "failed",
        "ZeroDivisionError: bad record",
    )
    assert OrderLine.objects.get(pk=poisoned).state == "new"


def test_one_order_and_two_hundred_cost_the_same_queries(publish, make_orders, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from orchestration.engine.advance import advance

    publish([action("v", "validate_order_line"), *SOURCING])
    counts = []
    for size in (1, 1, 200):
        make_orders(size, lines=[("A", 1), ("B", 1)])
        with CaptureQueriesContext(connection) as queries:
            assert advance() == size
        counts.append(len(queries))

    assert counts[1] == counts[2], counts


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_second_lot_of_stock_is_left_to_the_next_transaction(publish, make_orders, run_flows):
    """Two versions reserve at steps of their own: locked after each other, other workers could wait in a circle."""
    publish(SOURCING)
    first = make_orders()
    publish([action("v", "validate_order_line"), *SOURCING])
    second = make_orders()

    assert run_flows() == 2

    for order in (*first, *second):
        assert path(order)[-1] == ("send", "success")
        assert kinds(order).count("order.reserved") == 1
    assert FlowRun.objects.filter(state="done").count() == 2
