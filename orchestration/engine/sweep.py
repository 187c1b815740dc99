"""The net under the bells: rows that are due but that nobody was told of. Repeated, concurrent and late calls are harmless."""

from django.db.models.functions import Now

from iom.lib import bell
from orchestration.engine.claim import is_any_due
from orchestration.models import FlowRun, StepRun


def sweep() -> int:
    """Make runs due whose deadline has passed, and ring if anything is due; returns how many deadlines had passed."""
    late = StepRun.objects.filter(deadline_at__lte=Now(), state=StepRun.State.WAITING).values("run_id")
    woken = (
        FlowRun.objects.filter(pk__in=late, due_at__isnull=True)
        .exclude(state__in=FlowRun.FINAL)
        .update(due_at=Now())
    )
    if is_any_due():
        bell.ring("advance")
    return woken
