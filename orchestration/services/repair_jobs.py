"""Repairs of everything that a filter matches, in chunks behind a bell, with a result for every row."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Max
from django.utils import timezone

from iom.lib import bell, bulk
from orchestration.errors import OrchestrationError
from orchestration.models import FlowRun, RepairJob, RepairRow, StepRun
from orchestration.services import mending, repair
from orchestration.services.repair_move import move_to_newest
from orchestration.services.repair_targets import NEEDS_REASON, ORDER_FIELD, TARGETS, Action, rows_of
from orders.errors import ConcurrentChange
from orders.models import Hold, Order
from orders.services.editing import orchestrate_orders
from orders.services.holds import release_holds
from orders.types import Outcome
from providers.models import InboxMessage, ProviderRequest
from providers.services import inbox, outbox

log = structlog.get_logger(__name__)
CHUNK = 200
NOT_AGAIN = "The work is over or went elsewhere; sending it again would do it twice."
NOT_REFUSED = "The provider has not refused it; what may have arrived is not sent anew with other values."
NO_ORDER = "The request belongs to no order that could be corrected."
NOBODY_TAKES = "No published flow begins at Orchestrate order and takes it by its entry filters; publish one."
ROW_COLUMNS = ("job", "record_id", "order_id", "changed", "sentence")


class NotRepairable(OrchestrationError):
    code = "not_repairable"


@dataclass(frozen=True, slots=True)
class Preview:
    """`total` rows match; of the first `tried` so many would change, and the sentences say why others would not."""

    total: int
    tried: int
    changed: int
    refused: Mapping[str, int] = field(default_factory=dict)


class _TakeBack(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def preview(
    action: str, wanted: Mapping[str, Any], *, step: str = "", fix: Mapping[str, Any] | None = None
) -> Preview:
    """What a job would do: its first chunk is really done and taken back, so nothing is guessed. Raises BadFix."""
    target, _ = TARGETS[Action(action)]
    if fix:
        mending.check(fix, target)
    rows = rows_of(target, wanted)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    try:
        with transaction.atomic():
            by = {"actor": "preview", "reason": "preview"}
            raise _TakeBack(_mend_and_act(action, ids, fix or {}, step=step, **by))
    except _TakeBack as back:
        outcome = back.outcome
    reasons: dict[str, int] = {}
    for sentence in outcome.refused.values():
        reasons[sentence] = reasons.get(sentence, 0) + 1
    total = len(ids) if len(ids) < CHUNK else rows.count()
    return Preview(total, len(ids), len(outcome.changed), reasons)


@transaction.atomic
def start(
    action: str, wanted: Mapping[str, Any], *, actor: str, reason: str = "", step: str = "", title: str = "",
    fix: Mapping[str, Any] | None = None,
) -> RepairJob:  # fmt: skip
    """Ask for a repair of all rows that match now; rows that match later are left out. Raises NotRepairable, BadFix.

    `fix` is what is mended of each row before it is repaired (see `mending`).
    """
    target, _ = TARGETS[Action(action)]
    if fix:
        mending.check(fix, target)
        told = mending.words(fix)
        reason = reason.strip() or told[:1].upper() + told[1:]
    if action in NEEDS_REASON and not reason.strip():
        raise NotRepairable("Say why: the reason is kept with every order.")
    rows = rows_of(target, wanted)
    newest = rows.aggregate(newest=Max("pk"))["newest"]
    if newest is None:
        raise NotRepairable("Nothing matches any more.")
    job = RepairJob.objects.create(
        action=action, target=target, filter=dict(wanted), step=step, reason=reason.strip()[:300], title=title[:200],
        actor=actor, total=rows.count(), until=newest, fix=dict(fix or {}),
    )  # fmt: skip
    bell.ring("repair")
    return job


def stop(job_id: int) -> bool:
    """Leave the rest of a job undone; False if it had ended. A chunk that is at work is finished."""
    running = RepairJob.objects.filter(pk=job_id, state=RepairJob.State.RUNNING)
    return bool(running.update(state=RepairJob.State.STOPPED, finished_at=timezone.now()))


def work(budget_seconds: float = 12.0) -> int:
    """Work on running jobs, oldest first; returns how many rows were looked at. May run in several workers at once."""
    ends, worked = time.monotonic() + budget_seconds, 0
    try:
        while time.monotonic() < ends:
            count = _chunk()
            if count is None:
                return worked
            worked += count
    except (OperationalError, InterfaceError, ConcurrentChange) as error:
        log.warning(
            "repair_interrupted", error=str(error)[:200]
        )  # the chunk was rolled back; the net rings again
    if RepairJob.objects.filter(state=RepairJob.State.RUNNING).exists():
        bell.ring("repair")
    return worked


@transaction.atomic
def _chunk() -> int | None:
    """One chunk of one job, its results and its cursor in one transaction; None when there is no job free."""
    running = RepairJob.objects.filter(state=RepairJob.State.RUNNING).order_by("pk")
    job = running.select_for_update(skip_locked=True).first()
    if job is None:
        return None
    rows = rows_of(job.target, job.filter).filter(pk__gt=job.cursor, pk__lte=job.until)
    found = dict(rows.order_by("pk").values_list("pk", ORDER_FIELD[job.target])[:CHUNK])
    if found:
        _keep(job, found, _act_or_halve(job, list(found)))
    if len(found) < CHUNK:
        values = {"state": RepairJob.State.DONE, "finished_at": timezone.now()}
        RepairJob.objects.filter(pk=job.pk, state=RepairJob.State.RUNNING).update(**values)
    return len(found)


def _keep(job: RepairJob, found: Mapping[int, int | None], outcome: Outcome) -> None:
    rows = [(job.pk, pk, found[pk], True, "") for pk in outcome.changed]
    rows += [(job.pk, pk, found[pk], False, sentence[:500]) for pk, sentence in outcome.refused.items()]
    bulk.insert(RepairRow, ROW_COLUMNS, rows, skip_conflicts=True)
    rest = len(found) - len(rows)
    RepairJob.objects.filter(pk=job.pk).update(
        cursor=max(found), changed=F("changed") + len(outcome.changed), refused=F("refused") + len(outcome.refused),
        unchanged=F("unchanged") + rest,
    )  # fmt: skip


def _act_or_halve(job: RepairJob, ids: Sequence[int]) -> Outcome:
    """The whole chunk together; if that raises, its halves, so that one poisoned row is refused alone."""
    try:
        with transaction.atomic():
            return _mend_and_act(job.action, ids, job.fix, step=job.step, actor=job.actor, reason=job.reason)
    except (OperationalError, InterfaceError, ConcurrentChange):
        raise
    except Exception as error:
        if len(ids) == 1:
            log.exception("repair_failed", job=job.pk, record=ids[0])
            return Outcome(refused={ids[0]: f"{type(error).__name__}: {error}"[:500]})
    half = len(ids) // 2
    first, second = _act_or_halve(job, ids[:half]), _act_or_halve(job, ids[half:])
    return Outcome([*first.changed, *second.changed], {**first.refused, **second.refused})


def _mend_and_act(action: str, ids: Sequence[int], fix: Mapping[str, Any], **by: str) -> Outcome:
    """Rows whose order could not be mended are refused with that sentence and are not repaired."""
    if not fix:
        return _act(action, ids, **by)
    target, _ = TARGETS[Action(action)]
    orders = dict(rows_of(target, {"ids": list(ids)}).values_list("pk", ORDER_FIELD[target]))
    refused = _not_to_correct(ids) if target == "request" else {}
    able = {order for pk, order in orders.items() if pk not in refused}
    unmended = mending.apply(fix, sorted(able - {None}), actor=by["actor"])
    refused |= {pk: unmended[order] for pk, order in orders.items() if order in unmended}
    outcome = _act(action, [pk for pk in ids if pk not in refused], **by)
    return Outcome(outcome.changed, {**refused, **outcome.refused})


def _not_to_correct(ids: Sequence[int]) -> dict[int, str]:
    """Only what is surely refused may say something else when it is sent again."""
    rows = ProviderRequest.objects.filter(pk__in=ids).values_list("pk", "state", "order_id")
    unsure = {pk: NOT_REFUSED for pk, state, _ in rows if state != ProviderRequest.State.FAILED}
    return {pk: NO_ORDER for pk, _, order in rows if order is None} | unsure


def _act(action: str, ids: Sequence[int], *, step: str, actor: str, reason: str) -> Outcome:
    by = {"actor": actor, "reason": reason}
    match Action(action):
        case Action.RETRY:
            return repair.retry(ids, **by)
        case Action.WAKE:
            return repair.wake(ids, **by)
        case Action.SKIP:
            return repair.skip(_where(ids), **by)
        case Action.SUCCEED:
            return repair.complete(_where(ids), outcome="success", **by)
        case Action.FAIL:
            return repair.complete(_where(ids), outcome="failure", **by)
        case Action.REPROCESS:
            return repair.reprocess(ids, step=step, **by)
        case Action.CANCEL:
            return repair.cancel_runs(ids, **by)
        case Action.MOVE:
            return move_to_newest(ids, **by)
        case Action.REPLAY:
            return _replay(ids, actor)
        case Action.RESEND:
            return _resend(ids, actor, reason)
        case Action.RELEASE:
            return _release(ids, actor, reason)
        case Action.BEGIN:
            return _begin(ids, actor)


def _where(token_ids: Sequence[int]) -> dict[int, str]:
    return dict(StepRun.objects.filter(pk__in=token_ids).values_list("pk", "step"))


def _replay(ids: Sequence[int], actor: str) -> Outcome:
    parked = InboxMessage.objects.filter(pk__in=ids, state=InboxMessage.State.PARKED)
    found = list(parked.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    inbox.replay(found, actor=actor)
    return Outcome(found)


def _resend(ids: Sequence[int], actor: str, reason: str) -> Outcome:
    """Send again under the same keys, and take the steps that stopped at a refusal up again with them."""
    requests = list(ProviderRequest.objects.filter(pk__in=ids).order_by("pk").only("key", "order_id"))
    orders = {request.order_id for request in requests} - {None}
    list(
        Order.objects.filter(pk__in=orders)
        .only("pk")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    outbox.retry(ids, actor=actor)
    again = ProviderRequest.objects.filter(pk__in=ids, state=ProviderRequest.State.UNKNOWN)
    sent = set(again.filter(due_at__isnull=False).values_list("pk", flat=True))
    repair.retry(_stopped_at([r.key for r in requests if r.pk in sent]), actor=actor, reason=reason)
    refused = {request.pk: NOT_AGAIN for request in requests if request.pk not in sent}
    return Outcome([request.pk for request in requests if request.pk in sent], refused)


def _stopped_at(keys: Sequence[str]) -> list[int]:
    """Tokens that stand still at the steps of these receipts, `run:<run>/<step>/<record>`."""
    places = {(int(head[4:]), rest.rpartition("/")[0]) for head, _, rest in (key.partition("/") for key in keys)
              if head.startswith("run:") and head[4:].isdecimal()}  # fmt: skip
    rows = StepRun.objects.filter(state=StepRun.State.FAILED, run_id__in={run for run, _ in places})
    return [pk for pk, run, step in rows.values_list("pk", "run_id", "step") if (run, step) in places]


def _begin(ids: Sequence[int], actor: str) -> Outcome:
    """An order that no flow takes now either would only ask in vain, so it is refused with what to do."""
    outcome = orchestrate_orders(ids, actor=actor)
    begun = set(FlowRun.objects.filter(order__in=ids).values_list("order_id", flat=True))
    refused = {pk: NOBODY_TAKES for pk in outcome.changed if pk not in begun}
    return Outcome([pk for pk in outcome.changed if pk in begun], refused | outcome.refused)


def _release(ids: Sequence[int], actor: str, reason: str) -> Outcome:
    by_type: dict[str, dict[int, list[int]]] = {}
    for pk, order, kind in Hold.objects.active().filter(pk__in=ids).values_list("pk", "order_id", "type"):
        by_type.setdefault(kind, {}).setdefault(order, []).append(pk)
    changed: list[int] = []
    for kind, holds in sorted(by_type.items()):
        released = release_holds(sorted(holds), actor=actor, type=kind, note=reason[:200])
        changed += [pk for order in released.changed for pk in holds[order]]
    return Outcome(changed)
