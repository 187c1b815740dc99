"""The net under the bells: rows that are due but that nobody was told of. Repeated, concurrent and late calls are harmless."""

import time

from django.db import transaction
from django.db.models.functions import Now

from iom.lib import bell
from orchestration.engine.claim import is_any_due
from orchestration.engine.recovery import recover
from orchestration.models import FlowRun, StepRun
from orchestration.services.restock import restock
from orchestration.services.taking_up import take_up

SELDOM_SECONDS = 60.0  # what was lost is looked for this often in each worker
_last = 0.0


def sweep() -> int:
    """Make runs due whose deadline has passed, and ring if anything is due; returns how many deadlines had passed.

    Runs that somebody holds now are left to the next round.
    """
    global _last
    late = StepRun.objects.filter(deadline_at__lte=Now(), state=StepRun.State.WAITING).values("run_id")
    asleep = FlowRun.objects.filter(pk__in=late, due_at__isnull=True).exclude(state__in=FlowRun.FINAL)
    with transaction.atomic():
        woken = asleep.locked(skip=True).update(due_at=Now())
    if time.monotonic() - _last >= SELDOM_SECONDS:
        _last = time.monotonic()
        recover()
    restock()
    take_up()
    if is_any_due():
        bell.ring("advance")
    return woken
