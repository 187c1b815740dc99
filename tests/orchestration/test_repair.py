"""What a person does to a path that stopped: it goes on as if it had never stopped, once, and no effect comes twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.services.repair import cancel_runs, complete, reprocess, retry, skip
from orchestration.services.repair_move import move_to_newest, preview_move
from orders.models import BusinessEvent, Order, OrderNote
from orders.types import Outcome
from providers.models import ProviderConnection, ProviderRequest
from providers.services import outbox

US_ONLY = {
    "key": "us-only", "name": "US only", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all",
    "otherwise": "pass",
    "rules": [{"name": "Country is US", "condition": {"field": "ship_to_country", "op": "equals", "value": "US"}, "actions": []}],
}  # fmt: skip
NOW_MOVED = "It has moved on already; nothing was changed."


def step(key, action="custom", **more):
    return {"kind": "action", "key": key, "name": key.title(), "action": action, **more}


CHECKED = [step("first"), step("check", "validate_order_header", policies=["us-only"]), step("last")]


@pytest.fixture
def stopped(publish, make_orders, run_flows):
    """A run that stopped at its second of three steps because the order goes to Canada."""
    publish(CHECKED, policies=[US_ONLY])
    make_orders(country="CA")
    run_flows()
    return StepRun.objects.get(state="failed")


def path(order_id):
    return list(
        StepResult.objects.filter(order=order_id).order_by("pk").values_list("step", "result", "code")
    )


def notes():
    return list(OrderNote.objects.order_by("pk").values_list("text", "author"))


def test_a_step_is_tried_again_once_what_was_wrong_is_mended(stopped, run_flows):
    order = stopped.run.order_id
    Order.objects.filter(pk=order).update(ship_to_country="US")

    assert retry([stopped.pk], actor="user:ann", reason="address mended") == Outcome(changed=[stopped.pk])
    assert retry([stopped.pk], actor="user:ann") == Outcome()
    run_flows()

    assert path(order) == [
        ("first", "success", ""),
        ("check", "failure", "policy_failed"),
        ("check", "requested", "by_hand"),
        ("check", "success", ""),
        ("last", "success", ""),
    ]
    assert FlowRun.objects.get().state == "done"
    told = StepResult.objects.get(code="by_hand").detail
    assert told == {
        "did": "Retried",
        "by": "user:ann",
        "why": "address mended",
        "error": "US only: Country is US",
    }
    assert notes() == [("Retried: Check – address mended", "user:ann")]
    assert retry([stopped.pk], actor="user:ann") == Outcome(refused={stopped.pk: NOW_MOVED})


def test_a_retry_that_fails_again_stops_at_the_same_place(stopped, run_flows):
    retry([stopped.pk], actor="user:ann")
    assert FlowRun.objects.get().state == "active"
    run_flows()

    assert FlowRun.objects.get().state == "attention"
    assert StepRun.objects.values_list("pk", "step", "state").get() == (stopped.pk, "check", "failed")


def test_a_skipped_step_is_left_out_and_a_late_click_skips_nothing_else(stopped, run_flows):
    assert skip({stopped.pk: "check"}, actor="user:ann", reason="known") == Outcome(changed=[stopped.pk])
    assert skip({stopped.pk: "check"}, actor="user:ann", reason="known") == Outcome(
        refused={stopped.pk: NOW_MOVED}
    )
    run_flows()

    assert path(stopped.run.order_id)[2:] == [("check", "skipped", "by_hand"), ("last", "success", "")]
    assert not BusinessEvent.objects.filter(kind="order.validated").exists()
    assert FlowRun.objects.get().state == "done"


def test_a_step_completed_by_hand_raises_the_events_of_the_step(stopped, run_flows):
    done = complete({stopped.pk: "check"}, outcome="success", actor="user:ann", reason="asked by phone")
    assert done == Outcome(changed=[stopped.pk])
    run_flows()

    assert path(stopped.run.order_id)[2:] == [("check", "success", "by_hand"), ("last", "success", "")]
    event = BusinessEvent.objects.get(kind="order.validated")
    assert event.actor == "user:ann"


def test_a_failure_by_hand_takes_the_failure_road_and_needs_one(publish, make_orders, run_flows):
    roads = {"kind": "condition", "key": "c", "name": "C", "yes": [step("good")], "no": [step("bad")]}
    publish([step("wait", "wait", input_events=["order.released"]), roads], key="road")
    publish([step("wait", "wait", input_events=["order.released"])], key="none")
    (order,) = make_orders()
    run_flows()
    tokens = {t.run.flow.key: t for t in StepRun.objects.select_related("run__flow")}

    done = complete(
        {t.pk: "wait" for t in tokens.values()}, outcome="failure", actor="user:ann", reason="lost"
    )
    run_flows()

    assert done == Outcome(
        changed=[tokens["road"].pk],
        refused={tokens["none"].pk: "The step has no way on after a failure; skip it or cancel the run."},
    )
    assert ("bad", "success", "") in path(order.pk)
    assert list(StepRun.objects.values_list("pk", "state")) == [(tokens["none"].pk, "waiting")]


def test_a_run_goes_back_to_an_earlier_step_of_its_path(stopped, run_flows):
    order, run = stopped.run.order_id, stopped.run_id
    Order.objects.filter(pk=order).update(ship_to_country="US")

    assert reprocess([run], step="last", actor="user:ann").refused == {
        run: "“Last” is not before “Check” on its path."
    }
    assert reprocess([run], step="gone", actor="user:ann").refused == {
        run: "This version of the flow has no step “gone”."
    }
    assert reprocess([run], step="first", actor="user:ann", reason="again") == Outcome(changed=[run])
    assert reprocess([run], step="first", actor="user:ann").refused == {run: "Nothing has stopped here."}
    run_flows()

    assert path(order)[2:] == [
        ("first", "requested", "by_hand"),
        ("first", "success", ""),
        ("check", "success", ""),
        ("last", "success", ""),
    ]
    assert reprocess([run], step="first", actor="user:ann").refused == {run: "The run has ended."}


def test_a_canceled_run_ends_where_it_stands_and_its_order_stays(stopped, run_flows):
    run, order = stopped.run_id, stopped.run.order

    assert cancel_runs([run], actor="user:ann", reason="by phone") == Outcome(changed=[run])
    assert cancel_runs([run], actor="user:ann", reason="by phone") == Outcome()
    run_flows()

    ended = FlowRun.objects.get()
    assert (ended.state, ended.due_at, ended.finished_at is None) == ("canceled", None, False)
    assert not StepRun.objects.exists()
    assert Order.objects.get(pk=order.pk).state == order.state
    assert notes() == [("Canceled the run at: Check – by phone", "user:ann")]


def test_a_run_moves_to_the_newest_version_where_its_step_lives_on(stopped, publish, run_flows):
    run = stopped.run_id
    assert preview_move([run]) == []
    newest = publish([step("first"), step("check", "validate_order_header"), step("extra")])

    (standing,) = preview_move([run])
    assert (standing.step, standing.from_version, standing.to_version, standing.problem) == (
        "check",
        1,
        2,
        "",
    )
    assert FlowRun.objects.get().version_id != newest.pk
    assert move_to_newest([run], actor="user:ann") == Outcome(changed=[run])
    assert move_to_newest([run], actor="user:ann") == Outcome()
    run_flows()
    assert StepRun.objects.get().state == "failed"
    retry([stopped.pk], actor="user:ann")
    run_flows()

    assert FlowRun.objects.values_list("version", "state").get() == (newest.pk, "done")
    assert path(stopped.run.order_id)[-1] == ("extra", "success", "")


@pytest.mark.parametrize(
    "steps, sentence",
    [
        ([step("first"), step("last")], "“Check” is not part of version 2."),
        ([step("check")], "“Check” does something else in version 2."),
        (
            [{"kind": "splitter_merge", "key": "s", "name": "S", "level": "order", "branches": [
                {"key": "all", "name": "All", "otherwise": True, "filters": [], "steps": [step("check", "validate_order_header")]}]}],
            "“Check” stands in another branch in version 2.",
        ),
    ],
)  # fmt: skip
def test_a_run_whose_step_is_gone_stays_on_its_version(stopped, publish, steps, sentence):
    before = stopped.run.version_id
    publish(steps)

    assert [row.problem for row in preview_move([stopped.run_id])] == [sentence]
    assert move_to_newest([stopped.run_id], actor="user:ann") == Outcome(refused={stopped.run_id: sentence})
    assert FlowRun.objects.get().version_id == before
    assert notes() == []


def test_one_path_and_two_hundred_cost_the_same_queries(publish, make_orders, run_flows):
    publish(CHECKED, policies=[US_ONLY])
    acts = {
        "retry": lambda ids: retry(ids, actor="a"),
        "skip": lambda ids: skip(dict.fromkeys(ids, "check"), actor="a", reason="r"),
        "complete": lambda ids: complete(
            dict.fromkeys(ids, "check"), outcome="success", actor="a", reason="r"
        ),
    }
    for name, act in acts.items():
        counts = []
        for size in (1, 1, 200):
            StepRun.objects.all().delete()
            make_orders(size, country="CA")
            run_flows()
            ids = list(StepRun.objects.filter(state="failed").values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as queries:
                assert len(act(ids).changed) == size
            counts.append(len(queries))
        assert counts[1] == counts[2], (name, counts)


# -- receipts -------------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(publish, make_orders, run_flows, world):
    """A run whose invoice the provider refused: (token, receipt)."""
    ProviderConnection.objects.create(key="billing", name="Billing", provider="billing", status="active")
    publish(
        [
            step("source", "send_to_dom"),
            step("invoice", "send_to_invoice", provider_action="billing.invoice"),
            step("end"),
        ]
    )
    make_orders(lines=[("A", 1)])
    run_flows()
    receipt = ProviderRequest.objects.get()
    ProviderRequest.objects.filter(pk=receipt.pk).update(
        state="failed", due_at=None, error_code="tax_id", error="No tax id.", attempts=1
    )
    FlowRun.objects.update(due_at="2020-01-01T00:00Z")
    run_flows()
    return StepRun.objects.get(), receipt


def test_a_refused_request_is_sent_again_under_its_own_key_and_done_once(refused, run_flows):
    token, receipt = refused
    assert (token.state, token.error) == ("failed", "No tax id.")

    assert retry([token.pk], actor="user:ann") == Outcome(changed=[token.pk])
    run_flows()

    again = ProviderRequest.objects.get()
    assert (again.pk, again.key, again.state) == (receipt.pk, receipt.key, "unknown")
    assert again.due_at is not None
    assert StepRun.objects.get().state == "waiting"
    assert skip({token.pk: "invoice"}, actor="user:ann", reason="r").refused == {
        token.pk: "A provider was asked and its answer is still out; decide that request first."
    }
    ProviderRequest.objects.update(due_at=None)
    outbox.answer(receipt.pk, "failed", actor="user:ann")
    FlowRun.objects.update(due_at="2020-01-01T00:00Z")
    run_flows()
    assert StepRun.objects.get().state == "failed"


def test_what_a_provider_has_done_is_found_again_and_never_sent_twice(refused, run_flows):
    token, receipt = refused
    ProviderRequest.objects.update(state="done", error="", error_code="")

    retry([token.pk], actor="user:ann")
    run_flows()

    assert FlowRun.objects.get().state == "done"
    assert ProviderRequest.objects.values_list("pk", "state", "attempts").get() == (receipt.pk, "done", 1)


def test_an_unknown_outcome_is_never_taken_for_failed(refused, run_flows):
    token, receipt = refused
    ProviderRequest.objects.update(state="unknown", due_at=None)

    for outcome in ("success", "failure"):
        done = complete({token.pk: "invoice"}, outcome=outcome, actor="user:ann", reason="r")
        assert done.changed == []
    retry([token.pk], actor="user:ann")
    run_flows()

    assert ProviderRequest.objects.values_list("pk", "state").get() == (receipt.pk, "unknown")
    assert StepRun.objects.get().state == "waiting"
