"""The side panel's list, field by field: each can be set, is kept, is shown again, travels in a file, and the engine obeys it."""

import html
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from orchestration.engine.advance import advance
from orchestration.engine.sweep import sweep
from orchestration.models import Flow, FlowRun, StepResult, StepRun
from orchestration.services import drafting, publishing
from orders.models import BusinessEvent, Channel, Order
from orders.services.events import record
from orders.types import Raised
from providers.models import ProviderConnection, ProviderRequest

US = {"field": "ship_to_country", "op": "equals", "value": "US"}
BLANK = {
    "name": "Work", "action": "custom", "notes": "", "go_to": "", "resume_on_error": "", "deadline_minutes": "", "deadline_event": "",
    "retry_attempts": "", "retry_seconds": "", "retry_growth": "same", "p_level": "", "p_raise_event": "",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """`typed` goes into the form, `kept` must be in the step, `shown` in the panel; `effect` is asked of an order's run."""

    typed: dict[str, Any]
    kept: dict[str, Any]
    shown: tuple[str, ...]
    effect: Any
    country: str = "US"
    action: str = "custom"
    key: str = "work"
    first: dict[str, Any] = field(default_factory=dict)  # what the step has before


def results(step="work"):
    return list(StepResult.objects.filter(step=step).order_by("pk").values_list("result", flat=True))


def happened(kind):
    return BusinessEvent.objects.filter(kind=kind).count()


def ran():
    while advance():
        pass


def a_name_is_what_people_read(order, client):
    run = FlowRun.objects.get()
    assert "Look at it" in client.get(f"/runs/{run.pk}/").content.decode()
    assert results("look-at-it") == ["success"]


def a_description_changes_nothing_and_is_in_the_version(order, client):
    assert results() == ["success"]
    assert FlowRun.objects.get().version.definition["steps"][0]["notes"] == "Why it is here"


def either_event_lets_it_go_on(order, client):
    assert StepRun.objects.get().state == "waiting"
    record([Raised("order.sourced", "order", order.pk, order.pk)], actor="test")
    ran()
    assert results() == ["requested", "success"] and FlowRun.objects.get().state == "done"


def the_provider_is_asked(order, client):
    request = ProviderRequest.objects.get()
    assert (request.action, request.connection.key, request.order_id) == (
        "bigcommerce.status",
        "shop",
        order.pk,
    )


def who_does_not_pass_the_filter_is_skipped(order, client):
    assert results() == ["skipped"] and FlowRun.objects.get().state == "done"


def who_fails_the_policy_stops(order, client):
    token = StepRun.objects.get()
    assert (token.state, token.error_code) == ("failed", "policy_failed")


def its_events_are_raised(order, client):
    assert happened("order.validated") == 1


def the_error_raises_its_event_and_the_path_goes_on(order, client):
    assert happened("order.changed") == 1
    assert FlowRun.objects.get().state == "done" and not StepRun.objects.filter(state="failed").exists()


def the_failure_goes_to_the_named_step(order, client):
    assert results() == ["failure"] and results("other") == []
    assert results("end") == ["success"] and FlowRun.objects.get().state == "done"


def after_the_deadline_its_event_is_raised(order, client):
    token = StepRun.objects.get()
    assert timedelta(minutes=14) < token.deadline_at - timezone.now() <= timedelta(minutes=15)
    StepRun.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    sweep()
    ran()
    assert happened("order.changed") == 1 and StepRun.objects.get().state == "failed"


def it_is_tried_again_after_its_wait(order, client):
    token = StepRun.objects.get()
    assert timedelta(seconds=40) < token.retry_at - timezone.now() <= timedelta(seconds=45)
    Order.objects.update(ship_to_country="US")
    past = timezone.now() - timedelta(seconds=1)
    StepRun.objects.update(retry_at=past)
    FlowRun.objects.update(due_at=past)
    ran()
    assert FlowRun.objects.get().state == "done" and happened("order.validation_failed") == 0


HEADER = "validate_order_header"
FIELDS = {
    "name": Field({"name": "Look at it"}, {"name": "Look at it", "key": "look-at-it"}, ('value="Look at it"',), a_name_is_what_people_read, key="look-at-it"),
    "description": Field({"notes": "Why it is here"}, {"notes": "Why it is here"}, ("Why it is here</textarea>",), a_description_changes_nothing_and_is_in_the_version),
    "action type": Field({"action": HEADER}, {"action": HEADER}, (f'value="{HEADER}" selected',), its_events_are_raised),
    "several input events": Field({"input_events": ["order.changed", "order.sourced"]}, {"input_events": ["order.changed", "order.sourced"]},
                                  ("=order.changed checked", "=order.sourced checked"), either_event_lets_it_go_on),
    "provider action": Field({"provider_action": "bigcommerce.status"}, {"provider_action": "bigcommerce.status"}, ('value="bigcommerce.status" selected',),
                             the_provider_is_asked, action="provider_action"),
    "filter policies": Field({"filters": ["only-us"]}, {"filters": ["only-us"]}, ("=only-us checked",), who_does_not_pass_the_filter_is_skipped, country="CA"),
    "execution policies": Field({"policies": ["must-be-us"]}, {"policies": ["must-be-us"]}, ("=must-be-us checked",), who_fails_the_policy_stops, country="CA", action=HEADER),
    "output events": Field({}, {}, ('title="order.validated"', 'title="order.validation_failed"'), its_events_are_raised, action=HEADER),
    "resume on error": Field({"resume_on_error": "order.changed"}, {"resume_on_error": "order.changed"}, ('value="order.changed" selected', 'title="order.changed"'),
                             the_error_raises_its_event_and_the_path_goes_on, country="CA", action=HEADER, first={"policies": ["must-be-us"]}),
    "step on failure": Field({"go_to": "end"}, {"on_failure": {"go_to": "end"}}, ('value="end" selected',),
                             the_failure_goes_to_the_named_step, country="CA", action=HEADER, first={"policies": ["must-be-us"]}),
    "deadline": Field({"deadline_minutes": "15", "deadline_event": "order.changed"}, {"deadline": {"minutes": 15, "event": "order.changed"}},
                      ('value="15"', 'value="order.changed" selected'), after_the_deadline_its_event_is_raised, first={"input_events": ["order.sourced"]}),
    "retry": Field({"retry_attempts": "3", "retry_seconds": "45", "retry_growth": "doubling", "retry_failures": ["rejected"]},
                   {"retry": {"attempts": 3, "seconds": 45, "growth": "doubling", "failures": ["rejected"]}},
                   ('value="3"', 'value="45"', 'value="doubling" selected', "=rejected checked"), it_is_tried_again_after_its_wait,
                   country="CA", action=HEADER, first={"policies": ["must-be-us"]}),
}  # fmt: skip


def panel(client, flow, key):
    """The settings form; boxes as `=value checked`."""
    page = client.get(f"/flows/{flow.pk}/?step={key}").content.decode()
    form = html.unescape(page[page.index("data-settings") :].partition("</form>")[0])
    return re.sub(
        r'<input type="checkbox"[^>]*value="([^"]*)"[^>]*?( checked)?[^>]*>',
        lambda m: f"={m[1]}{' checked' if 'checked' in m[0].replace('checkbox', '') else ''}",
        form,
    )


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_the_panel_is_set_kept_shown_carried_and_obeyed(
    client, boss, make_policy, make_order_of, name
):
    wanted = FIELDS[name]
    make_policy("Only US", US)
    make_policy("Must be US", US, type="execution", criticality="critical")
    web = Channel.objects.create(key="web-shop", name="Web shop")
    ProviderConnection.objects.create(
        key="shop", name="Shop", provider="bigcommerce", status="active", channel=web,
        parameters={"base_url": "http://127.0.0.1:9"},
    )  # fmt: skip
    before = {"kind": "action", "key": "work", "name": "Work", "action": wanted.action, **wanted.first}
    others = [
        {"kind": "action", "key": key, "name": key.title(), "action": "custom"} for key in ("other", "end")
    ]
    draft = {"entry": {"events": ["order.new"], "filters": []}, "steps": [before, *others]}
    flow = drafting.create(name="Sample", draft=draft)

    # set and kept
    form = BLANK | {"action": wanted.action} | wanted.first | wanted.typed
    sent = {"op": "configure", "step": "work", "revision": drafting.revision_of(flow.draft), **form}
    assert client.post(f"/flows/{flow.pk}/edit/", sent).status_code == 302
    flow.refresh_from_db()
    step = flow.draft["steps"][0]
    assert {part: step.get(part) for part in wanted.kept} == wanted.kept
    assert {part: step.get(part) for part in wanted.first} == wanted.first

    # shown again
    shown = panel(client, flow, wanted.key)
    assert [words for words in wanted.shown if words not in shown] == []

    # carried in a file, to another place where nothing of it is
    exported = client.get(f"/flows/{flow.pk}/export/").content
    Flow.objects.all().delete()
    again = publishing.import_flow(json.loads(exported), actor="test")
    assert again.draft["steps"][0] == step
    assert client.get(f"/flows/{again.pk}/export/").content == exported

    # obeyed
    publishing.publish(again.pk, actor="test")
    order = make_order_of(country=wanted.country)
    ran()
    wanted.effect(order, client)
