"""Strategies: check the draft, publish it as the next version, put an old one back, choose the default."""

from collections import defaultdict

from django.db import transaction
from django.utils import timezone

from fulfillment import contradictions, strategy_words
from fulfillment.constraint_kinds import check
from fulfillment.contradictions import Finding, World
from fulfillment.distance import kilometers
from fulfillment.errors import StrategyNotPublishable
from fulfillment.models import SourceList, Strategy, StrategyVersion
from fulfillment.strategy_document import RELATED, document_of, write_draft
from inventory.models import FulfillmentSource
from orders.models import Order
from orders.services import events
from orders.types import Raised

RECENT_ORDERS = 300


def problems_of(strategy: Strategy) -> list[Finding]:
    """What contradicts itself or the world in the draft; errors first. Fixed number of queries."""
    return contradictions.find(document_of(strategy), world())


def world() -> World:
    """Lists, sources and where recent orders went, for the check."""
    lists: dict[str, set[str]] = defaultdict(set)
    for key, code in SourceList.objects.values_list("key", "sources__code"):
        lists[key].add(code)
    rows = list(
        FulfillmentSource.objects.values_list(
            "code", "type", "active", "latitude", "longitude", "calendar", "cutoff_time"
        )
    )
    return World(
        lists={key: frozenset(codes - {None}) for key, codes in lists.items()},
        types={row[0]: row[1] for row in rows},
        active=frozenset(row[0] for row in rows if row[2]),
        nearest_km=_nearest(
            [(row[0], row[3], row[4]) for row in rows if row[3] is not None and row[4] is not None]
        ),
        strategies={key: other or "" for key, other in Strategy.objects.values_list("key", "alternate__key")},
        timed=frozenset(row[0] for row in rows if row[5] or row[6]),
        today=timezone.now().date(),
    )


def _nearest(places: list[tuple[str, float, float]]) -> dict[str, float]:
    """By source, the way to the nearest of the newest orders; nothing where no order is known."""
    destinations = list(
        Order.objects.filter(ship_to_latitude__isnull=False, ship_to_longitude__isnull=False)
        .order_by("-pk")
        .values_list("ship_to_latitude", "ship_to_longitude")[:RECENT_ORDERS]
    )
    if not destinations or not places:
        return {}
    table = kilometers(destinations, [(latitude, longitude) for _, latitude, longitude in places])
    return {code: float(km) for (code, _, _), km in zip(places, table.min(axis=0), strict=True)}


def changes_of(strategy: Strategy) -> list[str]:
    """What publishing would change, in sentences; of a strategy that never was published, what it says."""
    document = document_of(strategy)
    if strategy.live_version is None:
        return strategy_words.summary(document)
    return strategy_words.differences(strategy.live_version.document, document)


@transaction.atomic
def publish(strategy_id: int, *, actor: str, comment: str = "") -> StrategyVersion:
    """Freeze the draft as the next version; it works from this moment on. The same content again makes no version.

    Raises StrategyNotPublishable, with every error found, and nothing is changed.
    """
    strategy = _locked(strategy_id)
    if errors := [one for one in problems_of(strategy) if one.level == contradictions.ERROR]:
        raise StrategyNotPublishable(errors)
    document = settled(document_of(strategy))
    live = strategy.live_version
    if live and live.document == document:
        return live
    newest = strategy.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = StrategyVersion.objects.create(
        strategy=strategy, number=newest + 1, document=document, comment=comment, published_by=actor,
        published_at=timezone.now(),
    )  # fmt: skip
    strategy.live_version = version
    strategy.save(update_fields=["live_version", "updated_at"])
    told = {"key": strategy.key, "version": version.number, "comment": comment}
    events.record([Raised("strategy.published", "strategy", strategy.pk, None, told)], actor=actor)
    return version


def _locked(strategy_id: int) -> Strategy:
    Strategy.objects.select_for_update().get(pk=strategy_id)
    found = Strategy.objects.select_related("source_list", "alternate", "live_version")
    return found.prefetch_related(*RELATED).get(pk=strategy_id)


def settled(document: dict) -> dict:
    """Parameters as their kind reads them: numbers as numbers, lists sorted."""
    rows = [
        {**row, "parameters": check(row["kind"], row["parameters"]).values} for row in document["constraints"]
    ]
    return {**document, "constraints": rows}


@transaction.atomic
def restore(version_id: int, *, actor: str) -> Strategy:
    """Put what a version says into the draft; the live one works on until the draft is published."""
    version = StrategyVersion.objects.get(pk=version_id)
    strategy = _locked(version.strategy_id)
    write_draft(strategy, version.document)
    return strategy


@transaction.atomic
def make_default(strategy_id: int, *, actor: str) -> Strategy:
    """Orders that name no strategy use this one from now on; of all strategies exactly one is the default."""
    rows = {row.pk: row for row in Strategy.objects.select_for_update().order_by("pk")}
    Strategy.objects.filter(is_default=True).exclude(pk=strategy_id).update(is_default=False)
    Strategy.objects.filter(pk=strategy_id).update(is_default=True)
    told = {"key": rows[strategy_id].key}
    events.record([Raised("strategy.default_chosen", "strategy", strategy_id, None, told)], actor=actor)
    return Strategy.objects.get(pk=strategy_id)
