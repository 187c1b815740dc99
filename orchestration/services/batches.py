"""Order lines that wait at a step and are planned together, when the batch of their strategy is due.

The step puts its lines into the strategy's next batch (`join`) and waits, visibly. A due batch is claimed by one worker:
lease, fencing token, attempt counted first. It solves on a snapshot, outside any transaction and without a lock, however
long that takes; a heartbeat keeps the lease. Then one transaction locks the orders, looks who still waits, commits what
of the plan still holds by conditional updates and plans the rest anew, writes the answers to the lines and makes their
runs due. The step takes its answer (`answers`) and deletes it. Whoever is killed before that commit leaves the batch as
it was; whoever wakes up too late finds that the claim is not its own any more and writes nothing.

A batch is open while it has lines without an answer, so a line that joins late, or one that is put off, is never lost.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from fulfillment.selectors import batch_strategies, demands_of
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.planned import Planned
from fulfillment.services.sourcing import plan_lines, source_lines
from fulfillment.types import LineDemand, LineSourcing
from iom.lib import bell, bulk, fencing, lock_order
from iom.lib.heartbeat import beating
from iom.lib.killpoints import killpoint
from orchestration.locks import BATCHES
from orchestration.models import BatchedLine, Flow, FlowRun, SourcingBatch, StepRun
from orchestration.supervisor.alive import note_progress
from orders.models import Hold, Order

log = structlog.get_logger(__name__)
WAITS_FOR = "the next batch at"
LEASE = timedelta(seconds=60)
# A batch whose worker died is planned in ever smaller company of orders, so that one poisoned order is found.
COMPANY = (10_000, 100, 1)
DIED = ("died", "The worker died each time it planned this order.", "")
ROW = ("batch", "run", "step", "action", "order", "order_line")
COMMIT = {"send_to_fulfillment_optimization": optimize_lines}


# -- the step's side ----------------------------------------------------------------------------------------------


def join(lines: Sequence[tuple[int, str, str, int, int]], strategy: str, minutes: int) -> datetime:
    """Put (run, step, action, order, order line) into the strategy's next batch; returns when it is due.

    A line that waits already keeps its batch; an answer that a path left behind when it was here before is forgotten.
    """
    left = BatchedLine.objects.filter(run_id__in={line[0] for line in lines}, planned_at__isnull=False)
    left.filter(step=lines[0][1], order_line_id__in=[line[-1] for line in lines]).delete()
    due_at = next_time(minutes, timezone.now())
    batch = _batch_at(strategy, due_at)
    bulk.insert(BatchedLine, ROW, [(batch, *line) for line in lines], skip_conflicts=True)
    return due_at


def next_time(minutes: int, now: datetime) -> datetime:
    """The next full interval of the day in UTC: every 5 minutes is :00, :05, :10 and so on."""
    length = 60 * minutes
    return datetime.fromtimestamp((int(now.timestamp()) // length + 1) * length, UTC)


def wait_words(due_at: datetime) -> str:
    local = timezone.localtime(due_at)
    day = "" if local.date() == timezone.localdate() else f"{local.day} {local:%b} "
    return f"{WAITS_FOR} {day}{local:%H:%M}"


def answers(run_ids: Collection[int], step: str) -> tuple[dict[tuple[int, int], LineSourcing], dict]:
    """By (run, order line): the answers of batches, which are taken with this; and when the others' batch is due."""
    rows = BatchedLine.objects.filter(run_id__in=run_ids, step=step)
    found, waits, taken = {}, {}, []
    for pk, run, line, planned_at, outcome, sentence, rest, due_at in rows.values_list(
        "pk", "run_id", "order_line_id", "planned_at", "outcome", "sentence", "rest", "batch__due_at"
    ):
        if planned_at is None:
            waits[run, line] = due_at
        else:
            found[run, line] = LineSourcing(outcome, (), sentence, rest)
            taken.append(pk)
    if taken:
        BatchedLine.objects.filter(pk__in=taken).delete()
    return found, waits


# -- the worker's side --------------------------------------------------------------------------------------------


def work(budget_seconds: float = 12.0) -> int:
    """Plan due batches, the oldest first, until none is due or the time is over; returns how many plans were made."""
    ends, made = time.monotonic() + budget_seconds, 0
    while time.monotonic() < ends:
        token = fencing.draw()
        batch = claim(token)
        if batch is None:
            return made
        _plan_or_release(batch, token)
        made += 1
    if _due().exists():
        bell.ring("batch")
    return made


@transaction.atomic
def claim(token: int) -> SourcingBatch | None:
    """The oldest due batch that nobody has, for this worker alone; the attempt is counted before it is made."""
    batch = _due().order_by("due_at", "pk").select_for_update(skip_locked=True, of=("self",)).first()
    if batch is None:
        return None
    SourcingBatch.objects.filter(pk=batch.pk).update(
        lease_until=Now() + LEASE, claimed_by=token, attempts=F("attempts") + 1
    )
    return batch


def _due() -> QuerySet[SourcingBatch]:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    waiting = BatchedLine.objects.filter(batch=OuterRef("pk"), planned_at__isnull=True)
    return SourcingBatch.objects.filter(free, Exists(waiting), due_at__lte=Now())


def _plan_or_release(batch: SourcingBatch, token: int) -> None:
    """What fails is counted and comes again in smaller company; what the database interrupted was no fault of the batch."""
    try:
        _plan(batch, token)
    except (OperationalError, InterfaceError) as error:
        log.warning("batch_interrupted", batch=batch.pk, error=str(error)[:200])
        _mine(batch, token).update(lease_until=Now() + timedelta(seconds=1), attempts=batch.attempts)
    except Exception:
        log.exception("batch_failed", batch=batch.pk, attempts=batch.attempts + 1)
        _mine(batch, token).update(lease_until=Now() + timedelta(seconds=2**batch.attempts))


def _plan(batch: SourcingBatch, token: int) -> None:
    killpoint("batch_claimed")
    rows = _company(batch)
    if batch.attempts > len(COMPANY) - 1:
        _give_up(batch, token, rows)
        return
    began = time.monotonic()
    strategy = batch_strategies().get(batch.strategy)
    with beating(partial(_beat, batch, token), note_progress):
        demands = demands_of([row.order_line_id for row in rows])
        planned = plan_lines(
            demands, actor=_actor(batch), effort=strategy["batch_mode"] if strategy else "fast"
        )
        killpoint("batch_solved")
        answered = _commit(batch, token, rows, planned)
    took = round(time.monotonic() - began, 1)
    log.info(
        "batch_planned",
        batch=batch.pk,
        strategy=batch.strategy,
        lines=len(rows),
        answered=answered,
        seconds=took,
    )


def _company(batch: SourcingBatch) -> list[BatchedLine]:
    """The lines of so many orders as this attempt may take, orders in their turn."""
    most = COMPANY[min(batch.attempts, len(COMPANY) - 1)]
    waiting = BatchedLine.objects.filter(batch=batch, planned_at__isnull=True)
    orders = waiting.order_by("order_id").values_list("order_id", flat=True).distinct()[:most]
    return list(waiting.filter(order_id__in=list(orders)).order_by("order_id", "pk"))


def _beat(batch: SourcingBatch, token: int) -> None:
    _mine(batch, token).update(lease_until=Now() + LEASE)


def _mine(batch: SourcingBatch, token: int) -> QuerySet[SourcingBatch]:
    return SourcingBatch.objects.filter(pk=batch.pk, claimed_by=token)


@lock_order.unit
def _commit(batch: SourcingBatch, token: int, rows: Sequence[BatchedLine], planned: Planned) -> int:
    """Answer the lines that still wait, by what of the plan still holds; returns how many."""
    Order.objects.only("id", "state", "state_reason").lock({row.order_id for row in rows})
    if not _mine(batch, token).select_for_update(of=("self",), no_key=True).exists():
        log.warning("batch_lost", batch=batch.pk)
        return 0
    here = _waiting(rows)
    BatchedLine.objects.filter(pk__in=[row.pk for row in rows if row not in here]).delete()
    if stopped := _stopped(here):
        _put_off(batch, stopped)
    going = [row for row in here if row not in stopped]
    for action in sorted({row.action for row in going}):
        mine = [row for row in going if row.action == action]
        demands = demands_of([row.order_line_id for row in mine])
        commit = COMMIT.get(action, source_lines)
        found = commit(demands, actor=_actor(batch), planned=_of(planned, demands), cause="batch")
        _answer(mine, {pk: (one.outcome, one.reason, one.rest) for pk, one in found.items()})
    killpoint("batch_before_commit")
    _mine(batch, token).update(lease_until=None, attempts=batch.attempts, planned_at=Now())
    return len(going)


def _of(planned: Planned, demands: Sequence[LineDemand]) -> Planned:
    """The part of a plan that concerns these lines; its reports go with each part."""
    ids = {demand.line_id for demand in demands}
    return Planned(
        {pk: plan for pk, plan in planned.plans.items() if pk in ids}, planned.needs, planned.reports
    )


def _waiting(rows: Sequence[BatchedLine]) -> list[BatchedLine]:
    """The rows whose path still stands at the step; the others went elsewhere, or were canceled."""
    tokens = StepRun.objects.filter(
        run_id__in={row.run_id for row in rows},
        step__in={row.step for row in rows},
        state=StepRun.State.WAITING,
    ).exclude(run__state__in=FlowRun.FINAL)
    paths = defaultdict(list)
    for run, step, lines in tokens.values_list("run_id", "step", "lines"):
        paths[run, step].append(lines)
    return [
        row
        for row in rows
        if any(lines is None or row.order_line_id in lines for lines in paths[row.run_id, row.step])
    ]


def _stopped(rows: Sequence[BatchedLine]) -> list[BatchedLine]:
    """Those that may not move now: their order is on a hold that forbids the action, or the step or flow is paused."""
    held = defaultdict(list)
    active = Hold.objects.active().filter(order_id__in={row.order_id for row in rows})
    for order, blocks in active.values_list("order_id", "blocks"):
        held[order].append(blocks)
    runs = FlowRun.objects.filter(pk__in={row.run_id for row in rows})
    flows = {
        pk: (status == Flow.Status.PAUSED, paused)
        for pk, status, paused in runs.values_list("pk", "flow__status", "flow__paused_steps")
    }
    return [
        row
        for row in rows
        if any(not blocks or row.action in blocks for blocks in held[row.order_id])
        or flows[row.run_id][0]
        or row.step in flows[row.run_id][1]
    ]


def _put_off(batch: SourcingBatch, rows: Sequence[BatchedLine]) -> None:
    """To the next batch; their steps look again and say the new time."""
    document = batch_strategies().get(batch.strategy)
    due_at = next_time(document["batch_minutes"] if document else 1, timezone.now())
    BatchedLine.objects.filter(pk__in=[row.pk for row in rows]).update(
        batch=_batch_at(batch.strategy, due_at)
    )
    _wake(rows)


def _answer(rows: Sequence[BatchedLine], found: Mapping[int, tuple[str, str, str]]) -> None:
    """Lines that were canceled meanwhile have no answer and go."""
    now = timezone.now()
    told = [(row.pk, now, *found[row.order_line_id]) for row in rows if row.order_line_id in found]
    bulk.update(BatchedLine, "pk", ("planned_at", "outcome", "sentence", "rest"), told)
    BatchedLine.objects.filter(pk__in=[row.pk for row in rows if row.order_line_id not in found]).delete()
    _wake(rows)


def _wake(rows: Sequence[BatchedLine]) -> None:
    runs = FlowRun.objects.filter(pk__in={row.run_id for row in rows}).exclude(state__in=FlowRun.FINAL)
    runs.locked().update(due_at=Now())
    bell.ring("advance")


@transaction.atomic
def _give_up(batch: SourcingBatch, token: int, rows: Sequence[BatchedLine]) -> None:
    """One order killed its worker again and again: a person looks, and the others are planned together again."""
    if _mine(batch, token).select_for_update(of=("self",), no_key=True).exists():
        _answer(rows, {row.order_line_id: DIED for row in rows})
        _mine(batch, token).update(lease_until=None, attempts=0)


def _batch_at(strategy: str, due_at: datetime) -> int:
    found = SourcingBatch.objects.filter(strategy=strategy, due_at=due_at).values_list("pk", flat=True)
    if not found:
        lock_order.lock(BATCHES)
        bulk.insert(SourcingBatch, ("strategy", "due_at"), [(strategy, due_at)], skip_conflicts=True)
        found = found.all()
    return found[0]


def _actor(batch: SourcingBatch) -> str:
    return f"batch:{batch.strategy}"
