"""What waits longer than expected: found by the same condition everywhere, and looked at again or moved on by a person."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from orchestration.models import FlowRun, RepairRow, StepRun
from orchestration.services import repair_jobs
from orchestration.services.repair import wake
from orchestration.services.repair_targets import UnknownFilter, rows_of
from orders.models import BusinessEvent, OrderNote


def step(key, action="custom", **more):
    return {"kind": "action", "key": key, "name": key.title(), "action": action, **more}


@pytest.fixture(autouse=True)
def fresh_cache():
    cache.clear()


@pytest.fixture
def waiting(publish, make_orders, run_flows):
    """Three runs that wait for an event, two of them since yesterday."""
    publish([step("ask", "wait", input_events=["order.changed"]), step("after")])
    make_orders(3)
    run_flows()
    tokens = list(StepRun.objects.order_by("pk"))
    yesterday = timezone.now() - timedelta(days=1)
    StepRun.objects.filter(pk__in=[token.pk for token in tokens[:2]]).update(entered_at=yesterday)
    return tokens


def slip_in(token):
    """The event is there, but nobody was told."""
    BusinessEvent.objects.create(
        kind="order.changed", entity="order", record_id=token.run.order_id, order=token.run.order, at=timezone.now()
    )  # fmt: skip


def test_what_came_unheard_is_seen(waiting, run_flows):
    slip_in(waiting[0])
    assert run_flows() == 0

    outcome = wake([token.pk for token in waiting[:2]], actor="user:ann", reason="Long enough")
    run_flows()

    assert outcome.changed == [token.pk for token in waiting[:2]]
    states = dict(FlowRun.objects.values_list("pk", "state"))
    assert [states[token.run_id] for token in waiting] == ["done", "waiting", "waiting"]
    assert set(OrderNote.objects.values_list("text", "author")) == {
        ("Looked again: Ask – Long enough", "user:ann")
    }


def test_a_filter_means_the_overdue_only_whatever_is_done_with_them(waiting):
    wanted = {"step": "ask", "waiting": "order.changed", "overdue": True}

    assert sorted(rows_of("token", wanted).values_list("pk", flat=True)) == [t.pk for t in waiting[:2]]
    assert sorted(rows_of("run", wanted).values_list("pk", flat=True)) == [t.run_id for t in waiting[:2]]
    assert not rows_of("token", {**wanted, "waiting": "something else"}).exists()
    with pytest.raises(UnknownFilter):
        rows_of("hold", {"overdue": True})


@pytest.mark.parametrize("action", ["wake", "skip", "succeed", "cancel"])
def test_a_job_moves_the_overdue_and_nobody_else(waiting, run_flows, action):
    wanted = {"step": "ask", "waiting": "order.changed", "overdue": True}
    assert repair_jobs.preview(action, wanted).changed == 2
    job = repair_jobs.start(action, wanted, actor="user:ann", reason="It took too long")

    repair_jobs.work()
    run_flows()

    assert RepairRow.objects.filter(job=job, changed=True).count() == 2
    ended = {"wake": "waiting", "cancel": "canceled"}.get(action, "done")
    states = dict(FlowRun.objects.values_list("pk", "state"))
    assert [states[token.run_id] for token in waiting] == [ended, ended, "waiting"]


def test_what_stopped_or_moved_on_says_so(waiting):
    StepRun.objects.filter(pk=waiting[0].pk).update(state="failed")

    outcome = wake([waiting[0].pk, 10**9], actor="user:ann")

    assert outcome.changed == []
    assert outcome.refused == {
        waiting[0].pk: "It has stopped; retry it.",
        10**9: "It has moved on already; nothing was changed.",
    }
