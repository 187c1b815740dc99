"""Lines of a batching strategy wait, visibly, and are planned together by one worker, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as house
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from flow_words import action

from fulfillment.loading.kept import setup
from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourcingDecision, SourcingRun, Strategy
from fulfillment.services.sources import set_active
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import BatchedLine, FlowRun, SourcingBatch, StepRun
from orchestration.services import batches, repair
from orchestration.services.invariants import check_all
from orders.services.cancellation import cancel_orders
from orders.services.holds import hold_orders, release_holds
from tests.fulfillment.cost_world import cost_strategy, offer

SOURCE = action("source", "send_to_fulfillment_optimization")


@pytest.fixture
def batching(world, publish):
    """A flow of one step that finds sources by cost, every five minutes."""
    offer()
    cost_strategy(is_batch=True, batch_minutes=5)
    publish([SOURCE, action("after")])
    return world


@pytest.fixture
def waiting(batching, make_orders, run_flows):
    def make(count=2, **how):
        orders = make_orders(count, **how)
        run_flows()
        return orders

    return make


def fall_due() -> None:
    for batch in SourcingBatch.objects.all():  # each at a time of its own
        past = timezone.now() - timedelta(minutes=batch.pk)
        SourcingBatch.objects.filter(pk=batch.pk).update(due_at=past)


def plan(run_flows) -> int:
    fall_due()
    made = batches.work()
    run_flows()
    return made


def places() -> list[tuple[str, int]]:
    rows = FulfillmentLine.objects.filter(fulfillment_order__state="new").order_by("order_line_id")
    return list(rows.values_list("fulfillment_order__source__code", "quantity"))


def untouched() -> bool:
    return not FulfillmentOrder.objects.exists() and not ledger_differences()


def test_the_next_batch_begins_at_a_full_interval():
    at = datetime(2026, 3, 2, 14, 1, 30, tzinfo=UTC)
    assert [f"{batches.next_time(n, at):%H:%M}" for n in (5, 15, 60, 1440)] == [
        "14:05",
        "14:15",
        "15:00",
        "00:00",
    ]
    assert batches.next_time(5, at.replace(minute=5, second=0)) == at.replace(minute=10, second=0)


def test_orders_wait_for_the_batch_and_go_on_with_its_plan(waiting, run_flows):
    waiting(2)
    due = SourcingBatch.objects.get().due_at
    assert set(StepRun.objects.values_list("state", "waiting_for")) == {
        ("waiting", f"the next batch at {timezone.localtime(due):%H:%M}")
    }
    assert batches.work() == 0 and untouched()

    assert plan(run_flows) == 1

    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert places() == [("ST-CHI", 1), ("ST-CHI", 2)] * 2
    assert not BatchedLine.objects.exists()
    run = SourcingRun.objects.get()
    assert (run.cause, run.mode, run.orders, run.lines, run.relaxed) == ("batch", "fast", 2, 4, [])
    assert run.gap_ppm == 0 and run.bound_minor == run.cost_minor > 0 and run.total_ms >= run.solve_ms
    assert not [finding for finding in check_all() if finding.count]


def test_a_second_look_before_it_is_due_changes_nothing(waiting, run_flows):
    waiting(1)
    FlowRun.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    run_flows()
    assert BatchedLine.objects.count() == 2 and SourcingBatch.objects.count() == 1


def test_the_strategy_says_how_hard_a_batch_is_solved(waiting, run_flows):
    Strategy.objects.update(batch_mode="deep")
    waiting(1)
    plan(run_flows)
    assert SourcingRun.objects.get().mode == "deep"


def test_stock_that_went_in_between_is_planned_again(waiting, run_flows, batching, monkeypatch):
    waiting(3, lines=[("A", 1)])
    real, thing, chicago = batches.plan_lines, batching["products"]["A"], batching["sources"]["ST-CHI"]

    def raced(*args, **how):
        found = real(*args, **how)
        set_on_hand([StockLevel(thing.pk, chicago.pk, 1)], actor="rival", reason="count")
        return found

    monkeypatch.setattr(batches, "plan_lines", raced)
    plan(run_flows)
    assert sorted(places()) == [("DC-CMH", 1), ("DC-CMH", 1), ("ST-CHI", 1)]
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert ledger_differences() == []


def test_a_source_that_went_off_in_between_gets_nothing(waiting, run_flows, batching, monkeypatch):
    waiting(1, lines=[("A", 1)])
    real, chicago = batches.plan_lines, batching["sources"]["ST-CHI"]

    def raced(*args, **how):
        found = real(*args, **how)
        set_active([chicago.pk], active=False, actor="rival")
        return found

    monkeypatch.setattr(batches, "plan_lines", raced)
    plan(run_flows)
    assert places() == [("DC-CMH", 1)]


def test_capacity_that_went_in_between_is_not_taken_twice(waiting, run_flows, batching, monkeypatch):
    from fulfillment.models import SourceDay

    chicago = batching["sources"]["ST-CHI"]
    type(chicago).objects.filter(pk=chicago.pk).update(capacity_per_day=3, capacity_unit="units")
    waiting(3, lines=[("A", 1)])
    real = batches.plan_lines

    def raced(*args, **how):
        found = real(*args, **how)
        (day,) = (found.reports[0].loaded.days[chicago.pk],)
        SourceDay.objects.create(source=chicago, day=day, unit="units", regular=3, maximum=3, used=2)
        return found

    monkeypatch.setattr(batches, "plan_lines", raced)
    plan(run_flows)
    assert sorted(places()) == [("DC-CMH", 1), ("DC-CMH", 1), ("ST-CHI", 1)]
    assert SourceDay.objects.get().used == 3


def test_an_order_on_hold_waits_for_the_next_batch(waiting, run_flows):
    first, second = waiting(2, lines=[("A", 1)])
    hold_orders([first.pk], type="fraud", reason="odd", actor="test")
    plan(run_flows)
    assert list(FulfillmentOrder.objects.values_list("order_id", flat=True)) == [second.pk]
    row = BatchedLine.objects.select_related("batch").get()
    assert row.order_id == first.pk and row.batch.due_at > timezone.now()

    release_holds([first.pk], actor="test")
    run_flows()
    assert StepRun.objects.get().waiting_for.startswith("the next batch at")
    plan(run_flows)
    assert FulfillmentOrder.objects.count() == 2


def test_who_does_not_wait_any_more_is_not_planned(waiting, run_flows):
    canceled, skipped = waiting(2, lines=[("A", 1)])
    cancel_orders([canceled.pk], actor="test", reason="changed mind")
    token = StepRun.objects.get(run__order=skipped)
    repair.skip({token.pk: "source"}, actor="test", reason="known")
    run_flows()
    plan(run_flows)
    assert untouched() and not BatchedLine.objects.exists()


def test_a_batch_that_fails_is_tried_in_smaller_company_and_the_poison_is_parked(
    waiting, run_flows, monkeypatch
):
    orders = waiting(3, lines=[("A", 1)])
    real, poison, companies = batches.plan_lines, orders[0].pk, []

    def failing(demands, **how):
        companies.append(len(demands))
        if any(demand.order_id == poison for demand in demands):
            raise ValueError("no such thing")
        return real(demands, **how)

    monkeypatch.setattr(batches, "plan_lines", failing)
    for _ in range(6):
        SourcingBatch.objects.update(lease_until=None)
        plan(run_flows)
    assert companies == [3, 3, 1, 2]
    stopped = StepRun.objects.get()
    assert (stopped.run.order_id, stopped.state, stopped.error_code) == (poison, "failed", "worker_died")
    assert FulfillmentOrder.objects.count() == 2


def test_who_wakes_up_too_late_writes_nothing(waiting, run_flows, monkeypatch):
    waiting(1, lines=[("A", 1)])
    real = batches.plan_lines

    def late(*args, **how):
        found = real(*args, **how)
        SourcingBatch.objects.update(claimed_by=1)  # the lease ran out and another claimed it
        return found

    monkeypatch.setattr(batches, "plan_lines", late)
    plan(run_flows)
    assert untouched() and BatchedLine.objects.filter(planned_at=None).count() == 1


def test_queries_do_not_grow_with_the_batch(waiting, run_flows):
    counts = []
    for size in (2, 40):
        waiting(size)
        fall_due()
        setup()  # kept from now on, where the database can tell that it did not change
        with CaptureQueriesContext(connection) as seen:
            batches.work()
        run_flows()
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 110
    assert FulfillmentOrder.objects.count() == 42


# -- real processes -----------------------------------------------------------------------------------------------

WORK = "import django; django.setup(); from orchestration.tasks import plan_batches; plan_batches()"


def process(point: str = "") -> subprocess.Popen:
    own = connection.settings_dict
    url = f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}/{own['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "IOM_KILLPOINT": point, "DJANGO_SETTINGS_MODULE": "iom.settings",
        "NO_BOOTSTRAP": "1", "PYTHONPATH": str(house.BASE_DIR),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", WORK], env=environment, cwd=house.BASE_DIR, stderr=subprocess.PIPE
    )


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", ["batch_claimed", "batch_solved", "batch_before_commit"])
def test_a_killed_worker_leaves_the_batch_claimable_and_nothing_is_doubled(waiting, run_flows, point):
    waiting(3)
    fall_due()
    worker = process(point)
    assert worker.wait(120) == -signal.SIGKILL, worker.stderr.read().decode()[-2000:]
    assert untouched() and not SourcingDecision.objects.exists()
    left = SourcingBatch.objects.get()
    assert left.attempts == 1 and timedelta(0) < left.lease_until - timezone.now() <= batches.LEASE
    assert batches.work() == 0, "nobody takes it while the lease holds"

    SourcingBatch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert batches.work() == 1
    run_flows()
    assert places() == [("ST-CHI", 1), ("ST-CHI", 2)] * 3
    assert SourcingDecision.objects.count() == 6
    assert not [finding for finding in check_all() if finding.count]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_plan_a_batch_once(waiting, run_flows):
    waiting(20)
    fall_due()
    workers = [process() for _ in range(4)]
    assert [worker.wait(120) for worker in workers] == [0] * 4
    run_flows()
    assert len(places()) == 40 and SourcingRun.objects.count() == 1
    assert ledger_differences() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_control_without_the_claim_each_worker_plans_it(waiting, monkeypatch):
    """What keeps it single is the claim: handed to four at once, four solve it; all four commit."""
    waiting(5)
    fall_due()
    batch = SourcingBatch.objects.get()
    SourcingBatch.objects.update(claimed_by=7)
    solved, real = [], batches.plan_lines
    monkeypatch.setattr(batches, "plan_lines", lambda *a, **k: solved.append(1) or real(*a, **k))

    def one(_):
        try:
            batches._plan(batch, 7)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert len(solved) == 4 and SourcingRun.objects.count() == 4


def test_a_batch_of_the_nearest_sources_is_recorded_too(waiting, run_flows):
    """Nothing is priced: its run says how large and how long, without a cost, a bound or a gap."""
    Strategy.objects.update(objective="nearest")
    waiting(3)
    plan(run_flows)
    run = SourcingRun.objects.get()
    assert (run.mode, run.cause, run.strategies) == ("nearest", "batch", {"cost": 0})
    assert (run.orders, run.lines, run.parcels, run.unfilled_lines) == (3, 6, 3, 0)
    assert (run.cost_minor, run.bound_minor, run.gap_ppm, run.components) == (0, None, None, {})
    assert set(SourcingDecision.objects.values_list("run", flat=True)) == {run.pk}
