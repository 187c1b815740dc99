"""What must not happen to paths: a wakeup that is lost, a join that waits for ever, an effect that comes twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from fulfillment.services import execution
from fulfillment.services.cancellation import cancel_orders
from orchestration.engine import advance as engine
from orchestration.engine.claim import is_any_due
from orchestration.engine.sweep import sweep
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.services import publishing
from orders.errors import ConcurrentChange
from orders.models import BusinessEvent, Order
from orders.services.cancellation import cancel_lines
from orders.services.events import record
from orders.services.holds import hold_orders, release_holds
from orders.types import Raised


def action(key, action="custom", **more):
    return {"kind": "action", "key": key, "name": key, "action": action, **more}


def wait(key, event, level="order", **more):
    return action(key, "wait", input_events=[event], **{"parameters": {"level": level}, **more})


def rule(key, field, op, value, entity="order", type="execution", criticality="critical"):
    return {
        "key": key, "name": key, "type": type, "entity": entity, "criticality": criticality, "combine": "all",
        "otherwise": "fail" if type == "filter" else "pass",
        "rules": [{"name": f"{field} {op}", "condition": {"field": field, "op": op, "value": value}, "actions": []}],
    }  # fmt: skip


def path(order):
    return list(StepResult.objects.filter(order=order).order_by("pk").values_list("step", "result"))


def steps_done(order):
    found = StepResult.objects.filter(order=order, result__in=("success", "skipped")).order_by("pk")
    return list(found.values_list("step", flat=True))


def raise_event(order, kind):
    record([Raised(kind, "order", order.pk, order.pk)], actor="test")


def branch(key, *steps, filters=(), otherwise=False):
    return {"key": key, "name": key, "filters": list(filters), "otherwise": otherwise, "steps": list(steps)}


EVERYONE = rule("everyone", "ship_to_country", "equals", "US", type="filter")
LINE_A = rule("line-a", "sku", "equals", "A", "order_line", "filter")


# -- wakeups ---------------------------------------------------------------------------------------------------------


def test_an_event_that_a_sister_branch_raises_in_the_same_batch_is_not_lost(publish, make_orders, run_flows):
    both = [
        branch("waits", wait("w", "order.changed"), filters=["everyone"]),
        branch("raises", action("r", parameters={"raise_event": "order.changed"}), filters=["everyone"]),
    ]
    publish(
        [
            {"kind": "splitter_merge", "key": "s", "name": "s", "level": "order", "branches": both},
            action("after"),
        ],
        policies=[EVERYONE],
    )
    (order,) = make_orders()

    run_flows()

    assert FlowRun.objects.get().state == "done"
    assert steps_done(order) == ["s", "r", "w", "after"]


def test_an_event_that_another_flow_raises_in_the_same_batch_is_not_lost(publish, make_orders, run_flows):
    publish([wait("w", "order.changed"), action("b")], key="one")
    publish([action("r", parameters={"raise_event": "order.changed"})], key="two")
    make_orders()

    run_flows()

    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}


def test_a_run_does_not_see_events_from_before_it_began_whoever_shares_its_batch(
    publish, make_orders, run_flows
):
    publish([wait("w1", "order.delivered")], key="one")
    publish([wait("w2", "order.changed")], key="two", events=("order.orchestrate",))
    (order,) = make_orders()
    run_flows()
    raise_event(order, "order.changed")
    raise_event(order, "order.orchestrate")

    run_flows()

    assert dict(FlowRun.objects.values_list("flow__key", "state")) == {"one": "waiting", "two": "waiting"}


def test_an_event_about_one_line_speaks_of_that_line_only(publish, make_orders, run_flows):
    publish(
        [wait("w", "order_line.rejected", "order_line"), action("after", parameters={"level": "order_line"})]
    )
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    first = order.lines.order_by("pk").first()

    record([Raised("order_line.rejected", "order_line", first.pk, order.pk)], actor="test")
    run_flows()

    assert StepResult.objects.get(step="after").detail == {"n": 1}
    assert StepRun.objects.get().state == "waiting"


# -- joins -----------------------------------------------------------------------------------------------------------


def test_an_order_step_after_subsets_of_lines_fires_once(publish, make_orders, run_flows):
    publish([wait("w", "order_line.rejected", "order_line"), action("once")])
    (order,) = make_orders(lines=[("A", 1), ("B", 1), ("A", 2)])
    run_flows()
    for line in order.lines.all():
        assert not StepResult.objects.filter(step="once").exists()
        record([Raised("order_line.rejected", "order_line", line.pk, order.pk)], actor="test")
        run_flows()

    assert steps_done(order).count("once") == 1
    assert FlowRun.objects.get().state == "done"


def test_two_joins_never_wait_for_each_other(publish, make_orders, run_flows):
    """Line B fails and goes back to an order step, while line A stands at a later one."""
    publish(
        [
            action("early"),
            action("lines", "validate_order_line", policies=["only-a"], on_failure={"go_to": "early"}),
            action("late"),
        ],
        policies=[rule("only-a", "quantity", "less", 5, "order_line")],
    )
    (_order,) = make_orders(lines=[("A", 1), ("B", 9)])
    run_flows()

    # It goes round until the loop limit asks a person; a run that only waits would tell nobody.
    assert FlowRun.objects.get().state == "attention"
    assert StepRun.objects.filter(error_code="loop_limit").count() == 1


def test_a_canceled_line_does_not_hold_up_the_join(publish, make_orders, run_flows):
    publish([wait("w", "order_line.rejected", "order_line"), action("once")])
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    a, b = order.lines.order_by("pk")
    record([Raised("order_line.rejected", "order_line", a.pk, order.pk)], actor="test")
    run_flows()
    assert "once" not in steps_done(order)

    cancel_lines([b.pk], actor="test", reason="not wanted")
    run_flows()

    assert steps_done(order).count("once") == 1
    assert FlowRun.objects.get().state == "done"


def test_an_order_step_that_failed_is_judged_anew_when_the_last_lines_arrive(publish, make_orders, run_flows):
    """The second arrival must not carry a failed check through unseen."""
    branches = [branch("a", filters=["line-a"]), branch("rest", wait("w", "order.changed"), otherwise=True)]
    publish(
        [
            {"kind": "splitter_merge", "key": "s", "name": "s", "level": "order_line", "branches": branches},
            action("check", policies=["canada"]),
            action("after"),
        ],
        policies=[LINE_A, rule("canada", "ship_to_country", "equals", "CA")],
    )
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    raise_event(order, "order.changed")
    run_flows()

    assert "after" not in steps_done(order)
    assert StepRun.objects.get().state == "failed"


def test_a_skipped_hold_does_not_go_back(publish, make_orders, run_flows):
    publish(
        [
            action("start"),
            action("h", "hold", filters=["canada"], parameters={"type": "fraud", "go_to": "start"}),
            action("after"),
        ],
        policies=[rule("canada", "ship_to_country", "equals", "CA", type="filter")],
    )
    (order,) = make_orders()

    run_flows()

    assert path(order) == [("start", "success"), ("h", "skipped"), ("after", "success")]


# -- deadlines -------------------------------------------------------------------------------------------------------


def test_a_deadline_takes_the_failure_road_and_raises_its_event_once(publish, make_orders, run_flows):
    publish(
        [
            wait("w", "order_line.rejected", "order_line", deadline={"minutes": 5, "event": "order.changed"},
                 on_failure={"go_to": "late"}),
            action("late"),
        ]
    )  # fmt: skip
    (_order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    assert sweep() == 0

    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert sweep() == 1
    run_flows()

    assert BusinessEvent.objects.filter(kind="order.changed").count() == 1
    assert FlowRun.objects.get().state == "done"
    assert sweep() == 0


def test_a_hold_that_nobody_releases_reaches_its_deadline(publish, make_orders, run_flows):
    publish([action("h", "hold", parameters={"type": "fraud"}, deadline={"minutes": 5}), action("after")])
    (_order,) = make_orders()
    run_flows()
    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))

    sweep()
    run_flows()

    assert StepRun.objects.values_list("state", "error_code").get() == ("failed", "deadline")
    assert sweep() == 0, "a deadline that was handled wakes nobody"


def test_a_deadline_does_not_run_out_on_hold(publish, make_orders, run_flows):
    publish([action("a", input_events=["order.changed"], deadline={"minutes": 5}), action("after")])
    (order,) = make_orders()
    run_flows()
    hold_orders([order.pk], type="fraud", reason="odd", actor="test")
    run_flows()
    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    sweep()
    run_flows()
    assert StepRun.objects.get().state != "failed"

    release_holds([order.pk], actor="test")
    raise_event(order, "order.changed")
    run_flows()

    assert FlowRun.objects.get().state == "done"


# -- cancellation, pause, two flows -----------------------------------------------------------------------------------


def test_a_flow_that_starts_with_a_cancellation_runs(publish, make_orders, run_flows):
    publish([wait("w", "order.changed")], key="main")
    publish([action("tell")], key="afterwards", events=("order.canceled",))
    (order,) = make_orders()
    run_flows()

    cancel_orders([order.pk], actor="test", reason="not wanted")
    run_flows()

    assert dict(FlowRun.objects.values_list("flow__key", "state")) == {
        "main": "canceled",
        "afterwards": "done",
    }
    assert steps_done(order) == ["tell"]


def test_a_flow_paused_in_mid_run_goes_on_where_it_was(publish, make_orders, run_flows):
    version = publish([wait("w", "order.changed"), action("after")])
    (order,) = make_orders()
    run_flows()
    publishing.pause(version.flow_id, actor="test")
    raise_event(order, "order.changed")
    assert run_flows() == 0
    assert not is_any_due()

    publishing.resume(version.flow_id, actor="test")
    assert is_any_due()
    run_flows()

    assert steps_done(order) == ["w", "after"]


WORKLIST = [
    action("source", "send_to_dom"),
    action("reserve", "soft_reserve"),
    action("send", "send_to_worklist"),
    wait(
        "shipped", "fulfillment_order.shipped",
        parameters={"level": "fulfillment_order", "failure_events": ["fulfillment_order.rejected"]},
        on_failure={"go_to": "source"},
    ),
    action("end", parameters={"level": "fulfillment_order"}),
]  # fmt: skip


def test_two_flows_on_one_order_do_not_source_it_twice(publish, make_orders, run_flows):
    publish(WORKLIST, key="one")
    publish([action("b"), wait("w", "order.shipped")], key="two")
    (_order,) = make_orders(lines=[("A", 2)])

    run_flows()

    assert FulfillmentOrder.objects.count() == 1
    assert sum(FulfillmentOrder.objects.values_list("lines__quantity", flat=True)) == 2


def test_what_a_source_refuses_goes_elsewhere_and_never_back(publish, make_orders, run_flows):
    publish(WORKLIST)
    (_order,) = make_orders(lines=[("A", 2)])
    run_flows()
    asked = []
    for _ in range(2):
        work = FulfillmentOrder.objects.exclude(state="rejected").select_related("source").get()
        asked.append(work.source.code)
        execution.reject([work.pk], reason="no staff", actor="test")
        run_flows()
    last = FulfillmentOrder.objects.exclude(state="rejected").select_related("source").get()

    assert len({*asked, last.source.code}) == 3
    assert FlowRun.objects.get().state == "waiting"


def test_one_fulfillment_order_belongs_to_one_path(publish, make_orders, run_flows, world):
    """A line split over two sources, one of which refuses: the other one's path is not walked a second time."""
    from inventory.services.stock import set_on_hand
    from inventory.types import StockLevel

    a = world["products"]["A"].pk
    levels = {"DC-RNO": 6, "DC-CMH": 6, "ST-CHI": 6}
    set_on_hand(
        [StockLevel(a, world["sources"][code].pk, units) for code, units in levels.items()],
        actor="test", reason="count",
    )  # fmt: skip
    publish(WORKLIST)
    (_order,) = make_orders(lines=[("A", 10)])
    run_flows()
    refuses, keeps = FulfillmentOrder.objects.order_by("pk")

    execution.reject([refuses.pk], reason="no staff", actor="test")
    run_flows()

    standing = [pk for token in StepRun.objects.all() for pk in token.fulfillment_orders or ()]
    assert standing.count(keeps.pk) == 1, standing
    assert len(standing) == len(set(standing))


def test_canceled_while_on_the_worklist_ends_the_run_and_frees_the_stock(publish, make_orders, run_flows):
    from inventory.models import InventoryPosition

    publish(WORKLIST)
    (order,) = make_orders(lines=[("A", 2)])
    run_flows()

    cancel_orders([order.pk], actor="test", reason="not wanted")
    run_flows()

    assert FlowRun.objects.get().state == "canceled"
    assert not InventoryPosition.objects.filter(reserved__gt=0).exists()


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_a_race_that_comes_again_each_time_is_parked_and_stops_nobody(
    publish, make_orders, run_flows, monkeypatch
):
    from orchestration.actions import ACTIONS

    publish([action("v", "validate_order_line")])
    orders = make_orders(4, lines=[("A", 1)])
    unlucky = orders[1].lines.get().pk

    def run(batch):
        if any(line.pk == unlucky for _, line in batch.records()):
            raise ConcurrentChange("order_line.validated", [unlucky])
        return {}

    monkeypatch.setattr(ACTIONS["validate_order_line"], "run", run)
    for _ in range(5):
        run_flows()
        FlowRun.objects.filter(due_at__isnull=False).update(due_at="2020-01-01T00:00Z")

    assert FlowRun.objects.filter(state="done").count() == 3
    assert FlowRun.objects.get(state="attention").order_id == orders[1].pk


def test_a_batch_that_raises_leaves_no_event_behind(publish, make_orders, run_flows, monkeypatch):
    from orchestration.actions import ACTIONS

    publish([action("v", "validate_order_line"), action("boom", "wait", input_events=["order.new"])])
    (order,) = make_orders()
    before = BusinessEvent.objects.count()

    def boom(batch):
        raise ZeroDivisionError

    monkeypatch.setattr(ACTIONS["wait"], "run", boom)
    engine.advance()

    assert BusinessEvent.objects.count() == before
    assert Order.objects.get().state == "new"
    assert path(order) == []


def test_an_event_of_the_order_raised_by_a_step_of_lines_is_the_orders(publish, make_orders, run_flows):
    publish([action("a", parameters={"level": "order_line", "raise_event": "order.changed"})])
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])

    run_flows()

    found = BusinessEvent.objects.filter(kind="order.changed").values_list("entity", "record_id")
    assert list(found) == [("order", order.pk)]


@pytest.mark.parametrize("kind", ["fraud", "backorder"])
def test_two_holds_are_two_answers(publish, make_orders, run_flows, kind):
    publish([action("a")])
    (order,) = make_orders()
    hold_orders([order.pk], type=kind, reason="one", actor="test")
    hold_orders([order.pk], type="manual", reason="two", actor="test")
    run_flows()
    release_holds([order.pk], actor="test", type=kind)
    run_flows()
    assert path(order) == []

    release_holds([order.pk], actor="test", type="manual")
    run_flows()

    assert steps_done(order) == ["a"]


# -- a step that waited for its event is a step like any other --------------------------------------------------------


def test_filters_and_policies_are_asked_when_the_awaited_event_has_come(publish, make_orders, run_flows):
    canada = rule("canada", "ship_to_country", "equals", "CA")
    publish(
        [
            action("skipped", input_events=["order.changed"], filters=["only-canada"]),
            action("fails", input_events=["order.changed"], policies=["canada"], deadline={"minutes": 5}),
        ],
        policies=[canada, rule("only-canada", "ship_to_country", "equals", "CA", type="filter")],
    )
    (order,) = make_orders()
    run_flows()
    raise_event(order, "order.delivered")
    run_flows()
    assert path(order) == [("skipped", "requested")], "another event makes it look, not begin again"

    raise_event(order, "order.changed")
    run_flows()

    assert path(order)[1:] == [("skipped", "skipped"), ("fails", "failure")]


def test_a_hold_step_behind_an_event_holds_once_and_an_order_on_hold_at_its_gate_is_still_judged(
    publish, make_orders, run_flows
):
    canada = rule("canada", "ship_to_country", "equals", "CA")
    publish([action("h", "hold", input_events=["order.changed"], parameters={"type": "fraud"})], key="one")
    publish(
        [action("c", input_events=["order.delivered"], policies=["canada"])], key="two", policies=[canada]
    )
    (order,) = make_orders()
    run_flows()
    hold_orders([order.pk], type="manual", reason="odd", actor="test")
    raise_event(order, "order.changed")
    run_flows()
    assert order.holds.filter(type="fraud", released_at=None).count() == 1

    release_holds([order.pk], actor="test", type="manual")
    run_flows()
    raise_event(order, "order.delivered")
    run_flows()

    assert StepRun.objects.get(run__flow__key="two").state == "failed"
    release_holds([order.pk], actor="test", type="fraud")
    run_flows()
    assert order.holds.count() == 2
    assert FlowRun.objects.get(flow__key="one").state == "done"


def test_lines_that_wait_for_each_other_before_a_step_with_a_filter_are_no_error(
    publish, make_orders, run_flows
):
    publish(
        [wait("w", "order_line.rejected", "order_line"), action("once", filters=["everyone"])],
        policies=[EVERYONE],
    )
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    for line in order.lines.all():
        record([Raised("order_line.rejected", "order_line", line.pk, order.pk)], actor="test")
        run_flows()
        assert set(FlowRun.objects.values_list("attempts", flat=True)) == {0}

    assert steps_done(order).count("once") == 1
