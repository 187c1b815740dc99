"""Try a strategy on the orders of the last days, as a job: asked for here, worked on chunk by chunk, stopped at will.

A chunk is looked at outside any transaction, by a worker that may read only; what it found is kept with its place in one
short transaction, if the job still waits for just that. Who is killed leaves the chunk to the next one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from fulfillment import contradictions
from fulfillment.errors import WhatIfRefused
from fulfillment.models import SourcingDecision, Strategy, WhatIf
from fulfillment.services.strategies import problems_of, settled
from fulfillment.strategy_document import RELATED, LiveStrategy, document_of
from fulfillment.what_if.compare import compare
from iom.lib import bell
from iom.lib.database import reading_only
from iom.lib.heartbeat import beating
from iom.lib.killpoints import killpoint

log = structlog.get_logger(__name__)
State, Against = WhatIf.State, WhatIf.Against
MOST_DAYS, MOST_ORDERS = 90, 5_000
WHICH = "Try the draft or what works now."
WHICH_DAYS = f"Look at 1 to {MOST_DAYS} days."
HOW_MANY = f"Look at 1 to {MOST_ORDERS:,} orders."
CHUNK_LINES = 200
LOOKED_AT = 200_000  # decisions, the newest; older ones are not looked for
PAGE = 5_000
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 3


class Kept(NamedTuple):
    """Of a decision, what says when it was made and with whom."""

    pk: int
    at: object
    order: int
    strategy: str
    own: str  # the strategy that the order names


def start(
    strategy_id: int, *, against: str = Against.DRAFT, days: int = 7, most_orders: int = 1000, actor: str
) -> WhatIf:
    """Ask for a try of the draft, or of what works now, on the orders of this strategy of the last days, newest first.

    Orders that were planned together are taken together or not at all. Raises WhatIfRefused with a sentence, and nothing
    is begun: numbers out of range, a draft that contradicts itself, no order in those days.
    """
    _check(against, days, most_orders)
    strategy = _full(strategy_id)
    document, version = _tried(strategy, against)
    until = timezone.now()
    since = until - timedelta(days=days)
    calls, orders = _calls(strategy, since, most_orders)
    if not calls:
        raise WhatIfRefused(f"“{strategy.name}” sourced no order in the last {_days(days)}.", field="days")
    with transaction.atomic():
        made = WhatIf.objects.create(
            strategy=strategy, against=against, version=version, document=document, days=days,
            most_orders=most_orders, since=since, until=until, orders=orders, chunks=_chunks(calls), actor=actor,
        )  # fmt: skip
        bell.ring("what_if")
    return made


def _check(against: str, days: int, most_orders: int) -> None:
    if against not in Against.values:
        raise WhatIfRefused(WHICH, field="against")
    if not 1 <= days <= MOST_DAYS:
        raise WhatIfRefused(WHICH_DAYS, field="days")
    if not 1 <= most_orders <= MOST_ORDERS:
        raise WhatIfRefused(HOW_MANY, field="most_orders")


def _days(days: int) -> str:
    return "day" if days == 1 else f"{days} days"


def _full(strategy_id: int) -> Strategy:
    found = Strategy.objects.select_related("source_list", "alternate", "live_version")
    strategy = found.prefetch_related(*RELATED).filter(pk=strategy_id).first()
    if strategy is None:
        raise WhatIfRefused("There is no such strategy.", field="strategy")
    return strategy


def _tried(strategy: Strategy, against: str) -> tuple[dict, int]:
    """The document that is tried, and its version; a draft must be fit to be published."""
    if against == Against.LIVE and strategy.live_version:
        return strategy.live_version.document, strategy.live_version.number
    errors = [one for one in problems_of(strategy) if one.level == contradictions.ERROR]
    if errors:
        told = " ".join(f"{one.where}: {one.sentence}" if one.where else one.sentence for one in errors)
        raise WhatIfRefused(f"The draft contradicts itself, so it cannot be tried. {told}")
    return settled(document_of(strategy)), 0


# -- which decisions ----------------------------------------------------------------------------------------------
def _calls(strategy: Strategy, since, most_orders: int) -> tuple[list[list[Kept]], int]:
    """Calls that planned orders of the strategy, oldest first, as many of the newest as fit; and their orders."""
    taken: list[list[Kept]] = []
    orders: set[int] = set()
    for call in _newest_first(since):
        ours = {one.order for one in call if _is_of(one, strategy)}
        if not ours:
            continue
        if taken and len(orders | ours) > most_orders:
            break
        taken.append(call)
        orders |= ours
    return taken[::-1], len(orders)


def _is_of(one: Kept, strategy: Strategy) -> bool:
    if one.strategy == "assigned":
        return one.own == strategy.key or (not one.own and strategy.is_default)
    return one.strategy == strategy.key


def _newest_first(since) -> Iterator[list[Kept]]:
    """Decisions of one moment together. Ids and moments rise together but for calls that ran side by side: within a page
    they are sorted, and what began on the page before is never cut."""
    waiting: dict[object, list[Kept]] = {}
    for page in _pages(since):
        for one in page:
            waiting.setdefault(one.at, []).append(one)
        newest = sorted(waiting, reverse=True)
        for at in newest[:-SIDE_BY_SIDE]:
            yield sorted(waiting.pop(at))
    for at in sorted(waiting, reverse=True):
        yield sorted(waiting.pop(at))


SIDE_BY_SIDE = 8


def _pages(since) -> Iterator[list[Kept]]:
    before, seen = None, 0
    while seen < LOOKED_AT:
        rows = SourcingDecision.objects.order_by("-pk")
        rows = rows if before is None else rows.filter(pk__lt=before)
        page = [
            Kept(*row)
            for row in rows.values_list("pk", "at", "order_id", "strategy", "order__strategy")[:PAGE]
        ]
        if not page:
            return
        before, seen = page[-1].pk, seen + len(page)
        yield [one for one in page if one.at >= since]
        if page[-1].at < since:
            return


def _chunks(calls: list[list[Kept]]) -> list[list]:
    chunks, lines = [], []
    for call in calls:
        lines += call
        if len(lines) >= CHUNK_LINES:
            chunks.append(_chunk(lines))
            lines = []
    return chunks + ([_chunk(lines)] if lines else [])


def _chunk(lines: list[Kept]) -> list:
    moments, ids = [one.at for one in lines], [one.pk for one in lines]
    return [min(moments).isoformat(), max(moments).isoformat(), min(ids), max(ids)]


# -- stopping and working -----------------------------------------------------------------------------------------
def stop(what_if_id: int) -> bool:
    """Leave the rest undone; False if it had ended. What was found so far stays."""
    running = WhatIf.objects.filter(pk=what_if_id, state=State.RUNNING)
    return bool(running.update(state=State.STOPPED, finished_at=timezone.now(), carried={}))


def work(budget_seconds: float = 12.0, *, beats: Sequence[Callable[[], object]] = ()) -> int:
    """Work on what is asked for until nothing is or the time is over; returns how many chunks were looked at.

    A chunk takes as long as it takes; while it is at work its lease is kept, and `beats` are called too.
    """
    ends, worked = time.monotonic() + budget_seconds, 0
    try:
        while time.monotonic() < ends:
            if (job := _claim()) is None:
                return worked
            _work_on(job, beats)
            worked += 1
    except (OperationalError, InterfaceError) as error:
        log.warning("what_if_interrupted", error=str(error)[:200])  # nothing was kept; the net rings again
    bell.ring("what_if")
    return worked


@transaction.atomic
def _claim() -> WhatIf | None:
    """The oldest that nobody works on, leased; its attempt is counted before it begins."""
    now = timezone.now()
    free = WhatIf.objects.filter(state=State.RUNNING).exclude(lease_until__gt=now).order_by("pk")
    job = free.select_for_update(skip_locked=True, of=("self",)).first()
    if job is not None:
        job.attempts, job.lease_until = job.attempts + 1, now + LEASE
        job.save(update_fields=["attempts", "lease_until"])
    return job


def _work_on(job: WhatIf, beats: Sequence[Callable[[], object]] = ()) -> None:
    if job.attempts > MOST_ATTEMPTS:
        return _fail(job, "The worker died each time it worked on the same part.")
    tried = LiveStrategy(job.document["key"], job.version, False, job.document)
    try:
        with beating(partial(_keep_lease, job), *beats), reading_only():
            result, carried = compare(job.chunks[job.position], tried, job.result, job.carried)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("what_if_failed", what_if=job.pk, chunk=job.position)
        return _fail(job, f"It could not be played on: {type(error).__name__}.")
    killpoint("what_if_before_commit")
    return _keep(job, result, carried)


def _keep_lease(job: WhatIf) -> None:
    until = timezone.now() + LEASE
    if _mine(job).update(lease_until=until):
        job.lease_until = until


def _keep(job: WhatIf, result: dict, carried: dict) -> None:
    """With its place, if the job still waits for just this; who was stopped or overtaken keeps nothing."""
    position = job.position + 1
    values = {"result": result, "carried": carried, "position": position, "attempts": 0, "lease_until": None}
    if position == len(job.chunks):
        values |= {"state": State.DONE, "finished_at": timezone.now(), "carried": {}}
    _mine(job).update(**values)


def _fail(job: WhatIf, sentence: str) -> None:
    _mine(job).update(state=State.FAILED, error=sentence, finished_at=timezone.now(), carried={})


def _mine(job: WhatIf):
    return WhatIf.objects.filter(
        pk=job.pk, state=State.RUNNING, position=job.position, lease_until=job.lease_until
    )
