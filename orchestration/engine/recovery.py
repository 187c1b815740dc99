"""What was lost on the way is found again: runs that nothing will ever wake, and orders that no flow began with.

Neither should happen, as events, runs and tokens are written together; a restored table, a listener that was switched
off or a hand in the database make it happen. Repeated, concurrent and late calls are harmless.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from iom.lib import bell
from orchestration.listeners import start_flow
from orchestration.models import Flow, FlowRun, StepRun
from orchestration.services.pausing import wake_at
from orders.models import BusinessEvent, Hold, Order
from orders.types import Raised

log = structlog.get_logger(__name__)
GRACE = timedelta(minutes=1)  # an order may be a moment old before it counts as lost
MOST = 500  # of each kind in one round; the next round finds the rest


def recover() -> int:
    """Wake runs that stand unexplained and begin flows that were missed; returns how many runs that makes."""
    found = wake_unexplained() + wake_resumed() + start_missed()
    if found:
        log.warning("recovered", runs=found)
        bell.ring("advance")
    return found


def wake_unexplained() -> int:
    """Runs that are neither final nor due, though no path waits for an event, a person or the release of a hold (I7)."""
    explained = StepRun.objects.filter(
        run=OuterRef("pk"), state__in=(StepRun.State.WAITING, StepRun.State.FAILED, StepRun.State.PAUSED)
    )
    held = Hold.objects.active().filter(order=OuterRef("order_id"))
    still = FlowRun.objects.exclude(state__in=FlowRun.FINAL).filter(due_at__isnull=True)
    ids = still.exclude(Exists(explained)).exclude(Exists(held)).order_by("pk").values_list("pk", flat=True)
    rows = FlowRun.objects.filter(pk__in=list(ids[:MOST]), due_at__isnull=True)
    with transaction.atomic():
        return rows.exclude(state__in=FlowRun.FINAL).locked(skip=True).update(due_at=timezone.now())


def wake_resumed() -> int:
    """Runs that wait for a step to be resumed which is not paused any more: who resumed it died before waking them."""
    at = StepRun.objects.filter(state=StepRun.State.PAUSED).values_list("step", "run__flow").distinct()
    paused = dict(Flow.objects.filter(pk__in={flow for _, flow in at}).values_list("pk", "paused_steps"))
    return sum(wake_at(flow, step) for step, flow in at if step not in paused[flow])


def start_missed() -> int:
    """Orders in New that a published flow should have begun with: its event came after it was published, its filters pass.

    Source: reference ORC-19.
    """
    flows = Flow.objects.exclude(status=Flow.Status.UNPUBLISHED).filter(live_version__isnull=False)
    return sum(_start_missed(flow) for flow in flows.select_related("live_version"))


@transaction.atomic
def _start_missed(flow: Flow) -> int:
    """A run that exists already is found by its unique constraints, so two sweepers begin it once."""
    begun = FlowRun.objects.filter(flow=flow, order=OuterRef("pk"))
    missed = Order.objects.filter(state=Order.State.NEW, received_at__lt=timezone.now() - GRACE)
    orders = list(missed.exclude(Exists(begun)).order_by("-pk").values_list("pk", flat=True)[:MOST])
    if not orders:
        return 0
    events = BusinessEvent.objects.filter(
        order_id__in=orders,
        kind__in=flow.live_version.compiled["entry"]["events"],
        at__gte=flow.live_version.published_at,
        at__lt=timezone.now() - GRACE,
    ).order_by("pk")
    rows = events.values_list("pk", "kind", "entity", "record_id", "order_id")
    raised = [(pk, Raised(kind, entity, record, order)) for pk, kind, entity, record, order in rows]
    return start_flow(flow, raised) if raised else 0
