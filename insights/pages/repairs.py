"""A repair of many: first what it would do, then a job with its progress and a result for every row."""

import json
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from insights.pages import fixes
from iom.lib.once import FIELD, act_once, new_token, take
from iom.lib.pages import next_url, page, rows_url, show
from orchestration.errors import OrchestrationError
from orchestration.models import RepairJob, RepairRow
from orchestration.services import mending, repair_jobs
from orchestration.services.repair_move import preview_move
from orchestration.services.repair_targets import NEEDS_REASON, TARGETS, rows_of
from orders.numbers import number_of

PAGE = 50
STANDINGS = 20


class BadRequest(ValueError):
    pass


@page("orders.view_order")
def ask(request: HttpRequest) -> HttpResponse:
    """What a repair would do. The answer comes from doing its first chunk and taking it back."""
    try:
        action, wanted, step = _asked(request.GET)
        fix = fixes.read(request.GET)
        if refusal := _not_allowed(request, action, fix):
            return refusal
        found = repair_jobs.preview(action, wanted, step=step, fix=fix)
        standings = _standings(action, wanted)
    except (OrchestrationError, ValueError, TypeError) as error:  # BadRequest is a ValueError
        return _sorry(request, str(error))
    context = {
        "title": dict(RepairJob.Action.choices)[action],
        "action": action,
        "filter_text": json.dumps(wanted),
        "step": step,
        "fix_text": json.dumps(fix) if fix else "",
        "fix_words": mending.words(fix) if fix else "",
        "what": request.GET.get("title", "")[:200],
        "found": found,
        "untried": found.total - found.tried,
        "unchanged": found.tried - found.changed - sum(found.refused.values()),
        "standings": standings,
        "needs_reason": action in NEEDS_REASON and not fix,
        "back": _back(request),
    }
    return show(request, "insights/exceptions/ask.html", context)


def _standings(action: str, wanted: dict) -> list:
    if action != RepairJob.Action.MOVE:
        return []
    return preview_move(list(rows_of("run", wanted).order_by("pk").values_list("pk", flat=True)[:STANDINGS]))


def _asked(data: Any) -> tuple[str, dict, str]:
    action = data.get("action", "")
    if action not in RepairJob.Action.values:
        raise BadRequest("There is no such repair.")
    try:
        wanted = json.loads(data.get("filter") or "{}")
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict):
        raise BadRequest("The filter cannot be read.")
    return action, wanted, data.get("step", "")[:60]


def _not_allowed(request: HttpRequest, action: str, fix: dict | None = None) -> HttpResponse | None:
    wanted = {TARGETS[action][1], *([mending.permission_of(fix)] if fix else [])}
    missing = sorted(name for name in wanted if not request.user.has_perm(name))
    if not missing:
        return None
    return show(request, "iom/refused.html", {"missing": missing, "title": "Not allowed"}, status=403)


def _sorry(request: HttpRequest, sentence: str) -> HttpResponse:
    context = {"title": "This cannot be repaired so", "sentence": sentence, "back": _back(request)}
    return show(request, "insights/exceptions/sorry.html", context, status=400)


def _back(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else reverse("exceptions")


@page("orders.view_order")
def begin(request: HttpRequest) -> HttpResponse:
    """Start the job that was previewed; a form that comes twice starts it once."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        action, wanted, step = _asked(request.POST)
        fix = fixes.read(request.POST)
        if refusal := _not_allowed(request, action, fix):
            return refusal
        with transaction.atomic():
            if not take(f"form:{request.user.pk}", request.POST.get(FIELD) or new_token()):
                messages.info(request, "This was asked for already.")
                return HttpResponseRedirect(reverse("repairs"))
            by = {"actor": f"user:{request.user.get_username()}", "step": step}
            text = {"reason": request.POST.get("reason", ""), "title": request.POST.get("title", "")}
            job = repair_jobs.start(action, wanted, **by, **text, fix=fix)
    except (OrchestrationError, ValueError, TypeError) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(next_url(request, reverse("exceptions")))
    return HttpResponseRedirect(reverse("repair-job", args=[job.pk]))


@page("orders.view_order")
def jobs(request: HttpRequest) -> HttpResponse:
    return show(
        request, "insights/exceptions/jobs.html", {"title": "Repairs", "jobs": RepairJob.objects.all()[:PAGE]}
    )


@page("orders.view_order")
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """Progress, and the rows newest first; `?only=refused`, `?before=` pages by key."""
    found = RepairJob.objects.filter(pk=pk).first()
    if found is None:
        return _sorry(request, "There is no such job.")
    rows = RepairRow.objects.filter(job=found).order_by("-id")
    if request.GET.get("only") == "refused":
        rows = rows.filter(changed=False)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: PAGE + 1])
    context = {
        "title": str(found), "job": found, "fix_words": mending.words(found.fix), "rows": [(row, number_of(row.order_id) if row.order_id else "") for row in shown[:PAGE]],
        "older": shown[PAGE - 1].pk if len(shown) > PAGE else None, "only": request.GET.get("only", ""),
        "percent": 100 if found.state == "done" else min(100, found.worked * 100 // max(found.total, 1)),
        "may_stop": request.user.has_perm(TARGETS[found.action][1]), "orders_url": rows_url("orders.order"),
    }  # fmt: skip
    if request.GET.get("part") == "live":
        return render(request, "insights/exceptions/job_live.html", context)
    return show(request, "insights/exceptions/job.html", context)


@page("orders.view_order")
@act_once(PermissionError)
def halt(request: HttpRequest, pk: int) -> None:
    found = RepairJob.objects.filter(pk=pk).first()
    if found is None or not request.user.has_perm(TARGETS[found.action][1]):
        raise PermissionError("You may not stop this job.")
    stopped = repair_jobs.stop(pk)
    messages.success(request, "Stopped; the rest stays as it is." if stopped else "It had ended already.")
