"""A published flow as a drawing with what stands at each step: how many wait, run, failed, and for how long."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from orchestration.engine.graph import ELEMENTS, branches_of
from orchestration.models import Flow, FlowRun, FlowVersion, StepRun

SAMPLED = 5_000  # newest tokens that times in step are taken of
BUCKET = timedelta(minutes=5)
BUCKETS = 36
NEWEST = 20_000  # runs looked at for the chart, read by primary key from the newest end


@dataclass(slots=True)
class Tile:
    key: str
    name: str
    kind: str
    waiting: int = 0
    running: int = 0
    failed: int = 0
    p50: timedelta | None = None
    p90: timedelta | None = None
    oldest: datetime | None = None
    paused: bool = False
    branches: list[tuple[str, list["Tile"]]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.waiting + self.running + self.failed

    @property
    def mark(self) -> str:
        if self.failed:
            return "failed"
        return "running" if self.running else "waiting" if self.waiting else "ahead"

    @property
    def rejoins(self) -> bool:
        return self.kind.endswith("_merge")


def tiles(version: FlowVersion, tokens: QuerySet) -> list[Tile]:
    """The drawing of a version with what stands there now; two queries. Merges are counted at their element."""
    rows = tokens.order_by().values("step", "state").annotate(n=Count("pk"), oldest=Min("entered_at"))
    found: dict[str, dict] = defaultdict(lambda: {"waiting": 0, "running": 0, "failed": 0, "oldest": None})
    for row in rows:
        place = found[row["step"].removesuffix(".merge")]
        words = {StepRun.State.FAILED: "failed", StepRun.State.READY: "running"}.get(row["state"], "waiting")
        place[words] += row["n"]
        place["oldest"] = min(filter(None, (place["oldest"], row["oldest"])))
    ages, now = defaultdict(list), timezone.now()
    for step, at in tokens.order_by("-pk").values_list("step", "entered_at")[:SAMPLED]:
        ages[step.removesuffix(".merge")].append(now - at)
    return _sequence(version.definition.get("steps", []), dict(found), ages)


def _share(values: Sequence[timedelta], percent: int) -> timedelta | None:
    """The time that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def _sequence(nodes: Sequence[Mapping[str, Any]], found: Mapping, ages: Mapping) -> list[Tile]:
    return [_tile(node, found, ages) for node in nodes]


def _tile(node: Mapping[str, Any], found: Mapping, ages: Mapping) -> Tile:
    key = node["key"]
    times = ages.get(key, [])
    tile = Tile(
        key, node["name"], node["kind"], **found.get(key, {}), p50=_share(times, 50), p90=_share(times, 90)
    )
    if node["kind"] in ELEMENTS:
        tile.branches = [
            (branch.get("name") or branch["key"], _sequence(branch.get("steps", []), found, ages))
            for branch in branches_of(node)
        ]
    return tile


# -- started, finished and failed over time ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chart:
    """Numbers for 36 times five minutes; `marks` are (bucket, version) of what was published meanwhile."""

    starts: list[datetime]
    lines: list[tuple[str, str, list[int]]]  # name, tone, values
    marks: list[tuple[int, str]]

    @property
    def top(self) -> int:
        return max([1, *(value for _, _, values in self.lines for value in values)])

    @property
    def drawn(self) -> list[tuple[str, str, str]]:
        """name, tone and the points of its polyline in a box of 720 by 120."""
        step = 720 / (BUCKETS - 1)
        return [
            (
                name,
                tone,
                " ".join(f"{n * step:.1f},{118 - 112 * v / self.top:.1f}" for n, v in enumerate(values)),
            )
            for name, tone, values in self.lines
        ]

    @property
    def drawn_marks(self) -> list[tuple[str, str]]:
        return [(f"{n * 720 / (BUCKETS - 1):.1f}", text) for n, text in self.marks]

    @property
    def hours(self) -> list[tuple[float, str]]:
        """Where along the axis, in percent, which time stands: each full or half hour."""
        return [
            (round(100 * n / (BUCKETS - 1), 1), f"{at:%H:%M}")
            for n, at in enumerate(self.starts)
            if at.minute % 30 == 0
        ]

    @property
    def rows(self) -> list[tuple[datetime, list[int]]]:
        return [(at, [values[n] for _, _, values in self.lines]) for n, at in enumerate(self.starts)]


def chart(flow: Flow) -> Chart:
    """Failed are steps that stopped then and still stand. Three queries."""
    now = timezone.now()
    end = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0) + BUCKET
    begin = end - BUCKETS * BUCKET

    def bucket(at: datetime | None) -> int | None:
        return int((at - begin) // BUCKET) if at and begin <= at < end else None

    started, finished, failed = ([0] * BUCKETS for _ in range(3))
    newest = (
        FlowRun.objects.filter(flow=flow).order_by("-pk").values_list("started_at", "finished_at")[:NEWEST]
    )
    for start, finish in newest:
        for at, values in ((start, started), (finish, finished)):
            if (n := bucket(at)) is not None:
                values[n] += 1
    stopped = StepRun.objects.filter(state=StepRun.State.FAILED, run__flow=flow, entered_at__gte=begin)
    for at in stopped.order_by("-pk").values_list("entered_at", flat=True)[:NEWEST]:
        if (n := bucket(at)) is not None:
            failed[n] += 1
    published = flow.versions.filter(published_at__gte=begin).values_list("published_at", "number")
    marks = [(n, f"version {number}") for at, number in published if (n := bucket(at)) is not None]
    lines = [("Started", "run", started), ("Finished", "good", finished), ("Failed", "bad", failed)]
    return Chart([begin + n * BUCKET for n in range(BUCKETS)], lines, marks)
