"""Published versions never change, so a worker reads what one says once and keeps it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F, QuerySet

from iom.lib import bulk, compiled
from orchestration.models import Flow, FlowVersion

MOST = 100  # kept; more than this are read again
VERSION = ("id", "flow_id", "number", "published_at")
FLOW = ("id", "key", "name", "status", "paused_steps")
_kept: dict[tuple[int, datetime], dict] = {}


def load(ids: Collection[int]) -> dict[int, FlowVersion]:
    """Versions by id with their flows as they are now; `compiled` is shared by all who ask, so nobody writes to it."""
    return _filled(_of_ids(ids))


def live() -> dict[int, FlowVersion]:
    """The versions that new runs begin with: of each flow that is not switched off, the one published last."""
    return _filled(_live())


@compiled.query
def _of_ids(ids: Collection[int]) -> QuerySet:
    return _narrow(FlowVersion.objects.filter(pk__in=ids))


@compiled.query
def _live() -> QuerySet:
    live = FlowVersion.objects.filter(flow__live_version=F("pk"))
    return _narrow(live.exclude(flow__status=Flow.Status.UNPUBLISHED))


def _narrow(versions: QuerySet) -> QuerySet:
    return versions.order_by().values_list(*VERSION, *(f"flow__{name}" for name in FLOW))


def _filled(rows: Sequence[tuple]) -> dict[int, FlowVersion]:
    width = len(VERSION)
    versions = bulk.instances(FlowVersion, VERSION, [row[:width] for row in rows])
    flows = bulk.instances(Flow, FLOW, [row[width:] for row in rows])
    found = {version.pk: version for version in versions}
    for version, flow in zip(versions, flows, strict=True):
        version.flow = flow
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
