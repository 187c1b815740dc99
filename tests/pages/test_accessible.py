"""axe-core finds nothing on the pages of orchestration, in light and in dark, with records and without, wide and narrow."""

from pathlib import Path

import axe_playwright_python
import pytest
from django.utils import timezone

from insights.exceptions import KINDS, groups_of
from orchestration.models import (
    Flow,
    FlowRun,
    GoldenOrder,
    Policy,
    RepairJob,
    RepairRow,
    Rule,
    StepResult,
    StepRun,
)
from orchestration.services import publishing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
POLICY_ERRORS = next(kind for kind in KINDS if kind.key == "policy")
WIDTHS = {"light": 1440, "dark": 390}


def found(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[scheme], "height": 900})
    page.goto(address)
    dark = page.evaluate("document.documentElement.classList.contains('dark')")
    assert dark == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[scheme], (
        f"{address} scrolls sideways"
    )
    page.evaluate(AXE)
    return [(v["id"], node["html"][:120]) for v in page.evaluate(RUN) for node in v["nodes"]]


def step(key, **more):
    return {"kind": "action", "key": key, "name": key.capitalize(), "action": "custom", **more}


STEPS = [
    {"kind": "action", "key": "check", "name": "Check", "action": "validate_order_header", "policies": ["served"],
     "input_events": ["order.new"], "on_failure": {"go_to": "last"}, "deadline": {"minutes": 5}},
    {"kind": "splitter_merge", "key": "ways", "name": "Ways", "level": "order", "branches": [
        {"key": "shop", "name": "Shop", "filters": ["from-shop"], "steps": [step("greet", filters=["from-shop"])]},
        {"key": "rest", "name": "Rest", "otherwise": True, "steps": []},
    ]},
    {"kind": "action", "key": "last", "name": "Last", "action": "wait", "input_events": ["order.shipped"]},
]  # fmt: skip


@pytest.fixture
def flow(definitions):
    rules = {
        "served": ("execution", {"all": [{"field": "ship_to_country", "op": "in", "value": ["US", "CA"]},
                                         {"any": [{"field": "priority", "op": "at_least", "value": 5}]}]}),
        "from-shop": ("filter", {"field": "channel.key", "op": "equals", "value": "shop"}),
    }  # fmt: skip
    for key, (kind, condition) in rules.items():
        policy = Policy.objects.create(
            key=key, name=key.capitalize(), type=kind, entity="order", combine="all"
        )
        Rule.objects.create(policy=policy, name=f"Rule of {key}", condition=condition)
        publishing.publish_policy(policy.pk, actor="test")
    draft = {"entry": {"events": ["order.new"], "filters": []}, "steps": STEPS}
    made = Flow.objects.create(key="demo", name="Demo", draft=draft)
    publishing.publish(made.pk, actor="test", comment="First")
    publishing.publish(made.pk, actor="test")
    return Flow.objects.select_related("live_version").get(pk=made.pk)


@pytest.fixture
def addresses(flow, make_order):
    """Every page of issue 3, each with records of every kind."""
    now, runs = timezone.now(), []
    for state in ("done", "attention", "waiting"):
        order = make_order()
        run = FlowRun.objects.create(
            flow=flow, version=flow.live_version, order=order, state=state, start_event_id=1, started_at=now
        )
        StepResult.objects.create(run=run, order=order, step="check", result="success", at=now)
        runs.append(run)
    StepRun.objects.create(
        run=runs[1],
        step="check",
        state="failed",
        error_code="policy_failed",
        error="Served: Country",
        entered_at=now,
    )
    StepRun.objects.create(
        run=runs[2], step="last", state="waiting", waiting_for="Order shipped", entered_at=now
    )
    job = RepairJob.objects.create(action="skip", target="token", title="Check", actor="user:boss", total=2)
    RepairRow.objects.create(job=job, record_id=1, order_id=runs[0].order_id, changed=True)
    RepairRow.objects.create(
        job=job, record_id=2, order_id=None, changed=False, sentence="The run has ended."
    )
    GoldenOrder.objects.create(
        flow=flow, key="one", name="One", document={}, expected={"taken": True, "path": [], "state": "new", "standing": [], "sent": []},
        last={"revision": "", "at": now.isoformat(), "by": "x", "differences": ["It went elsewhere."]},
    )  # fmt: skip
    policy, edit = Policy.objects.get(key="served"), f"/flows/{flow.pk}/"
    ask = '/repairs/new/?action=skip&filter={"state":"failed"}'
    causes = [f"/attention/cause/{group.cause}/" for group in groups_of(POLICY_ERRORS)]
    return [
        *causes, "/attention/cause/policy:gone/", f"{edit}?run={runs[1].pk}&step=check", "/flows/", "/flows/new/", "/flows/import/", edit, f"{edit}?step=check", f"{edit}?step=ways", f"{edit}?at=:1",
        f"{edit}?flow=1", f"{edit}?delete=ways", f"{edit}versions/", f"{edit}versions/?from=1&to=2", f"{edit}publish/",
        f"{edit}test/", f"{edit}golden/", "/policies/", f"/policies/{policy.pk}/", f"/policies/{policy.pk}/?try=lately",
        f"/policies/{policy.pk}/?orders={runs[0].order.number}", "/states/", "/events/", "/runs/",
        "/runs/?state=failed", *(f"/runs/{run.pk}/" for run in runs), "/attention/", "/attention/?show=snoozed", ask,
        "/repairs/", f"/repairs/{job.pk}/",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_pages_with_records(browser_page, live_server, addresses, scheme):
    faults = {a: bad for a in addresses if (bad := found(browser_page, live_server.url + a, scheme))}

    assert faults == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_empty_pages(browser_page, live_server, definitions, scheme):
    empty = ["/flows/", "/policies/", "/runs/", "/attention/", "/repairs/", "/states/", "/events/"]

    assert {a: bad for a in empty if (bad := found(browser_page, live_server.url + a, scheme))} == {}


def test_axe_would_say_so(browser_page, live_server, definitions):
    """The control: what is wrong is found."""
    browser_page.goto(f"{live_server.url}/states/")
    browser_page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<input><a href=x></a>')"
    )
    browser_page.evaluate(AXE)

    assert {v["id"] for v in browser_page.evaluate(RUN)} == {"label", "link-name"}
