"""One cause of the exceptions inbox: its newest rows with what they have, and the forms that mend and repair all of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from insights.exceptions import KINDS, Group, groups_of, since, with_what_was_said
from insights.pages import fixes
from iom.lib.pages import page, record_url, show
from orchestration.models import RepairJob, StepResult
from orchestration.services.repair_targets import NEEDS_REASON, ORDER_FIELD, TARGETS, rows_of
from orders.models import Order
from orders.numbers import number_of

SHOWN = 25
ANSWERS = 3
SMALL = 200  # up to so many are repaired from the page itself; more are previewed first
TEXT_OF = {
    "token": "error",
    "request": "error",
    "hold": "placed_by",
    "message": "reason",
    "order": "external_id",
}


@page("orders.view_order")
def group_page(request: HttpRequest, cause: str) -> HttpResponse:
    """A cause that nothing has any more is closed: it says so and stays reachable."""
    kind = next((kind for kind in KINDS if kind.key == cause.partition(":")[0]), None)
    if kind is None or not request.user.has_perm(kind.permission):
        missing = [kind.permission] if kind else []
        return show(request, "iom/refused.html", {"missing": missing, "title": "Not allowed"}, status=403)
    group = next((found for found in groups_of(kind) if found.cause == cause), None)
    if group is None:
        return show(request, "insights/exceptions/closed.html", {"title": "Closed", "jobs": _jobs()})
    with_what_was_said([group])
    target = TARGETS[kind.actions[0]][0] if kind.actions else ""
    labels = dict(RepairJob.Action.choices)
    rows = _rows(target, group) if target and group.filter else []
    failures = _failures(row["order"] for row in rows) if target == "hold" else {}
    for row in rows:
        if kind.key == "stuck":
            row["text"] = since(row["at"])
        row["text"] = failures.get(row["order"], {}).get("sentence") or row["text"]
    orders = list(
        Order.objects.filter(pk__in={row["order"] for row in rows} - {None}).values("pk", *fixes.TYPED)
    )
    actions = [(name, labels[name]) for name in kind.actions if request.user.has_perm(TARGETS[name][1])]
    at_once = [one for one in actions if TARGETS[one[0]][0] == "token" and group.count <= SMALL]
    context = {
        "title": group.title,
        "group": group,
        "rows": rows,
        "rest": group.count - len(rows),
        "offers": fixes.offers_of(group, request.user, orders, _place(group, failures)),
        "answers": _answers(rows) if target == "request" else [],
        "link": fixes.link_of(group),
        "actions": actions,
        "at_once": at_once,
        "need_reason": _joined([label.lower() for name, label in at_once if name in NEEDS_REASON]),
        "may_test": request.user.has_perm("orchestration.view_flow"),
        "back": request.get_full_path(),
    }
    return show(request, "insights/exceptions/page.html", context)


def _rows(target: str, group: Group) -> list[dict[str, Any]]:
    named = [ORDER_FIELD[target], TEXT_OF[target]]
    more = (
        ["external_message_id"]
        if target == "message"
        else ["run_id", "run__flow_id", "entered_at"]
        if target == "token"
        else []
    )
    found = rows_of(target, group.filter).order_by("-pk").values("pk", *named, *more)[:SHOWN]
    return [_row(target, row) for row in found]


def _row(target: str, row: dict[str, Any]) -> dict[str, Any]:
    order = None if target == "message" else row[ORDER_FIELD[target]]  # of a parked one it is not sure
    if target == "message":
        label, url = row["external_message_id"], record_url("providers.inboxmessage", row["pk"])
    elif order:
        label, url = number_of(order), reverse("order-page", args=[order])
    else:
        label, url = f"request {row['pk']}", record_url("providers.providerrequest", row["pk"])
    return {
        "order": order, "label": label, "url": url, "text": row[TEXT_OF[target]],
        "run": row.get("run_id"), "flow": row.get("run__flow_id"), "at": row.get("entered_at"),
    }  # fmt: skip


def _failures(order_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The newest failure of each order, which is what a flow puts it on hold for: flow, step and sentence. One query."""
    failed = StepResult.objects.filter(order_id__in=set(order_ids), result=StepResult.Result.FAILURE)
    found = {}
    for row in failed.order_by("pk").values("order_id", "run__flow_id", "step", "detail"):
        records = [one for one in (row["detail"].get("records") or {}).values() if isinstance(one, dict)]
        sentence = next((one["sentence"] for one in records if one.get("sentence")), "")
        found[row["order_id"]] = {"flow": row["run__flow_id"], "step": row["step"], "sentence": sentence}
    return found


def _place(group: Group, failures: Mapping[int, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Flow, step and sentence whose policies say which fields matter."""
    if group.kind in ("step", "policy"):
        return {**group.filter, "sentence": group.detail}
    return next(iter(failures.values()), {})


def _joined(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _answers(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The different sentences of the newest rows; the template escapes and shortens them."""
    return list(dict.fromkeys(row["text"] for row in rows if row["text"]))[:ANSWERS]


def _jobs() -> list[RepairJob]:
    return list(RepairJob.objects.order_by("-pk")[:3])
