"""Due runs are claimed in a transaction of its own: lease by the database's clock, fencing token, attempt counted first."""

from datetime import timedelta
from operator import attrgetter

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from iom.lib import bulk, fencing
from orchestration.models import Flow, FlowRun

LEASE = timedelta(seconds=15)
MOST_ATTEMPTS, MOST_DEATHS = 3, 5


def claim(limit: int) -> tuple[int, list[FlowRun]]:
    """Up to `limit` due runs for this worker alone, and the fencing token that its writes must show."""
    token = fencing.draw()
    # One whose worker died comes again alone: a poisoned record is found, and a death from outside hits no company twice.
    return token, _claim(token, Q(attempts=0), limit) or _claim(token, Q(attempts__gt=0), 1)


@transaction.atomic(durable=False)
def _claim(token: int, which: Q, limit: int) -> list[FlowRun]:
    due = (
        FlowRun.objects.filter(
            which, Q(lease_until__isnull=True) | Q(lease_until__lt=Now()), due_at__lte=Now()
        )
        .exclude(flow__status=Flow.Status.PAUSED)
        .order_by("due_at")
        .select_for_update(skip_locked=True, of=("self",))
    )
    if not (found := bulk.load(due, ("id", "order_id", "attempts"), limit)):
        return []
    ids = [run.id for run in found]
    FlowRun.objects.filter(pk__in=ids).update(
        lease_until=Now() + LEASE, claimed_by=token, attempts=F("attempts") + 1
    )
    for run in found:
        run.attempts += 1
    return sorted(found, key=attrgetter("order_id", "id"))


def is_any_due() -> bool:
    """Is there a run that a worker could claim now."""
    return (
        FlowRun.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=Now()), due_at__lte=Now())
        .exclude(flow__status=Flow.Status.PAUSED)
        .exists()
    )
