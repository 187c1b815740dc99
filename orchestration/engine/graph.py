"""From the drawing of a flow (a tree) to its steps by key: what the engine walks.

A drawing is a sequence of nodes. A node is an action, or an element with branches, each a sequence of its own:

    {"kind": "action", "key", "name", "action", "parameters", "input_events", "provider_action", "filters", "policies",
     "resume_on_error", "on_failure": {"go_to"}, "deadline": {"minutes", "event"}}
    {"kind": "condition" | "condition_merge", "key", "name", "yes": [node, …], "no": [node, …]}
    {"kind": "splitter" | "splitter_merge", "key", "name", "level", "branches": [{"key", "name", "filters", "otherwise", "steps"}]}

Branches of a `…_merge` rejoin at the step `<key>.merge`; branches of the plain ones end where they end.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ELEMENTS = ("condition", "condition_merge", "splitter", "splitter_merge")


def compile_steps(nodes: Sequence[Mapping[str, Any]]) -> dict[str, dict]:
    """Steps by key in the order of the drawing; each knows its `next`, branches know their `first`.

    `next` None: the path ends. A node that can never be reached is compiled too, and marked `unreachable`.
    """
    steps: dict[str, dict] = {}
    _sequence(nodes, None, "", steps)
    for index, step in enumerate(steps.values()):
        step["index"] = index
    return steps


def first_step(steps: Mapping[str, dict]) -> str | None:
    """The entry; by index, since a database may keep the keys of an object in an order of its own."""
    return min(steps, key=lambda key: steps[key]["index"], default=None)


def branches_of(node: Mapping[str, Any]) -> list[dict]:
    """The branches of an element in drawing order, conditions' as `yes` and `no`."""
    if node["kind"].startswith("condition"):
        return [
            {"key": word, "name": name, "filters": [], "otherwise": False, "steps": node.get(word, [])}
            for word, name in (("yes", "Yes"), ("no", "No"))
        ]
    return list(node.get("branches", []))


def walk(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every node of a drawing, each before its branches."""
    for node in nodes:
        yield node
        if node.get("kind") in ELEMENTS:
            for branch in branches_of(node):
                yield from walk(branch.get("steps", []))


def _sequence(
    nodes: Sequence[Mapping], end: str | None, scope: str, steps: dict, unreachable: bool = False
) -> str | None:
    """Compile a sequence that continues at `end`; returns the key of its first step."""
    for position, node in enumerate(nodes):
        following = nodes[position + 1]["key"] if position + 1 < len(nodes) else end
        if node["kind"] in ELEMENTS:
            unreachable = _element(node, following, scope, steps, unreachable) or unreachable
        else:
            steps[node["key"]] = {**node, "next": following, "scope": scope, "unreachable": unreachable}
    return nodes[0]["key"] if nodes else end


def _element(node: Mapping, following: str | None, scope: str, steps: dict, unreachable: bool) -> bool:
    """Compile an element; returns whether what follows it in the drawing can never be reached."""
    merges = node["kind"].endswith("_merge")
    step = {key: value for key, value in node.items() if key not in ("yes", "no", "branches")}
    step |= {"next": following, "scope": scope, "unreachable": unreachable, "branches": []}
    steps[node["key"]] = step
    end = f"{node['key']}.merge" if merges else None
    for branch in branches_of(node):
        inner = f"{scope}/{node['key']}:{branch['key']}"
        first = _sequence(branch.get("steps", []), end, inner, steps, unreachable)
        step["branches"].append({**{k: v for k, v in branch.items() if k != "steps"}, "first": first})
    if merges:
        steps[end] = {
            "kind": "merge", "key": end, "name": f"{node['name']}: merge", "of": node["key"], "next": following,
            "scope": scope, "unreachable": unreachable,
        }  # fmt: skip
    return not merges
