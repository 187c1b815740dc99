"""Pages of runs: one step paused and resumed by buttons, one selection over all parts of a run, times on the tiles."""

from datetime import timedelta

import pytest
from django.utils import timezone

from insights.pages.flow_counts import tiles
from orchestration.engine.graph import compile_steps
from orchestration.models import Flow, FlowVersion, StepResult, StepRun

STEPS = [
    {"kind": "action", "key": "check", "name": "Check it", "action": "custom"},
    {"kind": "action", "key": "ship", "name": "Ship it", "action": "custom"},
]


@pytest.fixture
def flow(definitions):
    found = Flow.objects.create(key="demo", name="Demo", status="published")
    compiled = {"entry": {"events": []}, "steps": compile_steps(STEPS), "policies": {}}
    found.live_version = FlowVersion.objects.create(
        flow=found, number=1, definition={"steps": STEPS}, compiled=compiled
    )
    found.save()
    return found


@pytest.fixture
def make_run(flow, make_order):
    def make(state="done"):
        return flow.runs.create(
            version=flow.live_version,
            order=make_order(),
            state=state,
            start_event_id=1,
            started_at=timezone.now(),
        )

    return make


def test_a_step_is_paused_and_resumed_from_its_page(client, boss, flow, make_run):
    run, address = make_run("waiting"), f"/runs/?flow={flow.pk}&step=ship"
    StepRun.objects.create(run=run, step="ship", state="paused", entered_at=timezone.now())
    assert "Pause Ship it" in client.get(address).content.decode()

    sent = {"step": "ship", "next": address}
    page = client.post(
        f"/flows/{flow.pk}/step/", {**sent, "act": "pause", "reason": "Carrier strike"}, follow=True
    )
    assert "is paused</strong>: 1 order waits for it. Carrier strike" in page.content.decode()
    assert list(Flow.objects.get().paused_steps) == ["ship"]

    page = client.post(f"/flows/{flow.pk}/step/", {**sent, "act": "resume"}, follow=True).content.decode()
    assert "1 order stood there" in page and Flow.objects.get().paused_steps == {}
    run.refresh_from_db()
    assert run.due_at is not None


def test_a_step_that_is_not_published_is_refused_in_words(client, boss, flow):
    page = client.post(
        f"/flows/{flow.pk}/step/", {"step": "nothing", "act": "pause", "next": "/runs/"}, follow=True
    )

    assert "has no published step “nothing”" in page.content.decode()
    assert client.get(f"/flows/{flow.pk}/step/").status_code == 405


def test_who_may_not_publish_may_not_pause(client, nobody, flow):
    assert client.post(f"/flows/{flow.pk}/step/", {"step": "ship", "act": "pause"}).status_code == 403
    assert Flow.objects.get().paused_steps == {}


def test_one_step_is_selected_in_table_requests_and_events(client, boss, make_run):
    run, now = make_run(), timezone.now()
    for n, step in enumerate(("check", "ship")):
        StepResult.objects.create(
            run=run,
            order=run.order,
            step=step,
            result="success",
            code=f"code-{step}",
            at=now + timedelta(hours=n),
        )

    everything = client.get(f"/runs/{run.pk}/").content.decode()
    only = client.get(f"/runs/{run.pk}/?step=ship").content.decode()
    table = only[only.index('id="table"') : only.index('id="requests"')]

    assert "code-check" in everything and "Show all steps" not in everything
    assert "code-ship" in table and "code-check" not in table and "Show all steps" in only
    assert f'id="node-{run.pk}-ship" open' in only
    assert "Show all steps" not in client.get(f"/runs/{run.pk}/?step=nonsense").content.decode()


def test_times_in_a_step_are_told_as_half_and_nine_of_ten(flow, make_run):
    now = timezone.now()
    for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 100):
        StepRun.objects.create(
            run=make_run("waiting"), step="ship", state="waiting", entered_at=now - timedelta(minutes=minutes)
        )

    _, tile = tiles(flow.live_version, StepRun.objects.all())

    assert (round(tile.p50 / timedelta(minutes=1)), round(tile.p90 / timedelta(minutes=1))) == (5, 9)
    assert (tile.waiting, tile.running, tile.failed) == (10, 0, 0)
