"""What can be repaired, and which rows a filter means: the one place that turns the filter of a page or a job into rows."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from orchestration.models import FlowRun, RepairJob, StepRun
from orchestration.services import expectations
from orders.models import Hold, Order
from providers.models import InboxMessage, ProviderRequest

Action = RepairJob.Action
A_WHILE = timedelta(minutes=1)  # in which the bell, or the sweep after it, begins a flow
# action: (kind of rows, permission that it takes)
TARGETS = {
    Action.RETRY: ("token", "orchestration.repair_run"),
    Action.SKIP: ("token", "orchestration.repair_run"),
    Action.SUCCEED: ("token", "orchestration.repair_run"),
    Action.FAIL: ("token", "orchestration.repair_run"),
    Action.REPROCESS: ("run", "orchestration.repair_run"),
    Action.CANCEL: ("run", "orchestration.repair_run"),
    Action.MOVE: ("run", "orchestration.repair_run"),
    Action.REPLAY: ("message", "providers.change_inboxmessage"),
    Action.RESEND: ("request", "providers.change_providerrequest"),
    Action.RELEASE: ("hold", "orders.change_order"),
    Action.BEGIN: ("order", "orders.change_order"),
    Action.WAKE: ("token", "orchestration.repair_run"),
}
NEEDS_REASON = (Action.SKIP, Action.SUCCEED, Action.FAIL, Action.CANCEL, Action.RELEASE)
# name in a filter -> field of the row; anything else in a filter is refused
_TOKEN = {
    "ids": "pk__in", "flow": "run__flow_id", "version": "run__version_id", "run": "run_id", "order": "run__order_id",
    "step": "step", "state": "state", "code": "error_code", "error": "error", "before": "entered_at__lt",
    "waiting": "waiting_for",
}  # fmt: skip
OVERDUE = "overdue"  # in a filter of tokens: true, those that stand in their step for longer than expected
_FIELDS = {
    "token": _TOKEN,
    "run": {"ids": "pk__in"},
    "message": {"ids": "pk__in", "connection": "connection_id", "topic": "topic", "code": "code"},
    "request": {
        "ids": "pk__in", "connection": "connection_id", "action": "action", "state": "state", "code": "error_code",
        "entity": "entity",
    },
    "hold": {"ids": "pk__in", "type": "type", "reason": "reason"},
    "order": {"ids": "pk__in", "channel": "channel_id"},
}  # fmt: skip


# kind of rows: the way to the order that a row belongs to
ORDER_FIELD = {
    "token": "run__order_id", "run": "order_id", "message": "order_id", "request": "order_id", "hold": "order_id",
    "order": "pk",
}  # fmt: skip


class UnknownFilter(ValueError):
    def __init__(self, names: list[str]) -> None:
        super().__init__(f"Nothing can be filtered by {', '.join(names)}.")


def rows_of(target: str, wanted: Mapping[str, Any]) -> QuerySet:
    """The rows of a kind that need a person, as far as the filter wants them. Raises UnknownFilter."""
    if target == "run":
        if "ids" in wanted:
            return _narrowed(live_runs(), "run", wanted)
        tokens = _narrowed(StepRun.objects.all(), "token", wanted)
        return live_runs().filter(pk__in=tokens.values("run_id"))
    everything = {
        "token": _tokens(wanted),
        "message": InboxMessage.objects.filter(state=InboxMessage.State.PARKED),
        "request": open_requests(),
        "hold": Hold.objects.active(),
        "order": unstarted(),
    }
    return _narrowed(everything[target], target, wanted)


def _tokens(wanted: Mapping[str, Any]) -> QuerySet:
    every = StepRun.objects.all()
    told = wanted.keys() & {"state", "ids", OVERDUE}
    return every if told else every.filter(state=StepRun.State.FAILED)


def _narrowed(rows: QuerySet, target: str, wanted: Mapping[str, Any]) -> QuerySet:
    late = target == "token" and wanted.get(OVERDUE)
    named = {name: value for name, value in wanted.items() if not (late and name == OVERDUE)}
    if unknown := sorted(named.keys() - _FIELDS[target].keys()):
        raise UnknownFilter(unknown)
    found = rows.filter(**{_FIELDS[target][name]: value for name, value in named.items()})
    return found.filter(expectations.overdue()) if late else found


def unstarted() -> QuerySet:
    """New orders that no flow has taken, though each had a while to do so."""
    begun = FlowRun.objects.filter(order=OuterRef("pk"))
    fresh = Order.objects.filter(state=Order.State.NEW, received_at__lt=timezone.now() - A_WHILE)
    return fresh.exclude(Exists(begun))


def live_runs() -> QuerySet:
    return FlowRun.objects.exclude(state__in=FlowRun.FINAL)


def open_requests() -> QuerySet:
    """Requests that nobody but a person moves on: parked with an unknown outcome, or refused and still in the way.

    A refused request of a run counts while a step of that order stands still; otherwise the flow went another way.
    """
    State = ProviderRequest.State
    stopped = StepRun.objects.filter(state=StepRun.State.FAILED, run__order_id=OuterRef("order_id"))
    parked = Q(state=State.UNKNOWN, due_at__isnull=True)
    refused = Q(state=State.FAILED) & (~Q(key__startswith="run:") | Exists(stopped))
    return ProviderRequest.objects.filter(parked | refused)
