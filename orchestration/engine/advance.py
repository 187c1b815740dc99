"""The engine's loop: claim a batch of due runs, advance them in waves inside one transaction, commit, again.

Within a wave the tokens of all runs that stand at the same step go through it together. A batch that raises is bisected,
so that one poisoned record is found, counted and parked while the rest goes on.
"""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from iom.lib import lock_order
from iom.lib.atomic import as_one
from iom.lib.killpoints import killpoint
from iom.lib.logs import ids
from orchestration.engine import claim as claims
from orchestration.engine import step as stepping
from orchestration.engine.context import engine_at_work, uncollected
from orchestration.engine.route import join_merges
from orchestration.engine.tokens import State, Token
from orchestration.engine.wave import Wave, lock
from orchestration.models import FlowRun, StepRun
from orders.models import BusinessEvent, Order
from orders.services.events import collecting
from orders.services.pending import deferring

log = logging.getLogger(__name__)
BATCH = 500
AGAIN = timedelta(seconds=1)  # so that trouble with some runs does not keep the others from their turn
LOOK_AGAIN_SECONDS = 0.06  # longer than bells coalesce


def drain(budget_seconds: float = 15.0, batch: int = BATCH) -> int:
    """Advance due runs until none is due or the time is over; returns how many were claimed."""
    ends, total = time.monotonic() + budget_seconds, 0
    while time.monotonic() < ends:
        claimed = advance(batch)
        total += claimed
        if not claimed:
            time.sleep(LOOK_AGAIN_SECONDS)
            if not claims.is_any_due():
                break
    return total


def advance(limit: int = BATCH) -> int:
    """Claim and advance one batch; returns how many runs were claimed."""
    fencing, runs = claims.claim(limit)
    if not runs:
        return 0
    killpoint("runs_claimed")
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(batch=fencing):
        worn = [run for run in runs if run.attempts > claims.MOST_DEATHS]
        for run in worn:
            park(run, fencing, "worker_died", "The worker died each time it worked on this.")
        _work([run for run in runs if run not in worn], fencing)
        took, orders = (time.monotonic() - started) * 1000, ids({run.order_id for run in runs})
        log.info("advanced runs=%d orders=%s ms=%d", len(runs), orders, took)
    return len(runs)


def _work(runs: Sequence[FlowRun], fencing: int) -> None:
    if not runs:
        return
    try:
        _in_transaction(runs, fencing)
    except (OperationalError, InterfaceError):
        # The database went away, or a deadlock: nothing is wrong with the records. They come again in a moment.
        _release(runs, fencing)
        raise_if_unusable()
    except Exception as error:
        if len(runs) == 1:
            log.exception("run failed run=%d order=%d", runs[0].pk, runs[0].order_id)
            _failed(runs[0], fencing, error)
            return
        half = len(runs) // 2
        _work(runs[:half], fencing)
        _work(runs[half:], fencing)


@uncollected
@lock_order.unit
def _in_transaction(runs: Sequence[FlowRun], fencing: int) -> None:
    ours, orders = lock(runs, fencing)
    if not ours:
        return
    with engine_at_work({run.pk for run in ours}), as_one(), collecting() as collected, deferring():
        wave = Wave(ours, orders, collected)
        _end_canceled(wave)
        while (group := _next_group(wave)) or join_merges(wave) or wave.wake():
            if group:
                stepping.run(wave, *group)
        wave.unfinished = {token.run_id for token in _pending(wave)}
        wave.flush()
        killpoint("before_commit")


def _next_group(wave: Wave) -> tuple[dict, list] | None:
    """The tokens that stand at the earliest step of one version, so that paths catch up before they go on together.

    Steps whose stock or capacity should have been locked earlier are left to the next transaction.
    """
    best, found = None, []
    for token in _pending(wave):
        step = wave.steps(token.run_id)[token.step]
        rank = (step["index"], wave.runs[token.run_id].version_id)
        if best is None or rank < best[0]:
            if stepping.comes_in_time(step):
                best, found = (rank, step), [token]
        elif rank == best[0]:
            found.append(token)
    return (best[1], found) if best else None


def _pending(wave: Wave) -> Iterator[Token]:
    return (token for tokens in wave.tokens.values() for token in tokens if token.pending and not token.ended)


def _end_canceled(wave: Wave) -> None:
    """Stop the paths of canceled orders; not of flows that the cancellation itself, or what came after, has started."""
    canceled = {pk for pk, order in wave.orders.items() if order.state == Order.State.CANCELED}
    if not canceled:
        return
    events = BusinessEvent.objects.filter(order_id__in=canceled, kind="order.canceled").order_by("pk")
    at = dict(events.values_list("order_id", "pk"))
    for run in wave.runs.values():
        if run.order_id in canceled and run.start_event_id < at.get(run.order_id, sys.maxsize):
            wave.stopped.add(run.pk)
            for token in wave.tokens[run.pk]:
                token.ended = True


@transaction.atomic
def _failed(run: FlowRun, fencing: int, error: Exception) -> None:
    """Try again later; after the last attempt a person looks."""
    if run.attempts >= claims.MOST_ATTEMPTS:
        park(run, fencing, "error", f"{type(error).__name__}: {error}")
        return
    again = timezone.now() + timedelta(seconds=2**run.attempts)
    FlowRun.objects.filter(pk=run.pk, claimed_by=fencing).update(due_at=again, lease_until=None)


@transaction.atomic
def park(run: FlowRun, fencing: int, code: str, sentence: str) -> None:
    """Stop a run at its steps for a person, keeping where it stands."""
    mine = FlowRun.objects.filter(pk=run.pk, claimed_by=fencing)
    if mine.update(state=FlowRun.State.ATTENTION, due_at=None, lease_until=None, attempts=0):
        waiting = StepRun.objects.filter(run=run.pk, state__in=[State.READY, State.WAITING])
        waiting.update(state=State.FAILED, waiting_for="a person", error_code=code, error=sentence[:500])


def _release(runs: Sequence[FlowRun], fencing: int) -> None:
    """Give a claim back. It has no orders locked: runs that others hold are waited for one at a time, with none in hand."""
    free = {"lease_until": None, "attempts": 0, "due_at": timezone.now() + AGAIN}
    mine = FlowRun.objects.filter(
        pk__in=[run.pk for run in runs], claimed_by=fencing, lease_until__isnull=False
    )
    with suppress(OperationalError, InterfaceError):
        with transaction.atomic():
            mine.locked(skip=True).update(**free)
        for pk in list(mine.values_list("pk", flat=True)):
            FlowRun.objects.filter(pk=pk, claimed_by=fencing).update(**free)


def raise_if_unusable() -> None:
    """End the drain when the database is gone: the next bell finds it back, or its supervisor starts anew."""
    if not connection.in_atomic_block and not connection.is_usable():
        connection.close()
