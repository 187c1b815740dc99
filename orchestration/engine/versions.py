"""Published versions never change, so a worker reads what one says once and keeps it."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import F, QuerySet

from orchestration.models import Flow, FlowVersion

MOST = 100  # kept; more than this are read again
NARROW = (
    "id", "flow_id", "number", "published_at", "flow__id", "flow__key", "flow__name", "flow__status", "flow__paused_steps",
)  # fmt: skip
_kept: dict[tuple[int, datetime], dict] = {}


def load(ids: Collection[int]) -> dict[int, FlowVersion]:
    """Versions by id with their flows as they are now; `compiled` is shared by all who ask, so nobody writes to it."""
    return _filled(FlowVersion.objects.filter(pk__in=ids))


def live() -> dict[int, FlowVersion]:
    """The versions that new runs begin with: of each flow that is not switched off, the one published last."""
    return _filled(
        FlowVersion.objects.filter(flow__live_version=F("pk")).exclude(flow__status=Flow.Status.UNPUBLISHED)
    )


def _filled(versions: QuerySet) -> dict[int, FlowVersion]:
    found = {version.pk: version for version in versions.select_related("flow").only(*NARROW).order_by()}
    places = {pk: (pk, version.published_at) for pk, version in found.items()}
    if unread := [pk for pk, place in places.items() if place not in _kept]:
        _read(unread, places)
    for pk, version in found.items():
        version.compiled = _kept[places[pk]]
    return found


def _read(ids: list[int], places: dict[int, tuple[int, datetime]]) -> None:
    if len(_kept) + len(ids) > MOST:
        _kept.clear()
        ids = list(places)
    rows = FlowVersion.objects.filter(pk__in=ids).values_list("pk", "compiled")
    _kept.update({places[pk]: compiled for pk, compiled in rows})
