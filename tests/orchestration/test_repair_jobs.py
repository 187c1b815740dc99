"""Repairs in bulk: what a filter matches, chunk by chunk, a result for every row, nothing twice after a kill."""

from datetime import timedelta

import pytest
from django.utils import timezone

from insights.exceptions import KINDS, groups_of
from orchestration.models import FlowRun, RepairJob, RepairRow, StepRun
from orchestration.services import publishing, repair, repair_jobs
from orchestration.services.repair_jobs import NotRepairable, Preview, preview, start, stop, work
from orchestration.services.repair_targets import UnknownFilter
from orders.models import Order, OrderNote
from orders.services.holds import hold_orders

US_ONLY = {
    "key": "us-only", "name": "US only", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all",
    "otherwise": "pass",
    "rules": [{"name": "Country is US", "condition": {"field": "ship_to_country", "op": "equals", "value": "US"}, "actions": []}],
}  # fmt: skip
STEPS = [
    {"kind": "action", "key": "first", "name": "First", "action": "custom"},
    {
        "kind": "action", "key": "check", "name": "Check", "action": "validate_order_header", "policies": ["us-only"],
    },
    {"kind": "action", "key": "last", "name": "Last", "action": "custom"},
]  # fmt: skip


@pytest.fixture
def stopped(publish, make_orders, run_flows, monkeypatch):
    """Five runs that stopped at the same step; chunks of two, so that a job takes several."""
    monkeypatch.setattr(repair_jobs, "CHUNK", 2)
    publish(STEPS, policies=[US_ONLY])
    make_orders(5, country="CA")
    run_flows()
    return list(StepRun.objects.filter(state="failed").order_by("pk"))


def counts(job):
    job = RepairJob.objects.get(pk=job.pk)
    return job.state, job.total, job.changed, job.refused, job.unchanged


def test_everything_that_matched_is_tried_again_once(stopped, run_flows):
    Order.objects.update(ship_to_country="US")

    assert preview("retry", {"code": "policy_failed"}).changed == 2
    job = start("retry", {"code": "policy_failed"}, actor="user:ann", title="Check")
    assert work() == 5
    assert work() == 0
    run_flows()

    assert counts(job) == ("done", 5, 5, 0, 0)
    assert list(RepairRow.objects.order_by("pk").values_list("record_id", "order_id", "changed")) == [
        (token.pk, token.run.order_id, True) for token in stopped
    ]
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}


def test_a_preview_changes_nothing(stopped):
    assert preview("skip", {"code": "policy_failed"}) == Preview(total=5, tried=2, changed=2, refused={})
    assert preview("fail", {"ids": [stopped[0].pk]}) == Preview(
        total=1,
        tried=1,
        changed=0,
        refused={"The step has no way on after a failure; skip it or cancel the run.": 1},
    )
    assert not OrderNote.objects.exists()
    assert StepRun.objects.filter(state="failed").count() == 5


def test_a_row_that_was_helped_meanwhile_is_left_alone(stopped):
    job = start("skip", {"step": "check"}, actor="user:ann", reason="known")
    repair.retry([stopped[1].pk], actor="user:bob")

    work()

    assert counts(job) == ("done", 5, 4, 0, 0)
    assert not RepairRow.objects.filter(record_id=stopped[1].pk).exists()


def test_orders_that_came_while_no_flow_was_published_are_listed_and_begun(
    publish, make_orders, run_flows, django_assert_num_queries
):
    """They are not held and nothing failed: without a list of their own nobody would ever hear of them."""
    version = publish(STEPS, policies=[US_ONLY], events=("order.new", "order.orchestrate"))
    publishing.stop(version.flow_id, actor="test")
    early, late, held, fresh = make_orders(4)
    Order.objects.exclude(pk=fresh.pk).update(received_at=timezone.now() - timedelta(minutes=5))
    hold_orders([held.pk], type="manual", reason="wait", actor="test")
    kind = next(kind for kind in KINDS if kind.key == "unstarted")

    with django_assert_num_queries(2):
        (group,) = groups_of(kind)
    assert (group.title, group.count) == (f"{early.channel.name}: no flow has begun", 2)
    assert group.values == [("USD", early.total_minor + late.total_minor)]
    assert [sample[0] for sample in group.samples] == [late.number, early.number]

    in_vain = start("begin", group.filter, actor="user:ann")
    work()
    assert counts(in_vain) == ("done", 2, 0, 2, 0)
    assert set(RepairRow.objects.values_list("sentence", flat=True)) == {repair_jobs.NOBODY_TAKES}

    publishing.publish(version.flow_id, actor="test")
    job = start("begin", group.filter, actor="user:ann")
    work()
    run_flows()
    assert counts(job) == ("done", 2, 2, 0, 0)
    assert set(FlowRun.objects.values_list("order_id", "state")) == {(early.pk, "done"), (late.pk, "done")}
    assert not groups_of(kind)


def test_refusals_are_kept_with_their_sentences(stopped):
    job = start("reprocess", {"step": "check"}, step="last", actor="user:ann")

    work()

    assert counts(job) == ("done", 5, 0, 5, 0)
    assert set(RepairRow.objects.values_list("changed", "sentence")) == {
        (False, "“Last” is not before “Check” on its path.")
    }


def test_a_stopped_job_leaves_the_rest_undone(stopped):
    job = start("skip", {"step": "check"}, actor="user:ann", reason="known")
    repair_jobs._chunk()

    assert stop(job.pk) is True
    assert stop(job.pk) is False
    assert work() == 0

    assert counts(job) == ("stopped", 5, 2, 0, 0)
    assert StepRun.objects.filter(state="failed").count() == 3


def test_a_killed_chunk_is_done_again_from_its_beginning_and_nothing_twice(stopped, monkeypatch):
    job = start("skip", {"step": "check"}, actor="user:ann", reason="known")
    keep = repair_jobs._keep

    def killed(*args):
        keep(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(repair_jobs, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert counts(job) == ("running", 5, 0, 0, 0)
    assert StepRun.objects.filter(state="failed").count() == 5

    monkeypatch.setattr(repair_jobs, "_keep", keep)
    work()
    assert counts(job) == ("done", 5, 5, 0, 0)
    assert OrderNote.objects.count() == 5


def test_one_poisoned_row_is_refused_alone(stopped, monkeypatch):
    poisoned, enter = stopped[2].run_id, repair.route.enter

    def entering(wave, token, *args, **more):
        if token.run_id == poisoned:
            raise ZeroDivisionError("bad row")
        enter(wave, token, *args, **more)

    monkeypatch.setattr(repair.route, "enter", entering)
    job = start("skip", {"step": "check"}, actor="user:ann", reason="known")
    work()

    assert counts(job) == ("done", 5, 4, 1, 0)
    assert RepairRow.objects.get(changed=False).sentence == "ZeroDivisionError: bad row"


def test_a_job_needs_rows_a_reason_and_a_filter_that_is_known(stopped):
    with pytest.raises(NotRepairable, match="Say why"):
        start("skip", {"step": "check"}, actor="user:ann")
    with pytest.raises(NotRepairable, match="Nothing matches"):
        start("retry", {"step": "nowhere"}, actor="user:ann")
    with pytest.raises(UnknownFilter):
        start("retry", {"run__order__customer__email": "x"}, actor="user:ann")
    assert not RepairJob.objects.exists()
