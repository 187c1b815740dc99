"""Everything that needs a person, grouped by its cause and not by order. Groups are counted, never stored.

A fixed number of queries for each kind, however many rows and groups it has.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from insights.models import ExceptionGroup
from insights.pages.drawing import names
from insights.waits import awaited
from iom.lib.pages import record_url
from orchestration.models import Flow, StepRun
from orchestration.services.repair_targets import OVERDUE, rows_of
from orders.models import Hold
from orders.numbers import number_of
from providers.models import ConnectionGate
from providers.registry import action_name

MOST_GROUPS = 50
SAMPLES = 5
BADGE_SECONDS = 20


@dataclass(slots=True)
class Group:
    """`filter` names its rows for a repair of the kind `actions` allow; `values` are sums at risk by currency."""

    kind: str
    cause: str
    title: str
    detail: str
    count: int
    first: datetime | None
    last: datetime | None
    newest: int = 0  # id of its newest row
    filter: dict[str, Any] = field(default_factory=dict)
    values: list[tuple[str, int]] = field(default_factory=list)
    samples: list[tuple[str, str, str]] = field(
        default_factory=list
    )  # what people see, where it leads, what it says
    said: ExceptionGroup | None = None

    @property
    def words(self) -> str:
        """What is wrong, as people say it; a sentence stays as it is."""
        return words_of(self.detail)

    @property
    def filter_text(self) -> str:
        return json.dumps(self.filter)

    @property
    def snoozed(self) -> bool:
        return bool(self.said and self.said.snoozed_until and self.said.snoozed_until > timezone.now())


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the lists. `by` are the fields that make a cause; `order` is the way to the order
    whose value is at risk; `shared` say that two rows stand for one order's value."""

    key: str
    title: str
    empty: str
    permission: str
    actions: tuple[str, ...]
    rows: Callable[[], QuerySet]
    by: tuple[str, ...] = ()
    at: str = ""
    order: str = ""
    shared: tuple[str, ...] = ()
    describe: Callable[..., tuple[str, str, dict]] | None = None
    sample: Callable[[QuerySet], Iterable[tuple[tuple, str, str, str]]] | None = None


# What codes of steps, requests and messages say; others are told by their own words.
CODE_WORDS = {
    "policy_failed": "A policy was not passed", "not_sourced": "No source has the stock",
    "partly_sourced": "Some lines have no source", "stock_gone": "The stock is gone since it was sourced",
    "source_lost": "The source does not take it any more", "worker_died": "The worker was lost while it worked",
    "deadline": "It was not done in time", "loop_limit": "It went round too often", "no_branch": "No branch takes it",
    "no_lines": "The order has no lines", "no_connection": "No active connection serves it",
    "cannot_split": "It cannot be split", "too_heavy": "It is too heavy", "rejected": "The provider refused it",
    "provider_rejected": "The provider refused it", "unavailable": "The provider cannot be reached",
    "garbage": "The answer cannot be read", "decided": "A person decided it",
    "unknown_sku": "The product is not known", "inactive_product": "The product is not sold any more",
    "bad_json": "It is no JSON", "misconfigured": "The connection is not set up",
}  # fmt: skip
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def words_of(text: str) -> str:
    if not CODE.fullmatch(text):
        return text
    return CODE_WORDS.get(text) or text.replace("_", " ").capitalize()


def _cause(kind: str, *key: Any) -> str:
    """Short, stable and the same for the same cause tomorrow."""
    text = json.dumps([kind, *key], default=str)
    return f"{kind}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


# -- the kinds ------------------------------------------------------------------------------------------------------


def _stopped(policies: bool) -> QuerySet:
    rows = StepRun.objects.filter(state=StepRun.State.FAILED)
    return rows.filter(error_code="policy_failed") if policies else rows.exclude(error_code="policy_failed")


def _step_words(flow_id, flow, step, code, *error) -> tuple[str, str, dict]:
    wanted = {"flow": flow_id, "step": step, "code": code}
    title = f"{flow}: stopped at {step_name(flow_id, step)}"
    if error:
        return title, error[0] or code, {**wanted, "error": error[0]}
    return title, code or "failed", wanted


def _inbound_words(connection, name, topic, code) -> tuple[str, str, dict]:
    return (
        f"{name}: {topic} not understood",
        code or "parked",
        {"connection": connection, "topic": topic, "code": code},
    )


def _request_words(connection, name, action, state, code) -> tuple[str, str, dict]:
    words = {"unknown": "outcome unknown", "failed": "refused"}.get(state, state)
    wanted = {"connection": connection, "action": action, "state": state, "code": code}
    return f"{name}: {action_name(action)}, {words}", code or "no code", wanted


def _hold_words(kind, reason) -> tuple[str, str, dict]:
    label = dict(Hold.Type.choices).get(kind, kind)
    return f"{label} hold", reason or "no reason given", {"type": kind, "reason": reason}


def _unstarted_words(channel, name) -> tuple[str, str, dict]:
    detail = "None was published when they came, or none takes them."
    return f"{name}: no flow has begun", detail, {"channel": channel}


def _stuck_words(flow_id, flow, step, waiting) -> tuple[str, str, dict]:
    wanted = {"flow": flow_id, "step": step, "waiting": waiting, OVERDUE: True}
    return f"{flow}: {step_name(flow_id, step)}", f"waits for {awaited(waiting) or 'its turn'}", wanted


def _rows(rows: QuerySet, by: tuple[str, ...], *more: str) -> Iterable[tuple[tuple, dict]]:
    for row in rows.values(*by, *more):
        yield tuple(row[name] for name in by), row


def _of_tokens(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "run__order_id", "error"):
        order = row["run__order_id"]
        yield key, number_of(order), reverse("order-page", args=[order]), row["error"]


def _of_waiting(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "run__order_id", "entered_at"):
        order = row["run__order_id"]
        yield key, number_of(order), reverse("order-page", args=[order]), since(row["entered_at"])


def since(moment: datetime) -> str:
    return f"since {date_format(timezone.localtime(moment), 'SHORT_DATETIME_FORMAT')}"


def _of_messages(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "pk", "external_message_id", "reason"):
        yield key, row["external_message_id"], record_url("providers.inboxmessage", row["pk"]), row["reason"]


def _of_requests(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "pk", "order_id", "error"):
        number = number_of(row["order_id"]) if row["order_id"] else f"request {row['pk']}"
        yield key, number, record_url("providers.providerrequest", row["pk"]), row["error"]


def _of_holds(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "order_id", "placed_by"):
        order = row["order_id"]
        yield key, number_of(order), reverse("order-page", args=[order]), f"by {row['placed_by']}"


def _of_orders(rows: QuerySet, by: tuple[str, ...]):
    for key, row in _rows(rows, by, "pk", "external_id"):
        yield key, number_of(row["pk"]), reverse("order-page", args=[row["pk"]]), row["external_id"]


_FLOW_STEP = ("run__flow_id", "run__flow__name", "step")
_REPAIRS = ("retry", "skip", "succeed", "fail", "cancel", "move")
KINDS = (
    Kind("step", "Steps that stopped", "No step has stopped.", "orchestration.view_flowrun", _REPAIRS,
         lambda: _stopped(False), (*_FLOW_STEP, "error_code"), "entered_at", "run__order",
         ("run_id", "step", "error_code", "state"), _step_words, _of_tokens),
    Kind("policy", "Policies not passed", "Every policy was passed.", "orchestration.view_flowrun", _REPAIRS,
         lambda: _stopped(True), (*_FLOW_STEP, "error_code", "error"), "entered_at", "run__order",
         ("run_id", "step", "error_code", "error", "state"), _step_words, _of_tokens),
    Kind("request", "Provider requests refused or unknown", "Every provider request has its answer.",
         "providers.view_providerrequest", ("resend",), lambda: rows_of("request", {}),
         ("connection_id", "connection__name", "action", "state", "error_code"), "created_at", "order",
         ("order_id", "connection_id", "action", "state", "error_code"), _request_words, _of_requests),
    Kind("inbound", "Messages parked for a person", "Every message was understood.", "providers.view_inboxmessage",
         ("replay",), lambda: rows_of("message", {}), ("connection_id", "connection__name", "topic", "code"),
         "received_at", "", (), _inbound_words, _of_messages),
    Kind("hold", "Orders on hold", "No order is on hold.", "orders.view_order", ("release",),
         lambda: Hold.objects.active(), ("type", "reason"), "placed_at", "order", (), _hold_words, _of_holds),
    Kind("unstarted", "Orders without a flow", "Every order has its flow.", "orders.view_order", ("begin",),
         lambda: rows_of("order", {}), ("channel_id", "channel__name"), "received_at", "pk", (), _unstarted_words,
         _of_orders),
    Kind("stuck", "Stuck longer than expected", "Every order moves as usual.", "orchestration.view_flowrun",
         ("wake", *_REPAIRS[1:]), lambda: rows_of("token", {OVERDUE: True}), (*_FLOW_STEP, "waiting_for"), "entered_at", "run__order",
         (), _stuck_words, _of_waiting),
)  # fmt: skip


# -- groups of a kind -----------------------------------------------------------------------------------------------


def groups_of(kind: Kind) -> list[Group]:
    """The largest groups first; three queries: counts with sums, and the newest rows as samples."""
    rows, found = kind.rows(), {}
    for *key, count, first, last, newest, currency, total in _counted(kind, rows):
        group = found.get(tuple(key))
        if group is None:
            title, detail, wanted = kind.describe(*key)
            cause = _cause(
                kind.key, *[k for name, k in zip(kind.by, key, strict=True) if not name.endswith("name")]
            )
            group = found[tuple(key)] = Group(kind.key, cause, title, detail, 0, first, last, filter=wanted)
        group.count += count
        group.first, group.last = min(group.first, first), max(group.last, last)
        group.newest = max(group.newest, newest)
        if total:
            group.values.append((currency, total))
    groups = dict(sorted(found.items(), key=lambda pair: -pair[1].count)[:MOST_GROUPS])
    if groups:
        for key, *sample in kind.sample(_newest(kind, rows), kind.by):
            if key in groups:
                groups[key].samples.append(tuple(sample))
    return list(groups.values())


def _counted(kind: Kind, rows: QuerySet) -> Iterable[tuple]:
    told = {"n": Count("pk"), "first_at": Min(kind.at), "last_at": Max(kind.at), "newest": Max("pk")}
    if not kind.order:
        counted = rows.order_by().values_list(*kind.by).annotate(**told)
        return ((*row, "", None) for row in counted)
    once = Q()
    if kind.shared:
        same = {name: OuterRef(name) for name in kind.shared}
        rows = rows.annotate(is_first=~Exists(rows.model.objects.filter(**same, pk__lt=OuterRef("pk"))))
        once = Q(is_first=True)
    total, currency = (
        name if kind.order == "pk" else f"{kind.order}__{name}" for name in ("total_minor", "currency")
    )
    money = Sum(total, filter=once) if kind.shared else Sum(total)
    by = rows.order_by().values(*kind.by, currency).annotate(**told, at_risk=money)
    return by.values_list(*kind.by, *told, currency, "at_risk")


def _newest(kind: Kind, rows: QuerySet) -> QuerySet:
    rank = Window(RowNumber(), partition_by=[F(name) for name in kind.by], order_by=F("pk").desc())
    return rows.annotate(rank=rank).filter(rank__lte=SAMPLES).order_by("-pk")


def unhealthy() -> list[Group]:
    """Connections that do not answer: nothing to repair here, but the cause of much that is."""
    gates = ConnectionGate.objects.exclude(health=ConnectionGate.Health.OK).select_related("connection")
    return [
        Group(
            "provider", _cause("provider", gate.pk), f"{gate.connection.name}: {gate.get_health_display().lower()}",
            gate.last_error or "no error text", 1, gate.last_out_at, gate.closed_until,
            samples=[(gate.connection.name, record_url("providers.providerconnection", gate.pk), "")],
        )
        for gate in gates[:MOST_GROUPS]
    ]  # fmt: skip


def with_what_was_said(groups: list[Group]) -> list[Group]:
    said = ExceptionGroup.objects.filter(cause__in=[group.cause for group in groups]).select_related("owner")
    known = {row.cause: row for row in said}
    for group in groups:
        group.said = known.get(group.cause)
    return groups


def step_name(flow_id: int, step: str) -> str:
    """The name in the live drawing, kept for a moment; a step that is gone from it is told by its key."""
    found = cache.get(f"step_names:{flow_id}")
    if found is None:
        flow = Flow.objects.select_related("live_version").filter(pk=flow_id).first()
        live = flow.live_version if flow else None
        found = names(live.definition.get("steps", [])) if live else {}
        cache.set(f"step_names:{flow_id}", found, 30)
    return found.get(step) or step.replace("-", " ").replace(".", " ")


# -- the badge in the menu ------------------------------------------------------------------------------------------


def open_count(user: Any) -> int:
    """Groups that this user may see and that are not snoozed, stuck ones left out.

    What it counts is kept for some seconds, as every page shows it.
    """
    if (known := cache.get("exceptions_open")) is None:
        sleeping = ExceptionGroup.objects.filter(snoozed_until__gt=timezone.now())
        asleep = set(sleeping.values_list("cause", flat=True))
        known = {kind.key: len(_causes(kind) - asleep) for kind in KINDS if kind.key != "stuck"}
        cache.set("exceptions_open", known, BADGE_SECONDS)
    return sum(known.get(kind.key, 0) for kind in KINDS if user.has_perm(kind.permission))


def _causes(kind: Kind) -> set[str]:
    by = tuple(name for name in kind.by if not name.endswith("name"))
    return {_cause(kind.key, *key) for key in kind.rows().order_by().values_list(*by).distinct()}
