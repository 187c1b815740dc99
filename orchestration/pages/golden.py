"""Golden orders of a flow: the list with what the draft does to each, kept from real orders and from test runs."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime

from iom.lib.once import act_once
from iom.lib.pages import page, show
from orchestration.errors import OrchestrationError
from orchestration.models import Flow, GoldenOrder
from orchestration.pages import drafts
from orchestration.pages.drafts import actor_of, flow_of
from orchestration.pages.trial import NEWEST, TrialForm
from orchestration.services import drafting, golden
from orchestration.services.golden_words import STANDS, STATES, Names
from orders.models import Order
from orders.numbers import order_id_of

CHANGE = "orchestration.change_flow"


@page("orchestration.view_flow", "orders.view_order")
def golden_orders(request: HttpRequest, pk: int) -> HttpResponse:
    flow = flow_of(pk)
    revision, names = drafting.revision_of(flow.draft), _names(flow)
    rows = [_row(kept, revision, names) for kept in flow.golden_orders.all()]
    context = {
        "title": f"Golden orders of {flow.name}",
        "flow": flow,
        "rows": rows,
        "red": sum(row["state"] == "red" for row in rows),
        "green": sum(row["state"] == "green" for row in rows),
        "newest": Order.objects.order_by("-pk")[:NEWEST],
        "editable": request.user.has_perm(CHANGE),
    }
    return show(request, "orchestration/golden.html", context)


def _names(flow: Flow) -> Names:
    return Names(flow.draft, *([flow.live_version.definition] if flow.live_version else []))


def _row(kept: GoldenOrder, revision: str, names: Names) -> dict[str, Any]:
    last = kept.last if kept.last.get("revision") == revision else {}
    state = "" if not last else "red" if last["differences"] else "green"
    return {
        "golden": kept,
        "state": state,
        "differences": last.get("differences", []),
        "at": parse_datetime(kept.last["at"]) if kept.last else None,
        "expects": _expects(kept.expected, names),
    }


def _expects(expected: dict[str, Any], names: Names) -> str:
    """One sentence of what must come of it."""
    if not expected["taken"]:
        return "The flow does not take it in."
    stands = ", ".join(
        f"{names.step(step)} {STANDS.get(state, state)}" for step, state in expected["standing"]
    )
    end = f"stops: {stands}" if stands else "goes to the end"
    sent = ", ".join(f"{action}{f' ({n} times)' if n > 1 else ''}" for action, n in expected["sent"])
    return (
        f"{len(expected['path'])} steps, {end}, “{STATES.get(expected['state'], expected['state'])}”. "
        f"{f'Sends {sent}.' if sent else 'Sends nothing.'}"
    )


# -- acts --------------------------------------------------------------------------------------------------------------


@page("orchestration.view_flow", "orders.view_order")
@act_once(OrchestrationError)
def check_golden(request: HttpRequest, pk: int) -> None:
    flow = flow_of(pk)
    only = request.POST.get("only", "")
    found = golden.check(
        flow, by=actor_of(request), only=int(only) if only.isdecimal() and len(only) < 19 else None
    )
    red = sum(not checked.green for checked in found)
    if red:
        messages.warning(request, f"{red} of {len(found)} did not go as expected.")
    else:
        messages.success(request, f"{len(found)} tried: all as expected.")


@page(CHANGE, "orders.view_order")
@act_once(OrchestrationError, forms.ValidationError)
def keep_golden(request: HttpRequest, pk: int) -> None:
    """`order` alone: what its run did is expected. With `as_draft`: what the draft does with it, or with `document`."""
    flow = flow_of(pk)
    if request.POST.get("as_draft"):
        kept = _from_trial(request, flow)
    else:
        number = request.POST.get("order", "").strip()
        order_id = order_id_of(number)
        if order_id is None:
            raise golden.NotGolden("An order number looks like SO-1042.")
        kept = golden.from_order(flow, order_id, name=request.POST.get("name", ""), by=actor_of(request))
    golden.check(flow, by=actor_of(request), only=kept.pk)
    drafts.note(request, flow, f"Kept the golden order {kept.name}")
    messages.success(request, f"{kept.name} is a golden order of {flow.name} now.")


def _from_trial(request: HttpRequest, flow: Flow) -> GoldenOrder:
    form = TrialForm(request.POST, failable=golden.failable_of(flow))
    if not form.is_valid():
        raise golden.NotGolden(" ".join(text for found in form.errors.values() for text in found))
    data = form.cleaned_data
    choices = {name: data[name] for name in ("failing", "events_happen", "holds_released")}
    document = data["document"] or golden.document_of(data["order_id"])[0]
    if document is None:
        raise golden.NotGolden("There is no such order.")
    name = (
        request.POST.get("name", "").strip() or data.get("order") or str(document.get("external_id", "Order"))
    )
    return golden.from_document(flow, document, name=name, choices=choices, by=actor_of(request))


@page(CHANGE)
@act_once(OrchestrationError)
def act_golden(request: HttpRequest, pk: int, golden_pk: int) -> None:
    flow = flow_of(pk)
    kept = get_object_or_404(
        GoldenOrder.objects.select_related("flow__live_version"), flow=flow, pk=golden_pk
    )
    if request.POST.get("act") == "accept":
        golden.accept(kept, by=actor_of(request))
        drafts.note(request, flow, f"Took what the draft does with {kept.name} as expected")
        messages.success(request, f"What the draft does with {kept.name} is expected from now on.")
    elif request.POST.get("act") == "delete":
        kept.delete()
        drafts.note(request, flow, f"Threw away the golden order {kept.name}")
        messages.success(request, f"{kept.name} is no golden order any more.")
    else:
        raise golden.NotGolden("Nothing was chosen.")


@page("orchestration.publish_flow")
@act_once(OrchestrationError)
def need_golden(request: HttpRequest, pk: int) -> None:
    flow, needed = flow_of(pk), bool(request.POST.get("needed"))
    Flow.objects.filter(pk=flow.pk).update(needs_golden=needed)
    sentence = "needs its golden orders green" if needed else "does not need its golden orders green any more"
    drafts.note(request, flow, f"Publishing {sentence}")
    messages.success(request, f"Publishing {flow.name} {sentence}.")
