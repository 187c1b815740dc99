"""A step that failed is tried again as its settings say; only the last attempt's failure is one."""

from datetime import timedelta

import pytest
from django.utils import timezone
from flow_words import action, path, rule, steps_done

from orchestration.actions.base import ACTIONS, OK, Action, failed, unavailable
from orchestration.engine.claim import is_any_due
from orchestration.engine.sweep import sweep
from orchestration.errors import NotPublishable
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.services.repair import retry
from orders.models import BusinessEvent, Order

AGAIN = {"attempts": 3, "seconds": 60, "growth": "doubling", "failures": ["unavailable", "rejected"]}


@pytest.fixture
def moody(monkeypatch):
    """An action on lines that answers each line from `script`, then OK."""

    class Moody(Action):
        key, label, level = "moody", "Moody", "order_line"
        success, failure = "order_line.validated", "order_line.validation_failed"
        all_success, any_failure = "order.lines_validated", "order.lines_validation_failed"

        def run(self, batch):
            self.asked += 1
            return {r.pk: self.script[r.sku].pop(0) for _, r in batch.records() if self.script.get(r.sku)}

    made = Moody()
    made.asked, made.script = 0, {}
    monkeypatch.setitem(ACTIONS, "moody", made)
    return made


@pytest.fixture
def later(run_flows):
    """The next attempt's time comes."""

    def later():
        past = timezone.now() - timedelta(seconds=5)
        StepRun.objects.filter(retry_at__isnull=False).update(retry_at=past)
        FlowRun.objects.filter(due_at__isnull=False).update(due_at=past)
        run_flows()

    return later


def raised(kind):
    return BusinessEvent.objects.filter(kind=kind).count()


def test_a_failure_is_tried_again_after_its_wait_and_then_the_path_goes_on(
    publish, make_orders, run_flows, moody, later
):
    moody.script = {"A": [failed("odd", "Odd."), OK]}
    publish([action("m", "moody", retry=AGAIN), action("after")])
    (order,) = make_orders(lines=[("A", 1)])
    before = timezone.now()
    run_flows()

    token, run = StepRun.objects.get(), FlowRun.objects.get()
    assert (token.state, token.attempts, token.error_code, token.waiting_for) == (
        "waiting", 1, "odd", "attempt 2 of 3",
    )  # fmt: skip
    assert timedelta(seconds=59) < token.retry_at - before < timedelta(seconds=75)
    assert run.due_at == token.retry_at
    assert not is_any_due()
    assert raised("order.lines_validation_failed") == raised("order_line.validation_failed") == 0

    later()

    assert path(order) == [("m", "requested"), ("m", "success"), ("after", "success")]
    told = StepResult.objects.filter(step="m").earliest("pk")
    assert told.code == "odd"
    assert (told.detail["attempt"], told.detail["attempts"]) == (1, 3)
    assert told.detail["records"] == {str(order.lines.get().pk): {"code": "odd", "sentence": "Odd."}}
    assert FlowRun.objects.get().state == "done"
    assert raised("order.lines_validated") == 1


def test_the_last_attempt_fails_as_any_step_does_and_once(publish, make_orders, run_flows, moody, later):
    moody.script = {"A": [failed("odd", "Odd.")] * 9}
    publish([action("m", "moody", retry=AGAIN)])
    (order,) = make_orders(lines=[("A", 1)])
    run_flows()
    waits = []
    for _ in range(2):
        token = StepRun.objects.get()
        waits.append(round((token.retry_at - timezone.now()).total_seconds(), -1))
        later()

    assert waits == [60, 120]
    assert moody.asked == 3
    assert raised("order.lines_validation_failed") == raised("order_line.validation_failed") == 1
    assert StepRun.objects.values_list("state", "error_code").get() == ("failed", "odd")
    assert StepResult.objects.get(result="failure").detail["attempts"] == 3
    assert FlowRun.objects.values_list("state", "due_at").get() == ("attention", None)

    moody.script = {}
    retry([StepRun.objects.get().pk], actor="user:ann")
    run_flows()
    assert FlowRun.objects.get().state == "done"
    assert order.pk


def test_only_the_failures_that_are_named_are_tried_again(publish, make_orders, run_flows, moody):
    moody.script = {"A": [failed("odd", "Odd.")], "B": [unavailable("Nobody answers.")]}
    publish([action("m", "moody", retry={**AGAIN, "failures": ["unavailable"]})])
    make_orders(lines=[("A", 1), ("B", 1)])

    run_flows()

    found = StepRun.objects.order_by("error_code").values_list("state", "error_code", "attempts")
    assert list(found) == [("failed", "odd", 0), ("waiting", "unavailable", 1)]
    run = FlowRun.objects.get()
    assert (run.state, run.due_at) == ("attention", StepRun.objects.get(state="waiting").retry_at)


def test_lines_that_passed_do_not_wait_and_the_header_event_comes_once(
    publish, make_orders, run_flows, moody, later
):
    moody.script = {"B": [unavailable("Nobody answers.")]}
    line = {"parameters": {"level": "order_line"}}
    publish([action("m", "moody", retry=AGAIN), action("line", **line), action("join")])
    (order,) = make_orders(lines=[("A", 1), ("B", 1), ("A", 2)])
    run_flows()
    assert StepResult.objects.get(step="line").detail == {"n": 2}
    assert "join" not in steps_done(order)

    later()

    assert steps_done(order) == ["m", "line", "m", "line", "join"]
    assert FlowRun.objects.get().state == "done"


def test_an_event_that_wakes_the_run_does_not_bring_the_attempt_forward(
    publish, make_orders, run_flows, moody
):
    moody.script = {"A": [failed("odd", "Odd.")]}
    publish([action("m", "moody", retry=AGAIN)])
    make_orders(lines=[("A", 1)])
    run_flows()
    at = StepRun.objects.get().retry_at

    FlowRun.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    run_flows()

    assert moody.asked == 1
    assert FlowRun.objects.get().due_at == StepRun.objects.get().retry_at == at


def test_what_a_policy_refused_is_judged_again(publish, make_orders, run_flows, later):
    publish(
        [action("c", "validate_order_header", policies=["us"], retry=AGAIN), action("after")],
        policies=[rule("us", "ship_to_country", "equals", "US")],
    )
    (order,) = make_orders(country="CA")
    run_flows()
    assert StepRun.objects.get().error_code == "policy_failed"
    Order.objects.update(ship_to_country="US")

    later()

    assert steps_done(order) == ["c", "after"]
    assert raised("order.validation_failed") == 0


def test_a_deadline_ends_the_attempts_and_its_event_comes_once(publish, make_orders, run_flows, moody, later):
    moody.script = {"A": [failed("odd", "Odd.")] * 9}
    late = {"minutes": 5, "event": "order.changed"}
    publish([action("m", "moody", retry=AGAIN, deadline=late, on_failure={"go_to": "end"}), action("end")])
    (order,) = make_orders(lines=[("A", 1)])
    run_flows()
    assert StepRun.objects.get().deadline_at

    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert sweep() == 0, "the run has its own time already"
    later()

    assert moody.asked == 2
    assert raised("order.changed") == 1
    assert path(order) == [("m", "requested"), ("m", "failure"), ("end", "success")]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"attempts": 1}, "attempts"),
        ({"attempts": "3"}, "attempts"),
        ({"attempts": True}, "attempts"),
        ({"seconds": 0}, "seconds"),
        ({"growth": "fast"}, "grows"),
        ({"failures": []}, "failures"),
        ({"failures": ["all"]}, "failures"),
        ({"colour": 1}, "colour"),
    ],
)
def test_settings_that_make_no_sense_cannot_be_published(publish, wrong, word):
    from orchestration.models import Flow
    from orchestration.services import publishing

    version = publish([action("m", retry=AGAIN)])
    draft = version.definition
    draft["steps"][0]["retry"] = {**AGAIN, **wrong}
    Flow.objects.update(draft=draft)

    with pytest.raises(NotPublishable) as refused:
        publishing.publish(version.flow_id, actor="test")

    assert [where for where, sentence in refused.value.problems if word in sentence] == ["m"]


# -- providers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(publish, make_orders, run_flows, world):
    """An order whose line stands at a 3PL's step; `asked(retry)` returns the request."""
    from providers.models import ProviderConnection, ProviderRequest

    def ask(retry):
        ProviderConnection.objects.create(
            key="3pl", name="3PL", provider="threepl", status="active",
            parameters={"base_url": "http://127.0.0.1:9"},
        )  # fmt: skip
        send = action("send", "send_to_fulfillment", provider_action="threepl.send", retry=retry)
        publish([action("source", "send_to_dom"), action("reserve", "soft_reserve"), send, action("end")])
        make_orders(lines=[("A", 1)])
        run_flows()
        return ProviderRequest.objects.get()

    return ask


def answered(request, result):
    """What the border writes down when a call has come back with this."""
    from providers.services.claims import claim
    from providers.services.delivery import Called
    from providers.services.results import write_down

    type(request).objects.filter(pk=request.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    (claimed,) = claim(request.connection)
    write_down([Called(claimed, {request.key: result}, 0.1)])
    request.refresh_from_db()
    return request


def test_what_a_provider_refused_is_sent_again_under_its_own_key(asked, later, run_flows):
    from providers.errors import ProviderRejected

    request = asked({**AGAIN, "failures": ["rejected"]})
    key = request.key
    assert request.retry is None

    answered(request, ProviderRejected("Not like this."))
    run_flows()
    assert StepRun.objects.values_list("state", "attempts").get() == ("waiting", 1)
    assert request.state == "failed"
    later()
    request.refresh_from_db()

    assert (request.state, request.key) == ("unknown", key)
    assert type(request).objects.count() == 1
    answered(request, {"id": "3P-1"})
    run_flows()
    assert FlowRun.objects.get().state == "done"


def test_a_provider_that_cannot_be_reached_is_tried_as_the_step_says_and_then_has_failed(asked, run_flows):
    from providers.errors import ProviderUnavailable

    request = asked({**AGAIN, "attempts": 2, "failures": ["unavailable"]})
    assert request.retry == {"attempts": 2, "seconds": 60, "growth": "doubling"}
    gone = ProviderUnavailable("No route.", undone=True)

    answered(request, gone)
    assert request.state == "ready"
    assert 50 < (request.due_at - timezone.now()).total_seconds() <= 60
    answered(request, gone)
    run_flows()

    assert (request.state, request.error_code) == ("failed", "gave_up")
    assert StepRun.objects.values_list("state", "error_code").get() == ("failed", "gave_up")


def test_an_outcome_that_is_unknown_is_parked_and_never_failed(asked, run_flows):
    from providers.errors import ProviderUnavailable

    request = asked({**AGAIN, "attempts": 2, "failures": ["unavailable", "rejected"]})
    for _ in range(2):
        answered(request, ProviderUnavailable("Timed out."))
    run_flows()

    assert (request.state, request.due_at) == ("unknown", None)
    assert StepRun.objects.get().state == "waiting"
