"""The order page: where it stands, what comes next, why it is routed as it is, and the run as a drawing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from insights.pages.drawing import Drawing
from insights.pages.messages import messages_of
from insights.pages.order_map import order_map
from insights.pages.order_parts import decisions, fulfillment_work, lines_with_stock, promise, stages
from insights.pages.sentence import next_sentence
from insights.pages.timeline import timeline
from iom.lib.pages import page, record_url, rows_url, show
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.services.expectations import usual_times
from orders.models import EventDefinition, Hold, Order, StateDefinition, StateReason
from orders.services.states import allowed_actions
from providers.models import ProviderRequest

MOST_RUNS = 4
MOST_RESULTS = 400
TABS = (("overview", "Overview"), ("messages", "Messages"))
# What a person may ask of an order here, and the permission it takes.
PERMISSIONS = {
    "orchestrate": "orders.change_order", "hold": "orders.change_order", "release": "orders.change_order",
    "cancel": "orders.change_order", "note": "orders.change_order",
}  # fmt: skip


@page("orders.view_order")
def order_page(request: HttpRequest, pk: int) -> HttpResponse:
    """`?part=live` answers with what moves alone: the page's own script asks for it."""
    order = Order.objects.select_related("channel", "customer").filter(pk=pk).first()
    if order is None:
        context = {
            "title": "No such order",
            "number": f"SO-{1000 + pk}",
            "list_url": rows_url("orders.order"),
        }
        return show(request, "insights/order/missing.html", context, status=404)
    tab = request.GET.get("tab") if request.GET.get("tab") == "messages" else "overview"
    context = {"title": order.number, "tab": tab, "tabs": TABS, **_context(request, order, tab)}
    if request.GET.get("part") == "live":
        return render(request, "insights/order/live.html", context)
    return show(request, "insights/order/page.html", context)


@page("orders.view_order")
def order_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """Older entries, for the button under the timeline; a whole page for those without script."""
    names = dict(EventDefinition.objects.values_list("key", "name"))
    before = request.GET.get("before", "")
    shown = timeline(pk, names=names, before=int(before) if before.isdecimal() and len(before) < 19 else None)
    context = {"title": f"Timeline of SO-{1000 + pk}", "timeline": shown, "order_pk": pk}
    if request.GET.get("part") == "entries":
        return render(request, "insights/order/entries.html", context)
    return show(request, "insights/order/timeline.html", context)


def _context(request: HttpRequest, order: Order, tab: str) -> dict[str, Any]:
    definitions = list(StateDefinition.objects.order_by("entity", "timeline_position"))
    events = dict(EventDefinition.objects.values_list("key", "name"))
    holds = list(Hold.objects.filter(order=order, released_at__isnull=True).order_by("placed_at"))
    requests = list(
        ProviderRequest.objects.filter(order=order)
        .select_related("connection")
        .order_by("-id")[:MOST_RESULTS]
    )
    work = fulfillment_work(order)
    drawings = _drawings(order, requests)
    current = drawings[0] if drawings else None
    context = {
        "order": order,
        "state_labels": {(d.entity, d.key): d.label for d in definitions},
        "reason": _reason(order),
        "promise": promise(order),
        "stages": stages(order, definitions),
        "holds": holds,
        "sentence": next_sentence(order, current, holds, [w.order for w in work], events, usual_times()),
        "actions": _actions(request, order),
        "hold_types": Hold.Type.choices,
        "drawings": drawings,
        "work": work,
        "moving": any(d.run.state not in FlowRun.FINAL for d in drawings),
        "admin_url": record_url("orders.order", order.pk),
        "tags": [link.tag for link in order.order_tags.select_related("tag")],
    }
    if tab == "messages":
        return context | {"messages_of_order": messages_of(order.pk, requests)}
    lines, line_count = lines_with_stock(order)
    decided = decisions(order, [item.line.pk for item in lines])
    return context | {
        "lines": lines,
        "line_count": line_count,
        "decisions": decided,
        "map": order_map(order, work, decided),
        "timeline": timeline(order.pk, names=events),
    }


def _reason(order: Order) -> str:
    if not order.state_reason:
        return ""
    label = (
        StateReason.objects.filter(entity="order", key=order.state_reason)
        .values_list("label", flat=True)
        .first()
    )
    return label or order.state_reason.replace("_", " ").capitalize()


def _actions(request: HttpRequest, order: Order) -> set[str]:
    possible = {*allowed_actions(order.state), "note"}
    return {
        name
        for name, permission in PERMISSIONS.items()
        if name in possible and request.user.has_perm(permission)
    }


def _drawings(order: Order, requests: list[ProviderRequest]) -> list[Drawing]:
    """The order's runs, live ones first, then the newest; three queries."""
    runs = list(
        FlowRun.objects.filter(order=order).select_related("flow", "version").order_by("-id")[:MOST_RUNS]
    )
    runs.sort(key=lambda run: run.state in FlowRun.FINAL)
    tokens = list(StepRun.objects.filter(run__in=[run.pk for run in runs]).order_by("pk"))
    newest = StepResult.objects.filter(order=order).order_by("-id")[:MOST_RESULTS]
    results = sorted(newest, key=lambda result: result.pk)
    return [Drawing(run, tokens, results, requests) for run in runs]
