"""Due runs are claimed in a transaction of its own: lease by the database's clock, fencing token, attempt counted first."""

from datetime import timedelta
from functools import cache
from operator import attrgetter

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from iom.lib import bulk, compiled, fencing
from orchestration.models import Flow, FlowRun

LEASE = timedelta(seconds=15)
FIELDS = ("id", "order_id", "attempts")
MOST_ATTEMPTS, MOST_DEATHS = 3, 5


def claim(limit: int) -> tuple[int, list[FlowRun]]:
    """Up to `limit` due runs for this worker alone, and the fencing token that its writes must show."""
    token = fencing.draw()
    # One whose worker died comes again alone: a poisoned record is found, and a death from outside hits no company twice.
    return token, _claim(token, True, limit) or _claim(token, False, 1)


@transaction.atomic(durable=False)
def _claim(token: int, fresh: bool, limit: int) -> list[FlowRun]:
    if not (found := bulk.instances(FlowRun, FIELDS, _due(fresh, limit)())):
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
    return bool(_any_due())


def _claimable() -> QuerySet:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return FlowRun.objects.filter(free, due_at__lte=Now()).exclude(flow__status=Flow.Status.PAUSED)


@cache
def _due(fresh: bool, limit: int) -> compiled.Query:
    which = Q(attempts=0) if fresh else Q(attempts__gt=0)

    def rows() -> QuerySet:
        due = _claimable().filter(which).order_by("due_at")
        return due.select_for_update(skip_locked=True, of=("self",)).values_list(*FIELDS)[:limit]

    return compiled.Query(rows)


@compiled.query
def _any_due() -> QuerySet:
    return _claimable().order_by().values_list("pk")[:1]
