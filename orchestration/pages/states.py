"""States drawn from the transition table, and the catalog of business events."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from iom.lib.pages import page, rows_url, show
from orchestration.services.statechart import RECENT, charts, event_catalog


@page("orders.view_statedefinition")
def states(request: HttpRequest) -> HttpResponse:
    found = charts()
    for chart in found:
        chart.rows = [
            (state, chart.arrows.get(state.key, []), state.key in chart.unreachable) for state in chart.states
        ]
        chart.title = chart.entity.replace("_", " ").capitalize()
    return show(request, "orchestration/states.html", {"title": "States", "charts": found, **_links(request)})


@page("orders.view_eventdefinition")
def events(request: HttpRequest) -> HttpResponse:
    context = {
        "title": "Business events",
        "events": event_catalog(),
        "recent": RECENT,
        "as_of": timezone.now(),
    }
    return show(request, "orchestration/events.html", {**context, **_links(request)})


def _links(request: HttpRequest) -> dict[str, list[tuple[str, str]]]:
    """Where states, reasons, transitions and events are added, for those who may."""
    rows = (
        ("Add or change states", "orders.statedefinition"), ("Add or change reasons", "orders.statereason"),
        ("Add or change transitions", "orders.statetransition"), ("Add or change events", "orders.eventdefinition"),
    )  # fmt: skip
    allowed = [
        (label, rows_url(model))
        for label, model in rows
        if request.user.has_perm(model.replace(".", ".view_"))
    ]
    return {"links": [(label, url) for label, url in allowed if url]}
