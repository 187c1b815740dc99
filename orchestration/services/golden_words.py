"""What a golden order expects, in one normal form, and where a run of the draft differs from it, in sentences.

Steps are compared each by itself and not in their order: branches and shipments overtake each other in real life.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from orchestration.engine.graph import branches_of, walk
from orchestration.services.simulation import Simulation
from orders.models import Order

STATES = dict(Order.State.choices)
STANDS = {
    "failed": "needs attention",
    "waiting": "waits",
    "joining": "waits for other branches",
    "ready": "is due",
}
RESULTS = {"success": "succeeds", "failure": "fails", "skipped": "is skipped"}


def of_story(story: Simulation) -> dict[str, Any]:
    """What the simulation did, as something to expect."""
    found = [(step.key, step.result, list(step.branches)) for step in story.steps]
    sent = Counter(sent.action for sent in story.sent)
    standing = [(step, state) for step, state, _ in story.standing]
    return normal(found, story.state_key, standing, sent, taken=not story.refused)


def normal(
    results: Iterable[tuple[str, str, list[str]]],
    state: str,
    standing: Iterable[tuple[str, str]],
    sent: Mapping[str, int],
    *,
    taken: bool = True,
) -> dict[str, Any]:
    """`results` are (step, result, branches taken) as they came; requests and joins are left out."""
    path: dict[str, tuple[set, set]] = {}
    for step, result, branches in results:
        if result != "requested" and not step.endswith(".merge"):
            ends, lanes = path.setdefault(step, (set(), set()))
            ends.add(result)
            lanes.update(branches)
    return {
        "taken": taken,
        "path": [
            {"step": step, "results": sorted(ends), "branches": sorted(lanes)}
            for step, (ends, lanes) in path.items()
        ],
        "state": state,
        "standing": [
            list(p) for p in sorted({(step.removesuffix(".merge"), state) for step, state in standing})
        ],
        "sent": [list(pair) for pair in sorted(sent.items())],
    }


class Names:
    """Steps and branches of drawings by key; the first drawing that knows a key names it."""

    def __init__(self, *drawings: Mapping[str, Any]) -> None:
        self.present = {node["key"] for node in walk(drawings[0].get("steps", []))}
        self._steps: dict[str, str] = {}
        self._branches: dict[tuple[str, str], str] = {}
        for drawing in drawings:
            for node in walk(drawing.get("steps", [])):
                self._steps.setdefault(node["key"], node["name"])
                if node["kind"] != "action":
                    for branch in branches_of(node):
                        name = branch.get("name") or branch["key"].capitalize()
                        self._branches.setdefault((node["key"], branch["key"]), name)

    def step(self, key: str) -> str:
        return f"“{self._steps.get(key, key)}”"

    def branches(self, step: str, keys: Iterable[str]) -> str:
        return " and ".join(self._branches.get((step, key), key) for key in keys) or "no branch"


def differences(expected: Mapping[str, Any], found: Mapping[str, Any], names: Names) -> list[str]:
    """Sentences, in the order of the path; empty when all is as expected."""
    if expected["taken"] != found["taken"]:
        return ["The flow takes this order in, which it did not." if found["taken"] else "The flow does not take this order in any more."]  # fmt: skip
    return [*_path(expected, found, names), *_end(expected, found, names), *_sent(expected, found)]


def _path(expected: Mapping, found: Mapping, names: Names) -> Iterable[str]:
    was, now = ({row["step"]: row for row in side["path"]} for side in (expected, found))
    for step, row in was.items():
        here = now.get(step)
        if here is None:
            why = "is not reached any more" if step in names.present else "is not in the flow any more"
            yield f"{names.step(step)} {why}; it was part of the path."
            continue
        if here["results"] != row["results"]:
            yield f"{names.step(step)} {_ends(here)}, where it {_ends(row)}."
        if here["branches"] != row["branches"]:
            yield (
                f"{names.step(step)} takes {names.branches(step, here['branches'])} "
                f"instead of {names.branches(step, row['branches'])}."
            )
    for step, row in now.items():
        if step not in was:
            yield f"{names.step(step)} is new on the path; it {_ends(row)}."


def _ends(row: Mapping[str, Any]) -> str:
    return " and ".join(RESULTS.get(result, result) for result in row["results"])


def _end(expected: Mapping, found: Mapping, names: Names) -> Iterable[str]:
    was, now = expected["standing"], found["standing"]
    if was != now:
        yield f"The order {_stands(now, names)}, where it {_stands(was, names)}."
    if expected["state"] != found["state"]:
        words = [STATES.get(side["state"], side["state"]) for side in (found, expected)]
        yield f"The order is “{words[0]}” at the end instead of “{words[1]}”."


def _stands(places: list[list[str]], names: Names) -> str:
    if not places:
        return "goes through to the end"
    return "stops: " + ", ".join(f"{names.step(step)} {STANDS.get(state, state)}" for step, state in places)


def _sent(expected: Mapping, found: Mapping) -> Iterable[str]:
    was, now = dict(expected["sent"]), dict(found["sent"])
    for action in dict.fromkeys([*was, *now]):
        before, after = was.get(action, 0), now.get(action, 0)
        if before != after:
            yield f"{action} is sent {_times(after)} instead of {_times(before)}."


def _times(count: int) -> str:
    return {0: "not at all", 1: "once"}.get(count, f"{count} times")
