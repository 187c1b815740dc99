"""Home: what needs somebody, and how today compares."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from insights import metrics
from insights.selectors import totals
from iom.lib.pages import page, rows_url, show
from orchestration.models import StepRun
from orchestration.services.expectations import overdue
from orchestration.services.repair_targets import rows_of
from orders.models import Hold, Order
from providers.models import ConnectionGate, InboxMessage

WEEKS = 4
CAP = 1_000


class Card(NamedTuple):
    key: str
    name: str
    count: str
    words: str
    url: str
    tone: str


@page()
def home(request: HttpRequest) -> HttpResponse:
    """`?part=live` answers with the numbers alone."""
    context = {"title": "Home", "as_of": timezone.now(), "cards": _cards(request), "today": None}
    if request.user.has_perm("insights.view_rollup"):
        context["today"] = _today(timezone.localtime())
    context["orders_url"] = rows_url("orders.order") if request.user.has_perm("orders.view_order") else ""
    if request.GET.get("part") == "live":
        return render(request, "insights/home_live.html", context)
    return show(request, "insights/home.html", context)


def _cards(request: HttpRequest) -> list[Card]:
    """The cards that this user may open."""
    cards = []
    if request.user.has_perm("orders.view_order"):
        cards += [_attention(), _due_today(), _stuck()]
    if request.user.has_perm("providers.view_providerconnection"):
        cards.append(_providers())
    return cards


def _attention() -> Card:
    counts = attention_counts()
    total = sum(counts.values())
    parts = [
        f"{capped(count)} {ONE.get(word, word) if count == 1 else word}"
        for word, count in counts.items()
        if count
    ]
    words = ", ".join(parts) or "Nothing needs you"
    return Card(
        "attention", "Needs attention", capped(total), words, reverse("exceptions"), "bad" if total else "ok"
    )


ONE = {
    "stopped steps": "stopped step",
    "parked messages": "parked message",
    "requests failed or unknown": "request failed or unknown",
    "holds": "hold",
    "orders without a flow": "order without a flow",
}


def attention_counts() -> Counter:
    """What waits for a person, by kind, each counted from a partial index and only as far as `CAP`."""
    failed = StepRun.objects.filter(state=StepRun.State.FAILED)
    parked = InboxMessage.objects.filter(state=InboxMessage.State.PARKED)
    open_requests = rows_of("request", {})  # the same rows that the inbox lists
    held = Hold.objects.active()
    return Counter(
        {
            "stopped steps": _count(failed),
            "parked messages": _count(parked),
            "requests failed or unknown": _count(open_requests),
            "holds": _count(held),
            "orders without a flow": _count(rows_of("order", {})),
        }
    )


def _due_today() -> Card:
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    rows = Order.objects.filter(state__in=Order.OPEN, promised_at__lt=end)
    late = _count(rows.filter(promised_at__lt=timezone.now()))
    url = rows_url("orders.order", state__in=",".join(Order.OPEN), promised_at__lt=end.isoformat())
    words = f"{capped(late)} of them late already" if late else "Promised until midnight and not shipped yet"
    return Card("due", "Due today", capped(_count(rows)), words, url, "warn" if late else "ok")


def _stuck() -> Card:
    count = _count(StepRun.objects.filter(overdue()))
    words = "In one step for longer than usual" if count else "Every order moves as usual"
    return Card(
        "stuck",
        "Stuck longer than expected",
        capped(count),
        words,
        reverse("exceptions") + "#stuck",
        "warn" if count else "ok",
    )


def _providers() -> Card:
    gates = ConnectionGate.objects.exclude(health=ConnectionGate.Health.OK).order_by()
    counts = dict(gates.values_list("health").annotate(Count("pk")))
    names = dict(ConnectionGate.Health.choices)
    words = ", ".join(f"{count} {names[health].lower()}" for health, count in counts.items())
    total = sum(counts.values())
    words = words or "Every connection is healthy"
    return Card(
        "providers",
        "Providers not healthy",
        capped(total),
        words,
        reverse("exceptions") + "#providers",
        "bad" if total else "ok",
    )


class Today(NamedTuple):
    created: int
    usual: float | None
    shipped: int
    change: str


def _today(now: datetime) -> Today:
    """Orders since midnight beside the same hours of this weekday in past weeks; counters only."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    created = totals([metrics.CREATED], since=start).get((metrics.CREATED, ""), 0)
    shipped = sum(totals([metrics.SHIPPED], since=start).values())
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    past = [
        totals([metrics.CREATED], since=start - timedelta(weeks=n), until=hour - timedelta(weeks=n))
        for n in range(1, WEEKS + 1)
    ]
    seen = [found[metrics.CREATED, ""] for found in past if (metrics.CREATED, "") in found]
    usual = sum(seen) / len(seen) if seen else None
    change = f"{round(100 * (created - usual) / usual):+d} %" if usual else ""
    return Today(created, usual, shipped, change)


def _count(rows) -> int:
    return rows.order_by()[: CAP + 1].count()


def capped(count: int) -> str:
    return f"{count:,}" if count <= CAP else f"{CAP:,}+"
