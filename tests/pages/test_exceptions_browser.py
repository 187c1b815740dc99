"""A person empties the exceptions inbox in a real browser: sees the cause, reads what would happen, repairs all of it."""

import pytest
from django.utils import timezone

from orchestration.engine.advance import advance
from orchestration.engine.graph import compile_steps
from orchestration.models import Flow, FlowRun, FlowVersion, StepRun
from orchestration.services import repair_jobs

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STEPS = [
    {"kind": "action", "key": "check", "name": "Check it", "action": "custom"},
    {"kind": "action", "key": "ship", "name": "Ship it", "action": "custom"},
]


@pytest.fixture
def stopped(definitions, make_order):
    flow = Flow.objects.create(key="demo", name="Demo", status="published")
    compiled = {"entry": {"events": []}, "steps": compile_steps(STEPS), "policies": {}}
    version = FlowVersion.objects.create(flow=flow, number=1, definition={"steps": STEPS}, compiled=compiled)
    Flow.objects.filter(pk=flow.pk).update(live_version=version)
    now, made = timezone.now(), []
    for _ in range(3):
        run = flow.runs.create(
            version=version, order=make_order(), state="attention", start_event_id=1, started_at=now
        )
        made.append(
            StepRun.objects.create(
                run=run, step="check", state="failed", error_code="broken", error="It broke.", entered_at=now
            )
        )
    return made


def test_a_cause_is_retried_for_all_its_orders_and_is_gone(browser_page, live_server, stopped):
    broken = []
    browser_page.on("pageerror", lambda error: broken.append(str(error)))
    browser_page.goto(f"{live_server.url}/attention/?kind=step")
    row = browser_page.locator("tr", has_text="stopped at Check it")
    assert "3" in row.inner_text()

    row.get_by_role("link", name="Retry all 3").click()
    browser_page.get_by_text("3 would change").wait_for()
    browser_page.get_by_role("button", name="Retry: 3").click()
    browser_page.locator("#job-head", has_text="0 of 3 looked at").wait_for()

    assert repair_jobs.work() == 3
    while advance():
        pass
    browser_page.locator("#job-head", has_text="3 of 3 looked at: 3 changed").wait_for()

    browser_page.goto(f"{live_server.url}/attention/?kind=step")
    browser_page.get_by_text("No step has stopped.").wait_for()
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}

    browser_page.goto(f"{live_server.url}/runs/{stopped[0].run_id}/")
    browser_page.get_by_text("Retried by user:boss").first.wait_for()
    browser_page.goto(f"{live_server.url}/runs/")
    browser_page.locator("#tile-check").wait_for()
    assert broken == []


@pytest.mark.parametrize("address", ["/runs/", "/repairs/", "/attention/"])
def test_no_page_of_repairs_scrolls_sideways_on_a_phone(address, browser_page, live_server, stopped):
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.goto(live_server.url + address)

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 390
