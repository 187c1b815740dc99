"""The dashboard: figures from counters, filters in the address, each number with its definition and its rows."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from insights.figures.charts import charts
from insights.figures.scope import RANGES, scope_of
from insights.figures.tiles import tiles
from iom.lib.pages import page, show
from orders.models import Channel


@page("insights.view_rollup")
def insights(request: HttpRequest) -> HttpResponse:
    channels = dict(Channel.objects.values_list("pk", "name"))
    scope = scope_of(request.GET, channels)
    drawn = charts(scope, channels)
    context = {
        "title": "Insights",
        "scope": scope,
        "ranges": [(key, label) for key, (label, _, _) in RANGES.items()],
        "channels": channels.items(),
        "tiles": tiles(scope),
        "charts": drawn,
        "figures": [chart.as_json() for chart in drawn],
        "as_of": timezone.now(),
    }
    return show(request, "insights/insights.html", context)
