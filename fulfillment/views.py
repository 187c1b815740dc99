"""The worklist, and what its buttons do: each calls one service for the whole selection."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from fulfillment import explaining
from fulfillment.errors import FulfillmentError
from fulfillment.models import FulfillmentOrder, RejectionReason
from fulfillment.services import cancellation, execution
from fulfillment.types import ShipmentReport
from fulfillment.worklist import COLUMNS, columns, open_counts
from inventory.models import FulfillmentSource
from iom.lib.once import act_once
from iom.lib.pages import page, show, tell
from orders.errors import OrdersError
from orders.models import Order
from orders.numbers import number_of
from orders.types import Outcome

VIEW, CHANGE = "fulfillment.view_fulfillmentorder", "fulfillment.change_fulfillmentorder"
REMEMBERED = "worklist_source"
MOST = 200
STEPS: dict[str, tuple[Callable, str]] = {
    "accept": (execution.accept, "accepted"),
    "pick": (execution.pick, "in picking"),
    "pack": (execution.pack, "packed"),
}


@page(VIEW)
def worklist(request: HttpRequest) -> HttpResponse:
    """One source at a time; the last one chosen is remembered for the session. Who may only look sees no buttons."""
    counts = open_counts()
    sources = list(FulfillmentSource.objects.filter(active=True).order_by("name"))
    for source in sources:
        source.open_count = counts.get(source.pk, 0)
    chosen = _chosen(request, sources)
    may_act = request.user.has_perm(CHANGE)
    context = {
        "title": "Fulfillment worklist",
        "sources": sources,
        "source": chosen,
        "columns": [],
        "may_act": may_act,
        "reasons": list(RejectionReason.objects.filter(active=True)) if may_act else [],
    }
    if chosen:
        context["columns"] = columns(chosen, _after(request), acting=may_act)
    return show(request, "fulfillment/worklist.html", context)


@page(CHANGE)
@act_once(FulfillmentError, OrdersError)
def act(request: HttpRequest) -> None:
    ids = [int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal() and len(pk) < 19][:MOST]
    action = request.POST.get("action", "")
    if single := request.POST.get("one", ""):  # a card's own button: `<action>:<id>`
        action, _, pk = single.partition(":")
        ids = [int(pk)] if pk.isdecimal() and len(pk) < 19 else []
    if not ids:
        messages.warning(request, "Choose at least one fulfillment order first.")
    elif action in STEPS:
        service, done = STEPS[action]
        _tell(request, service(ids, actor=_actor(request)), done)
    elif action == "ship":
        _ship(request, ids)
    elif action == "reject":
        _reject(request, ids)
    else:
        messages.error(request, "This button does nothing that we know.")


@page("orders.change_order")
@act_once(FulfillmentError, OrdersError)
def cancel_order(request: HttpRequest, pk: int) -> None:
    """Unsent parts end at once; what a source has already is asked to stop, and its answer decides."""
    reason = request.POST.get("reason", "").strip()[:200]
    if not reason:
        messages.error(request, "Say why the order is canceled.")
        return
    outcome = cancellation.cancel_orders([pk], actor=_actor(request), reason=reason)
    tell(request, outcome, done="canceled, or its sources were asked to stop", number=number_of)


@page("fulfillment.view_sourcingdecision", "orders.view_order")
def why_not_page(request: HttpRequest, pk: int) -> HttpResponse:
    """`?source=CODE`: how that source stands for the order now, and the smallest change that would make it ship it."""
    order = get_object_or_404(Order, pk=pk)
    code = request.GET.get("source", "")[:40]
    lines = {line.pk: line for line in order.lines.select_related("product")}
    answer = explaining.why_not(order, code) if code else None
    rows = [row | {"of": lines[row["line"]]} for row in answer["lines"]] if answer else []
    context = {
        "title": f"Why not there? {order.number}", "order": order, "code": code, "answer": answer, "rows": rows,
        "sources": FulfillmentSource.objects.order_by("name").only("code", "name"),
    }  # fmt: skip
    return show(request, "fulfillment/why_not.html", context)


def _ship(request: HttpRequest, ids: list[int]) -> None:
    """A card's own carrier and tracking number, else the carrier of the column's form."""
    reports = [_report(request, pk) for pk in ids]
    if not all(report.carrier for report in reports):
        messages.error(request, "Name the carrier that took the packages.")
        return
    _tell(request, execution.ship(reports, actor=_actor(request)), "shipped")


def _report(request: HttpRequest, pk: int) -> ShipmentReport:
    carrier = request.POST.get(f"carrier-{pk}", "").strip() or request.POST.get("carrier", "").strip()
    tracking = request.POST.get(f"tracking-{pk}", "").strip()
    return ShipmentReport(
        key=f"worklist:{pk}",
        fulfillment_order_id=pk,
        carrier=carrier[:40],
        tracking_number=tracking[:80],
        shipped_at=timezone.now(),
    )


def _reject(request: HttpRequest, ids: list[int]) -> None:
    """A reason of the list, words of one's own, or both. Ticked lines of a single card go alone."""
    pk = ids[0]
    kind = (request.POST.get(f"kind-{pk}", "") or request.POST.get("kind", ""))[:40]
    reason = request.POST.get(f"reason-{pk}", "").strip() or request.POST.get("reason", "").strip()
    if not reason and not kind:
        messages.error(request, "Say why: sourcing keeps the reason and does not send the line here again.")
        return
    said = {"reason": reason[:150], "kind": kind, "actor": _actor(request)}
    lines = [int(line) for line in request.POST.getlist(f"lines-{pk}") if line.isdecimal() and len(line) < 19]
    done = "rejected; sourcing looks for another source, or asks somebody"
    if len(ids) == 1 and lines:
        _tell(request, execution.reject_lines(lines[:MOST], **said), done)
    else:
        _tell(request, execution.reject(ids, **said), done)


def _tell(request: HttpRequest, outcome: Outcome, done: str) -> None:
    tell(request, outcome, done=done, number=lambda pk: FulfillmentOrder(pk=pk).number)


def _chosen(request: HttpRequest, sources: list[FulfillmentSource]) -> FulfillmentSource | None:
    asked = request.GET.get("source") or request.session.get(REMEMBERED)
    by_code = {source.code: source for source in sources}
    chosen = by_code.get(asked) or max(sources, key=lambda source: source.open_count, default=None)
    if chosen and request.session.get(REMEMBERED) != chosen.code and request.GET.get("source"):
        request.session[REMEMBERED] = chosen.code
    return chosen


def _after(request: HttpRequest) -> dict[str, int]:
    edges = {state: request.GET.get(f"after_{state}", "") for state in COLUMNS}
    return {state: int(edge) for state, edge in edges.items() if edge.isdecimal() and len(edge) < 19}


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"
