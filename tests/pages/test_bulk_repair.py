"""A repair of five thousand: previewed, worked off in chunks, a result for every row, receipts left as they are."""

import json
import time
import uuid

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from orchestration.engine.graph import compile_steps
from orchestration.models import Flow, FlowRun, FlowVersion, RepairJob, RepairRow, StepRun
from orchestration.services import repair_jobs
from orders.models import Order
from providers.models import ProviderConnection, ProviderRequest

MANY, ASKED = 5_000, 100
STEPS = [{"kind": "action", "key": "bill", "name": "Bill it", "action": "send_to_invoice", "provider_action": "billing.invoice"}]  # fmt: skip


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
def stopped(flow, channel, source):
    """So many orders that stopped at billing; a hundred were invoiced nevertheless, a hundred were refused."""
    now = timezone.now()
    head = {
        "channel": channel,
        "currency": "USD",
        "placed_at": now,
        "received_at": now,
        "state_at": now,
        "total_minor": 100,
    }
    orders = Order.objects.bulk_create(Order(external_id=f"B-{n}", **head) for n in range(MANY))
    runs = FlowRun.objects.bulk_create(
        FlowRun(
            flow=flow,
            version=flow.live_version,
            order=order,
            state="attention",
            start_event_id=1,
            started_at=now,
        )
        for order in orders
    )
    StepRun.objects.bulk_create(
        StepRun(run=run, step="bill", state="failed", error_code="no_tax", error="No tax id", entered_at=now)
        for run in runs
    )
    work = FulfillmentOrder.objects.bulk_create(
        FulfillmentOrder(
            key=f"fo-{order.pk}", order=order, source=source, state="shipped", created_at=now, state_at=now
        )
        for order in orders[: 2 * ASKED]
    )
    vendor = ProviderConnection.objects.create(key="v", name="Vendor", provider="billing", status="active")
    ProviderRequest.objects.bulk_create(
        ProviderRequest(
            key=f"run:{run.pk}/bill/{found.pk}", connection=vendor, action="billing.invoice", payload={},
            entity="fulfillment_order", record_id=found.pk, order_id=run.order_id, created_at=now, done_at=now,
            state="done" if n < ASKED else "failed", response={"id": f"INV-{n}"} if n < ASKED else None,
        )
        for n, (run, found) in enumerate(zip(runs, work, strict=False))
    )  # fmt: skip
    return runs


def test_all_that_match_are_retried_with_progress_and_no_effect_twice(client, boss, flow, stopped):
    wanted = json.dumps({"flow": flow.pk, "step": "bill", "code": "no_tax"})
    shown = client.get("/repairs/new/", {"action": "retry", "filter": wanted}).content.decode()
    assert f">{MANY}</strong> match" in shown and "Retry: 5000" in shown
    sent = {"action": "retry", "filter": wanted, "once": uuid.uuid4().hex, "title": "No tax id"}

    client.post("/repairs/start/", sent)
    client.post("/repairs/start/", sent)

    job = RepairJob.objects.get()
    repair_jobs._chunk()
    page = client.get(f"/repairs/{job.pk}/").content.decode()
    assert f">{repair_jobs.CHUNK}</strong> of {MANY} looked at" in page and "Stop</button>" in page
    began = time.process_time()
    while repair_jobs.work(budget_seconds=60):
        pass
    print(f"{(MANY - repair_jobs.CHUNK) / (time.process_time() - began):.0f} rows a CPU second")

    job.refresh_from_db()
    assert (job.state, job.total, job.changed, job.refused, job.unchanged) == ("done", MANY, MANY, 0, 0)
    assert RepairRow.objects.filter(job=job, changed=True).values("record_id").distinct().count() == MANY
    assert not StepRun.objects.filter(state="failed").exists()
    assert ProviderRequest.objects.count() == 2 * ASKED
    assert ProviderRequest.objects.filter(state="done").count() == ASKED
    again = ProviderRequest.objects.exclude(state="done")
    assert again.count() == ASKED and not again.filter(due_at=None).exists()


def test_a_stop_leaves_the_rest_as_it_is(client, boss, flow, stopped):
    job = repair_jobs.start("retry", {"flow": flow.pk}, actor="user:boss")
    repair_jobs._chunk()

    client.post(f"/repairs/{job.pk}/stop/", {"next": f"/repairs/{job.pk}/"})

    assert repair_jobs.work() == 0
    job.refresh_from_db()
    assert (job.state, job.changed) == ("stopped", repair_jobs.CHUNK)
    assert StepRun.objects.filter(state="failed").count() == MANY - repair_jobs.CHUNK
