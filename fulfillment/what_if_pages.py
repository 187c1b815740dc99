"""What if, on a strategy's page: ask, look how far it is, read the result. Shown in the admin, under its strategy."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from fulfillment.errors import WhatIfRefused
from fulfillment.models import Strategy, WhatIf
from fulfillment.services import strategies, what_ifs
from fulfillment.what_if import check, words
from iom.lib.admin.base import actor_of
from iom.lib.once import FIELD, act_once, new_token, take
from iom.lib.pages import page, show
from orders.numbers import number_of

LOOK, CHANGE = "fulfillment.view_whatif", "fulfillment.change_strategy"
EARLIER = 10
SOURCES = 15  # the busiest are drawn, the others are in the table


def _whole(most: int, initial: int, sentence: str) -> forms.IntegerField:
    told = dict.fromkeys(("required", "invalid", "min_value", "max_value"), sentence)
    return forms.IntegerField(min_value=1, max_value=most, initial=initial, error_messages=told)


class AskForm(forms.Form):
    against = forms.ChoiceField(
        choices=WhatIf.Against.choices,
        initial=WhatIf.Against.DRAFT,
        error_messages=dict.fromkeys(("required", "invalid_choice"), what_ifs.WHICH),
    )
    days = _whole(what_ifs.MOST_DAYS, 7, what_ifs.WHICH_DAYS)
    most_orders = _whole(what_ifs.MOST_ORDERS, 1000, what_ifs.HOW_MANY)


@page(LOOK)
def ask(request: HttpRequest, object_id: int) -> HttpResponse:
    """The form, and what was tried before; on POST begin. What cannot be tried comes back with its sentence."""
    strategy = get_object_or_404(Strategy.objects.select_related("live_version"), pk=object_id)
    may_start = request.user.has_perm(CHANGE)
    if request.method == "POST" and may_start:
        form = AskForm(request.POST)
        if form.is_valid() and (answer := _begun(request, strategy, form)):
            return answer
    else:
        known = request.GET.get("against") in WhatIf.Against.values
        form = AskForm(initial={"against": request.GET["against"]} if known else None)
    context = {
        "title": f"What if: {strategy.name}",
        "strategy": strategy,
        "form": form,
        "may_start": may_start,
        "changes": strategies.changes_of(strategy) if strategy.live_version else [],
        "earlier": [_Earlier(one) for one in strategy.what_ifs.defer("chunks", "carried", "document")[:EARLIER]],
    }  # fmt: skip
    return show(request, "fulfillment/what_if/ask.html", context, status=400 if form.is_bound else 200)


def _begun(request: HttpRequest, strategy: Strategy, form: AskForm) -> HttpResponse | None:
    """To the page of the job; None where it was refused, with the sentence in the form. A double click begins one."""
    try:
        with transaction.atomic():
            if not take(f"form:{request.user.pk}", request.POST.get(FIELD) or new_token()):
                messages.info(request, "This was asked for already.")
                return HttpResponseRedirect(request.path)
            job = what_ifs.start(strategy.pk, actor=actor_of(request), **form.cleaned_data)
    except WhatIfRefused as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return None
    return HttpResponseRedirect(address(job))


def address(job: WhatIf) -> str:
    return reverse("admin:fulfillment_strategy_try_result", args=[job.strategy_id, job.pk])


@dataclass(frozen=True, slots=True)
class _Earlier:
    job: WhatIf

    @property
    def url(self) -> str:
        return address(self.job)

    @property
    def said(self) -> str:
        return words.headline(self.job.against, self.job.result)


@page(LOOK)
def result(request: HttpRequest, object_id: int, what_if_id: int) -> HttpResponse:
    """How far it is, then the result; `?part=live` is what moves."""
    jobs = WhatIf.objects.select_related("strategy").defer("chunks", "carried")
    job = get_object_or_404(jobs, pk=what_if_id, strategy_id=object_id)
    context = {
        "title": f"What if: {job.strategy.name}",
        "job": job,
        "currency": words.CURRENCY,
        "percent": _percent(job),
        "may_stop": request.user.has_perm(CHANGE),
        **(_shown(job) if job.result.get("then") else {}),
    }
    if request.GET.get("part") == "live":
        return render(request, "fulfillment/what_if/live.html", context)
    return show(request, "fulfillment/what_if/result.html", context)


def _percent(job: WhatIf) -> int:
    return WhatIf.objects.only("state", "position", "chunks").get(pk=job.pk).percent


@page(CHANGE)
@act_once(PermissionError)
def halt(request: HttpRequest, object_id: int, what_if_id: int) -> None:
    stopped = what_ifs.stop(get_object_or_404(WhatIf, pk=what_if_id, strategy_id=object_id).pk)
    messages.success(request, "Stopped; what was found so far stays." if stopped else "It had ended already.")


# -- the result as the page shows it ------------------------------------------------------------------------------
def _shown(job: WhatIf) -> dict[str, Any]:
    found = job.result
    return {
        "headline": words.headline(job.against, found),
        "changed_words": words.changed_words(found),
        "check_words": words.check_words(found),
        "reproduces": words.reproduces(found),
        "notes": words.notes(found),
        "costs": _diverging(words.cost_rows(found)),
        "total": words.total_row(found),
        "steering": words.steering_rows(found),
        "service": words.service_rows(found),
        "load": _paired(words.load_rows(found)),
        "drawn": SOURCES,
        "top": [_named(row) for row in found["top"]],
        "differences": [
            _named(row) | {"kind": check.KINDS[row["kind"]]} for row in found["differences"]
        ],
        "kinds": sorted(
            ((check.KINDS[kind], count) for kind, count in found["kinds"].items()), key=lambda one: -one[1]
        ),
    }  # fmt: skip


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "number": number_of(row["order"]),
        "before": words.units_words(row["before"]),
        "after": words.units_words(row["after"]),
    }


@dataclass(frozen=True, slots=True)
class Bar:
    """A row with what is drawn of it, in percent of the width."""

    row: words.Row
    x: float = 0.0
    width: float = 0.0
    other: float = 0.0


def _diverging(rows: list[words.Row]) -> list[Bar]:
    """To the left what costs less, to the right what costs more; the largest fills its half."""
    most = max((abs(row.delta) for row in rows), default=0) or 1
    bars = []
    for row in rows:
        width = 48 * abs(row.delta) / most
        bars.append(Bar(row, round(50 - width if row.delta < 0 else 50, 2), round(width, 2)))
    return bars


def _paired(rows: list[words.Row]) -> list[Bar]:
    """Two bars a source: `width` of what worked then, `other` of what is tried."""
    most = max((max(row.before, row.after) for row in rows), default=0) or 1
    return [
        Bar(row, width=round(100 * row.before / most, 2), other=round(100 * row.after / most, 2))
        for row in rows
    ]
