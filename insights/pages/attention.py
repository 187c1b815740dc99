"""What needs a person, grouped by its cause and not by order; each group says what it is and leads to the orders."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from insights.pages.expectations import overdue
from iom.lib.pages import page, record_url, rows_url, show
from orchestration.models import StepRun
from orders.models import Hold
from orders.numbers import number_of
from providers.models import ConnectionGate, InboxMessage, ProviderRequest

MOST_GROUPS = 25
SAMPLES = 5


@dataclass(slots=True)
class Group:
    cause: str
    detail: str
    count: int
    first: datetime | None
    last: datetime | None
    url: str = ""
    samples: list[tuple[str, str]] = field(default_factory=list)  # what people see, where it leads


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    title: str
    empty: str
    groups: list[Group]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


@page("orders.view_order")
def attention(request: HttpRequest) -> HttpResponse:
    """Two queries a section: the groups, and a few samples of them."""
    sections = [
        build()
        for permission, build in SECTIONS
        if request.user.has_perm(permission)
    ]  # fmt: skip
    context = {"title": "Needs attention", "sections": sections, "as_of": timezone.now()}
    return show(request, "insights/attention.html", context)


def _stopped() -> Section:
    rows = StepRun.objects.filter(state=StepRun.State.FAILED)
    groups = _groups(
        rows,
        ("step", "error_code", "run__flow__name"),
        "entered_at",
        lambda step, code, flow: (f"{flow}: stopped at {step.replace('-', ' ')}", code or "failed"),
        _orders_of_tokens,
    )
    return Section("stopped", "Steps that stopped", "No step has stopped.", groups)


def _held() -> Section:
    kinds = dict(Hold.Type.choices)
    groups = _groups(
        Hold.objects.active(),
        ("type", "reason"),
        "placed_at",
        lambda kind, reason: (f"{kinds.get(kind, kind)} hold", reason or "no reason given"),
        lambda rows: [_order(pk) for pk in rows.values_list("order_id", flat=True)],
        lambda kind, reason: rows_url("orders.hold", type__exact=kind),
    )
    return Section("held", "Orders on hold", "No order is on hold.", groups)


def _parked() -> Section:
    groups = _groups(
        InboxMessage.objects.filter(state=InboxMessage.State.PARKED),
        ("connection__name", "topic", "code"),
        "received_at",
        lambda name, topic, code: (f"{name}: {topic} not understood", code or "parked"),
        lambda rows: [
            (name, record_url("providers.inboxmessage", pk))
            for pk, name in rows.values_list("pk", "external_message_id")
        ],
    )
    return Section("parked", "Messages parked for a person", "Every message was understood.", groups)


def _requests() -> Section:
    states = [ProviderRequest.State.UNKNOWN, ProviderRequest.State.FAILED]
    words = {"unknown": "outcome unknown", "failed": "refused"}
    groups = _groups(
        ProviderRequest.objects.filter(state__in=states),
        ("connection__name", "action", "state", "error_code"),
        "created_at",
        lambda name, action, state, code: (f"{name}: {action} {words[state]}", code or "no code"),
        lambda rows: [
            _order(order) if order else (f"request {pk}", record_url("providers.providerrequest", pk))
            for pk, order in rows.values_list("pk", "order_id")
        ],
    )
    return Section(
        "requests", "Provider requests failed or unknown", "Every provider request has its answer.", groups
    )


def _stuck() -> Section:
    groups = _groups(
        StepRun.objects.filter(overdue()),
        ("step", "waiting_for", "run__flow__name"),
        "entered_at",
        lambda step, waiting, flow: (
            f"{flow}: {step.replace('-', ' ').replace('.', ' ')}",
            f"waits for {waiting or 'its turn'}",
        ),
        _orders_of_tokens,
    )
    return Section("stuck", "Stuck longer than expected", "Every order moves as usual.", groups)


def _providers() -> Section:
    gates = ConnectionGate.objects.exclude(health=ConnectionGate.Health.OK).select_related("connection")
    groups = [
        Group(
            f"{gate.connection.name}: {gate.get_health_display().lower()}",
            gate.last_error or "no error text",
            1,
            gate.last_out_at,
            gate.closed_until,
            record_url("providers.providerconnection", gate.pk),
        )
        for gate in gates[:MOST_GROUPS]
    ]
    return Section("providers", "Providers not healthy", "Every connection is healthy.", groups)


SECTIONS: tuple[tuple[str, Callable[[], Section]], ...] = (
    ("orchestration.view_flowrun", _stopped),
    ("orders.view_order", _held),
    ("providers.view_inboxmessage", _parked),
    ("providers.view_providerrequest", _requests),
    ("orchestration.view_flowrun", _stuck),
    ("providers.view_providerconnection", _providers),
)


def _groups(
    rows: QuerySet,
    by: tuple[str, ...],
    at: str,
    words: Callable[..., tuple[str, str]],
    samples: Callable[[QuerySet], list[tuple[str, str]]],
    url: Callable[..., str] | None = None,
) -> list[Group]:
    """The largest groups, each with its first and last time and some samples of the newest."""
    found: list[Group] = []
    counted = rows.order_by().values_list(*by).annotate(Count("pk"), Min(at), Max(at)).order_by("-pk__count")
    for *key, count, first, last in counted[:MOST_GROUPS]:
        cause, detail = words(*key)
        group = Group(cause, detail, count, first, last, url(*key) if url else "")
        group.samples = samples(rows.filter(**dict(zip(by, key, strict=True))).order_by("-pk")[:SAMPLES])
        found.append(group)
    return found


def _orders_of_tokens(rows: QuerySet) -> list[tuple[str, str]]:
    return [_order(pk) for pk in rows.values_list("run__order_id", flat=True)]


def _order(pk: int) -> tuple[str, Any]:
    return number_of(pk), reverse("order-page", args=[pk])
