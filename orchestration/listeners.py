"""Hears of business events inside their transaction: starts flow runs, makes waiting runs due, rings the bell."""

from collections.abc import Iterable

from django.db.models.functions import Now
from django.utils import timezone

from iom.lib import bell, bulk
from orchestration.engine import versions
from orchestration.engine.context import runs_at_work
from orchestration.engine.graph import first_step
from orchestration.models import Flow, FlowRun, FlowVersion, StepRun
from orchestration.policies.evaluate import evaluate
from orders.types import Raised

# Facts that the engine itself raises on the way of an order: they wake other flows of the order, never start one's own.
RUN_COLUMNS = ("flow", "version", "order", "state", "start_event_id", "due_at", "started_at")
TOKEN_COLUMNS = ("run", "step", "state", "scope", "visit", "waiting_for", "error_code", "error", "entered_at")


def on_events(events: list[tuple[int, Raised]]) -> None:
    of_orders = [(pk, event) for pk, event in events if event.order_id]
    if not of_orders:
        return
    woken = _wake({event.order_id for _, event in of_orders})
    started = _start(of_orders)
    if woken or started:
        bell.ring("advance")


def _wake(order_ids: Iterable[int]) -> int:
    """Make the runs of these orders due; a run that is being advanced by this very batch looks at them anyway."""
    waiting = FlowRun.objects.filter(order_id__in=order_ids).exclude(state__in=FlowRun.FINAL)
    if own := runs_at_work():
        waiting = waiting.exclude(pk__in=own)
    return waiting.locked().update(due_at=Now())


def _start(events: list[tuple[int, Raised]]) -> int:
    found = versions.live()
    return sum(start_version(found[pk], events) for pk in sorted(found))


def start_flow(flow: Flow, events: list[tuple[int, Raised]]) -> int:
    return start_version(flow.live_version, events)


def start_version(version: FlowVersion, events: list[tuple[int, Raised]]) -> int:
    """Begin runs of the orders of events that this version starts with; those that run already are left alone."""
    compiled = version.compiled
    first = first_step(compiled["steps"])
    starts = {
        event.order_id: pk for pk, event in reversed(events) if event.kind in compiled["entry"]["events"]
    }
    for name in compiled["entry"].get("filters", ()):
        verdicts = evaluate(compiled["policies"][name], starts)
        starts = {order: pk for order, pk in starts.items() if order in verdicts and verdicts[order].passed}
    if not starts or first is None:
        return 0
    now = timezone.now()
    rows = [
        (version.flow_id, version.pk, order, FlowRun.State.ACTIVE, pk, now, now)
        for order, pk in starts.items()
    ]
    made = bulk.insert(FlowRun, RUN_COLUMNS, rows, returning=("pk",), skip_conflicts=True)
    tokens = [(pk, first, StepRun.State.READY, "", 0, "", "", "", now) for (pk,) in made]
    bulk.insert(StepRun, TOKEN_COLUMNS, tokens)
    return len(made)
