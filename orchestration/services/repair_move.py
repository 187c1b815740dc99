"""Runs onto the newest published version of their flow: first where each would stand, then the move itself."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db import transaction

from orchestration.engine.tokens import Token
from orchestration.models import FlowRun, FlowVersion
from orchestration.services.repair_bench import RESULT, Bench
from orders.types import Outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a path would stand after the move; `problem` says why it cannot, and then its run stays whole."""

    run_id: int
    order_id: int
    step: str
    name: str
    from_version: int
    to_version: int
    problem: str = ""


def preview_move(run_ids: Collection[int]) -> list[Standing]:
    """One row a path, in run order; runs that have ended or are on the newest version are left out. Nothing is changed."""
    with transaction.atomic():
        bench = Bench(run_ids, actor="preview")
        with bench:
            return [row for _, rows in _planned(bench) for row in rows]


@transaction.atomic
def move_to_newest(run_ids: Collection[int], *, actor: str, reason: str = "") -> Outcome:
    """Let runs go on with the newest published version, each path at the step where it stands.

    A run one of whose steps is gone, does something else or stands in another branch there is refused and stays whole.
    """
    with Bench(run_ids, actor=actor, reason=reason) as bench:
        going: dict[int, list[int]] = {}
        for version, rows in _planned(bench):
            run_id = rows[0].run_id
            if problem := next((row.problem for row in rows if row.problem), ""):
                bench.refused[run_id] = problem
                continue
            for token in bench.wave.tokens[run_id]:
                told = {"from_version": rows[0].from_version, "to_version": version.number}
                bench.did(token, f"Moved to version {version.number}", RESULT.REQUESTED, **told)
            going.setdefault(version.pk, []).append(run_id)
            bench.changed.append(run_id)
        for version_id, ids in going.items():
            FlowRun.objects.filter(pk__in=ids).update(version=version_id)
    return bench.outcome()


def _planned(bench: Bench) -> list[tuple[FlowVersion, list[Standing]]]:
    """By run that could move at all: the newest version, and a row for each of its paths."""
    live = [
        run for run in bench.runs.values() if run.state not in FlowRun.FINAL and bench.wave.tokens[run.pk]
    ]
    found = FlowVersion.objects.filter(
        flow__in={run.flow_id for run in live}, flow__live_version__isnull=False
    )
    newest: dict[int, FlowVersion] = {}
    for version in found.order_by("number"):
        newest[version.flow_id] = version
    plans = []
    for run in live:
        version, now = newest.get(run.flow_id), bench.wave.versions[run.version_id]
        if version and version.pk != now.pk:
            rows = [_standing(bench, run, token, now, version) for token in bench.wave.tokens[run.pk]]
            plans.append((version, rows))
    return plans


def _standing(bench: Bench, run: FlowRun, token: Token, now: FlowVersion, version: FlowVersion) -> Standing:
    step = bench.step(token)
    problem = _problem(step, version.compiled["steps"].get(token.step), version.number)
    return Standing(run.pk, run.order_id, token.step, step["name"], now.number, version.number, problem)


def _problem(old: Mapping, new: Mapping | None, number: int) -> str:
    if new is None:
        return f"“{old['name']}” is not part of version {number}."
    if (new["kind"], new.get("action")) != (old["kind"], old.get("action")):
        return f"“{old['name']}” does something else in version {number}."
    if new["scope"] != old["scope"]:
        return f"“{old['name']}” stands in another branch in version {number}."
    return ""
