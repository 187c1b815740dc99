"""Published versions never change, so a worker reads what one says once and keeps it."""

from collections.abc import Collection
from datetime import datetime

from orchestration.models import FlowVersion

MOST = 100  # kept; more than this are read again
NARROW = (
    "id", "flow_id", "number", "published_at", "flow__id", "flow__key", "flow__name", "flow__status", "flow__paused_steps",
)  # fmt: skip
_kept: dict[tuple[int, datetime], dict] = {}


def load(ids: Collection[int]) -> dict[int, FlowVersion]:
    """Versions by id with their flows as they are now; `compiled` is shared by all who ask, so nobody writes to it."""
    found = FlowVersion.objects.select_related("flow").only(*NARROW).in_bulk(ids)
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
