"""One step paused: runs wait there and are counted, the rest goes on, and resuming lets each through once."""

from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone
from flow_words import action, path, raise_event, steps_done, wait

from fulfillment.services.cancellation import cancel_orders
from orchestration.engine.claim import is_any_due
from orchestration.engine.recovery import recover
from orchestration.engine.sweep import sweep
from orchestration.errors import WrongFlowStatus
from orchestration.models import Flow, FlowRun, StepResult, StepRun
from orchestration.services import invariants
from orchestration.services.pausing import pause_step, paused_steps, resume_step
from orchestration.services.repair import skip


def standing():
    return sorted(StepRun.objects.values_list("step", "state"))


def test_runs_wait_at_a_paused_step_are_counted_and_go_on_when_it_is_resumed(publish, make_orders, run_flows):
    version = publish([action("a"), action("b"), action("c")])
    flow = version.flow
    pause_step(flow.pk, "b", actor="user:ann", reason="the ERP is down")
    pause_step(flow.pk, "b", actor="user:bob")
    orders = make_orders(3)
    run_flows()

    assert standing() == [("b", "paused")] * 3
    assert StepRun.objects.first().waiting_for == "the step to be resumed"
    assert set(FlowRun.objects.values_list("state", "due_at")) == {("waiting", None)}
    flow.refresh_from_db()
    (told,) = paused_steps(flow)
    assert (told.step, told.by, told.reason, told.runs, told.stopped) == (
        "b", "user:ann", "the ERP is down", 3, 3,
    )  # fmt: skip
    assert recover() == 0
    assert not is_any_due()
    assert not list(invariants._stuck_runs())

    assert resume_step(flow.pk, "b", actor="user:ann") == 3
    assert resume_step(flow.pk, "b", actor="user:ann") == 0
    run_flows()

    assert [steps_done(order) for order in orders] == [["a", "b", "c"]] * 3
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}


def test_a_path_that_waits_for_an_event_there_takes_it_when_the_step_is_resumed(
    publish, make_orders, run_flows
):
    version = publish([wait("w", "order.changed"), action("after")])
    (order,) = make_orders()
    run_flows()
    pause_step(version.flow_id, "w", actor="test")
    raise_event(order, "order.changed")
    run_flows()
    assert standing() == [("w", "waiting")]
    (told,) = paused_steps(Flow.objects.get())
    assert (told.runs, told.stopped) == (1, 0)

    resume_step(version.flow_id, "w", actor="test")
    run_flows()

    assert path(order) == [("w", "requested"), ("w", "success"), ("after", "success")]


def test_a_deadline_or_a_next_attempt_at_a_paused_step_wakes_nobody_over_and_over(
    publish, make_orders, run_flows
):
    version = publish([wait("w", "order.changed", deadline={"minutes": 5})])
    make_orders()
    run_flows()
    pause_step(version.flow_id, "w", actor="test")
    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    sweep()
    run_flows()

    assert standing() == [("w", "waiting")]
    assert StepRun.objects.get().deadline_at > timezone.now()
    assert sweep() == 0


def test_lines_meet_at_a_paused_step_of_the_order_and_pass_it_once(publish, make_orders, run_flows):
    version = publish([wait("w", "order_line.rejected", "order_line"), action("once"), action("end")])
    (order,) = make_orders(lines=[("A", 1), ("B", 1)])
    run_flows()
    pause_step(version.flow_id, "once", actor="test")
    from orders.services.events import record
    from orders.types import Raised

    for line in order.lines.all():
        record([Raised("order_line.rejected", "order_line", line.pk, order.pk)], actor="test")
        run_flows()
    assert {state for _, state in standing()} == {"paused"}

    resume_step(version.flow_id, "once", actor="test")
    run_flows()

    assert steps_done(order) == ["w", "w", "once", "end"]


def test_a_pause_holds_for_every_version_and_may_end_a_run_or_be_skipped(publish, make_orders, run_flows):
    version = publish([action("a"), action("b"), action("c")])
    pause_step(version.flow_id, "b", actor="test")
    first, second = make_orders(2)
    run_flows()
    publish([action("b"), action("d")])
    (third,) = make_orders()
    run_flows()
    assert standing() == [("b", "paused")] * 3

    cancel_orders([first.pk], actor="test", reason="not wanted")
    token = StepRun.objects.get(run__order=second)
    skip({token.pk: "b"}, actor="user:ann", reason="known")
    run_flows()
    assert dict(FlowRun.objects.values_list("order", "state")) == {
        first.pk: "canceled", second.pk: "done", third.pk: "waiting",
    }  # fmt: skip

    resume_step(version.flow_id, "b", actor="test")
    run_flows()
    assert steps_done(third) == ["b", "d"]


def test_only_a_step_that_orders_can_stand_at_is_paused(publish):
    version = publish([action("a")])

    with pytest.raises(WrongFlowStatus, match="no published step “zzz”"):
        pause_step(version.flow_id, "zzz", actor="test")

    assert Flow.objects.get().paused_steps == {}


def test_runs_that_a_killed_resumer_did_not_wake_are_found(publish, make_orders, run_flows):
    version = publish([action("a"), action("b")])
    pause_step(version.flow_id, "b", actor="test")
    (order,) = make_orders()
    run_flows()
    Flow.objects.update(paused_steps={})

    assert recover() == 1
    run_flows()

    assert steps_done(order) == ["a", "b"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_paused_and_resumed_among_four_workers_nothing_is_lost_or_doubled(publish, make_orders, workers):
    version = publish([action("a"), action("b", parameters={"raise_event": "order.changed"}), action("c")])
    orders = make_orders(200)
    over = Event()

    def toggle():
        while not over.is_set():
            pause_step(version.flow_id, "b", actor="test")
            resume_step(version.flow_id, "b", actor="test")

    workers(4, besides=toggle, over=over, batch=7)
    resume_step(version.flow_id, "b", actor="test")
    workers(4)

    assert not FlowRun.objects.exclude(state="done").exists()
    done = StepResult.objects.values_list("order", "step")
    assert sorted(done) == sorted((order.pk, step) for order in orders for step in "abc")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_resumes_meets_the_paths_of_a_batch_that_is_still_at_work(
    publish, make_orders, workers, monkeypatch
):
    """The control: a batch that looked at the pause without holding on to it leaves its path behind."""
    from threading import Thread

    from django.db import connections

    from orchestration.engine import pausing, wave

    version = publish([action("a"), action("b")])
    parked, resumed = Event(), Event()
    flush = wave.Wave.flush

    def slow(self):
        parked.set()
        resumed.wait(0.5)  # the resumer would be through by now, were it not for the lock
        flush(self)

    def resume():
        parked.wait(10)
        resume_step(version.flow_id, "b", actor="test")
        resumed.set()
        connections.close_all()

    def once():
        pause_step(version.flow_id, "b", actor="test")
        make_orders(1)
        parked.clear()
        resumed.clear()
        with monkeypatch.context() as patched:
            patched.setattr(wave.Wave, "flush", slow)
            thread = Thread(target=resume)
            thread.start()
            workers(1)
            thread.join()
        workers(1)
        return FlowRun.objects.latest("pk").state

    assert once() == "done"
    monkeypatch.setattr(
        pausing,
        "_paused_now",
        lambda ids: dict(Flow.objects.filter(pk__in=ids).values_list("pk", "paused_steps")),
    )
    assert once() == "waiting"
