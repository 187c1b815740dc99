"""States drawn from the transition table, and the catalog of business events."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from iom.lib.pages import page, rows_url, show
from orchestration.designer.statedrawing import Box, Line, picture
from orchestration.services.statechart import RECENT, STARTS, Arrow, Chart, charts, event_catalog
from orders.models import EventDefinition, StateDefinition


@page("orders.view_statedefinition")
def states(request: HttpRequest) -> HttpResponse:
    found = charts()
    names = dict(EventDefinition.objects.values_list("key", "name"))
    for chart in found:
        _dress(chart, names)
    return show(request, "orchestration/states.html", {"title": "States", "charts": found, **_links(request)})


def _dress(chart: Chart, names: dict[str, str]) -> None:
    """The drawing, and beside it each state with its numbered ways out; what is in one is in the other."""
    chart.title = chart.entity.replace("_", " ").capitalize()
    chart.labels = {state.key: state.label for state in chart.states}
    lines = _lines(chart, names)
    chart.picture = picture([_box(chart, state) for state in chart.states], _spine(chart), lines)
    chart.rows = [
        (state, [line for line in lines if line.source == state.key], state.key in chart.unreachable)
        for state in chart.states
    ]


def _spine(chart: Chart) -> list[str]:
    """Down the middle: where records begin, then the progress bar."""
    starts = STARTS[chart.entity]
    found = [state for state in chart.states if state.timeline_position is not None or state.key in starts]
    found.sort(key=lambda state: (state.timeline_position is not None, state.timeline_position or 0))
    return [state.key for state in found]


def _box(chart: Chart, state: StateDefinition) -> Box:
    lost = state.key in chart.unreachable
    mark = "lost" if lost else "shipped" if state.shipped else "own"
    notes = ["cannot be reached"] if lost else []
    notes += [] if state.shipped else ["your own"]
    notes += ["read only"] if state.read_only else []
    return Box(state.key, state.label, " · ".join(notes), mark)


def _lines(chart: Chart, names: dict[str, str]) -> list[Line]:
    """One line for each two states that events connect, numbered in the order of the list."""
    reasons = {reason.key: reason.label for reason in chart.reasons}
    pairs: dict[tuple[str, str], list[Arrow]] = {}
    for state in chart.states:
        for arrow in chart.arrows.get(state.key, []):
            if arrow.target in chart.labels:
                pairs.setdefault((state.key, arrow.target), []).append(arrow)
    return [
        Line(n, *pair, [_told(arrow, names, reasons) for arrow in arrows], not all(a.shipped for a in arrows))
        for n, (pair, arrows) in enumerate(pairs.items(), start=1)
    ]


def _told(arrow: Arrow, names: dict[str, str], reasons: dict[str, str]) -> str:
    parts = [names.get(arrow.event, arrow.event)]
    parts += [f"reason {reasons.get(arrow.reason, arrow.reason)}"] if arrow.reason else []
    return ", ".join(parts if arrow.shipped else [*parts, "your own"])


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
        ("States", "orders.statedefinition"), ("Reasons", "orders.statereason"),
        ("Transitions", "orders.statetransition"), ("Events", "orders.eventdefinition"),
    )  # fmt: skip
    allowed = [
        (label, rows_url(model))
        for label, model in rows
        if request.user.has_perm(model.replace(".", ".view_"))
    ]
    return {"links": [(label, url) for label, url in allowed if url]}
