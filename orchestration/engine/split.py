"""Splitters: a record takes every branch whose filters it passes."""

from collections.abc import Mapping

from orchestration.actions.base import Item
from orchestration.engine import route
from orchestration.engine.judge import judge
from orchestration.engine.tokens import State
from orchestration.engine.wave import Wave
from orchestration.models import StepResult


def split(wave: Wave, step: dict, level: str, items: list[Item]) -> None:
    """Each record takes every branch whose filters it passes; `otherwise` takes the rest; none at all is for a person."""
    if not items:
        return
    every = {record.id for item in items for record in item.records}
    taken: dict[str, set[int]] = {}
    for branch in step["branches"]:
        taken[branch["key"]] = (
            set() if branch.get("otherwise") else _passing(wave, items, branch, level, every)
        )
    rest = every - set().union(*taken.values())
    for branch in step["branches"]:
        if branch.get("otherwise"):
            taken[branch["key"]], rest = rest, set()
    for item in items:
        _branch_out(wave, step, level, item, taken, rest)


def _passing(wave: Wave, items: list[Item], branch: Mapping, level: str, ids: set[int]) -> set[int]:
    for name in branch.get("filters", ()):
        verdicts = judge(wave, items, name, level, ids)
        ids = {pk for pk in ids if pk in verdicts and verdicts[pk].passed}
    return ids


def _branch_out(
    wave: Wave, step: dict, level: str, item: Item, taken: Mapping[str, set[int]], rest: set[int]
) -> None:
    token, mine = item.token, {record.id for record in item.records}
    chosen = [
        (branch, mine & taken[branch["key"]]) for branch in step["branches"] if mine & taken[branch["key"]]
    ]
    wave.note(
        token,
        step["key"],
        StepResult.Result.SUCCESS,
        "",
        {"branches": {b["key"]: len(ids) for b, ids in chosen}},
    )
    roads = [(branch["first"], ids) for branch, ids in chosen]
    if mine & rest:
        roads.append((step["key"], mine & rest))
    parts = [token] + [
        token.part(level, ids) if level != "order" else token.part_whole() for _, ids in roads[1:]
    ]
    if level != "order" and len(roads) > 1:
        first = token.part(level, roads[0][1])
        route.take_over(token, first)
    wave.tokens[token.run_id] += parts[1:]
    for part, (first, ids) in zip(parts, roads, strict=True):
        if ids <= rest and first == step["key"]:
            part.stay(
                State.FAILED,
                "a person",
                error_code="no_branch",
                error="No branch takes this record; add an “otherwise” branch.",
            )
        else:
            route.enter(wave, part, first)
