"""Edits of a drawing. Each takes a draft and gives a new one; what cannot be done raises a named fault.

The draft that is given is never changed, so that an edit can be undone by keeping it.
"""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from orchestration.designer import tree
from orchestration.designer.faults import EditRefused, NeedsName, NoSuchBranch, NoSuchPlace, TooLarge
from orchestration.engine.graph import ELEMENTS
from orchestration.services.checking import DEEPEST, MOST_STEPS

ELEMENT_NAMES = {
    "condition": "Condition", "condition_merge": "Condition-Merge",
    "splitter": "Splitter", "splitter_merge": "Splitter-Merge",
}  # fmt: skip
SETTINGS = (
    "action", "provider_action", "input_events", "filters", "policies", "resume_on_error", "on_failure", "retry", "deadline",
    "notes", "level",
)  # fmt: skip
Draft = Mapping[str, Any]


def insert(draft: Draft, place: str, position: int, what: str, name: str) -> tuple[dict, str]:
    """Put a new step or element at a gap; `what` is an element's kind or an action's key. Returns its key too.

    An element that does not rejoin takes what follows into its first branch, as nothing could follow it.
    """
    fresh = tree.copy_of(draft)
    sequence = _gap(fresh, place, position)
    _room(fresh, 1, tree.depth_at(fresh, place))
    node = _new(what, _named(name), tree.keys(fresh["steps"]))
    if what in ("condition", "splitter"):
        _, first = next(tree.lanes(node))
        first += sequence[position:]
        del sequence[position:]
    sequence.insert(position, node)
    return fresh, node["key"]


def move(draft: Draft, key: str, by: int) -> dict:
    """One up (-1) or down (+1); at the end of a branch it leaves the branch, before or after the element."""
    fresh = tree.copy_of(draft)
    spot = tree.find(fresh, key)
    to = spot.position + by
    if 0 <= to < len(spot.sequence):
        spot.sequence.insert(to, spot.sequence.pop(spot.position))
        return fresh
    if not spot.place:
        raise EditRefused("It is the first step already." if by < 0 else "It is the last step already.")
    around = tree.find(fresh, spot.place.partition("/")[0])
    if by > 0 and not _rejoins(around.node):
        raise EditRefused("Nothing follows an element whose branches do not rejoin.")
    around.sequence.insert(around.position + (by > 0), spot.sequence.pop(spot.position))
    return fresh


def move_to(draft: Draft, key: str, place: str, position: int) -> dict:
    """To any gap, named as it was before the step left its own."""
    fresh = tree.copy_of(draft)
    spot, target = tree.find(fresh, key), _gap(fresh, place, position)
    inside = tree.keys([spot.node])
    if place.partition("/")[0] in inside:
        raise EditRefused("An element cannot be moved into itself.")
    if tree.depth_at(fresh, place) + _height(spot.node) > DEEPEST:
        raise TooLarge(f"Branches can be nested {DEEPEST} levels deep at most.")
    node = spot.sequence.pop(spot.position)
    target.insert(position - (target is spot.sequence and position > spot.position), node)
    return fresh


def duplicate(draft: Draft, key: str) -> tuple[dict, str]:
    """A copy right behind it, with keys of its own; jumps inside the copy lead to steps of the copy."""
    fresh = tree.copy_of(draft)
    spot = tree.find(fresh, key)
    if spot.node["kind"] in ELEMENTS and not _rejoins(spot.node):
        raise EditRefused("A copy could never be reached: the branches of this element do not rejoin.")
    _room(fresh, len(tree.keys([spot.node])), 0)
    node = copy.deepcopy(spot.node)
    node["name"] = f"{node['name']} (copy)"[:120]
    renamed = _rekey(node, tree.keys(fresh["steps"]))
    _retarget([node], renamed)
    spot.sequence.insert(spot.position + 1, node)
    return fresh, node["key"]


def delete(draft: Draft, key: str, keep: str = "") -> dict:
    """Take a step away. Of an element the steps of the branch `keep` stay in its place, all others go with it."""
    fresh = tree.copy_of(draft)
    spot = tree.find(fresh, key)
    inner = dict(tree.lanes(spot.node))
    if keep and keep not in inner:
        raise NoSuchBranch(key, keep)
    spot.sequence[spot.position : spot.position + 1] = inner.get(keep, [])
    return fresh


def rename(draft: Draft, key: str, name: str, *, fixed: Collection[str] = ()) -> tuple[dict, str]:
    """A new name, and a new key with it unless the key is in `fixed`: what a live version knows keeps its key."""
    fresh = tree.copy_of(draft)
    node = tree.find(fresh, key).node
    node["name"] = _named(name)
    if key not in fixed:
        node["key"] = tree.key_from(name, tree.keys(fresh["steps"]) - {key})
        _retarget(fresh["steps"], {key: node["key"]})
    return fresh, node["key"]


def configure(draft: Draft, key: str, settings: Mapping[str, Any]) -> dict:
    """Set settings of a step; an empty value removes one. `parameters` are merged name by name."""
    if unknown := set(settings) - {*SETTINGS, "parameters", "rejoins"}:
        raise EditRefused(f"There is no setting {', '.join(sorted(unknown))}.")
    fresh = tree.copy_of(draft)
    spot = tree.find(fresh, key)
    node = spot.node
    for name in SETTINGS:
        if name in settings:
            _put(node, name, settings[name])
    if "parameters" in settings:
        merged = {**node.get("parameters", {})}
        for name, value in settings["parameters"].items():
            _put(merged, name, value)
        _put(node, "parameters", merged)
    if "rejoins" in settings:
        _set_rejoin(spot, bool(settings["rejoins"]))
    return fresh


def set_entry(draft: Draft, events: list[str], filters: list[str]) -> dict:
    """What starts the flow. Raises EditRefused without any event, as no order would ever come in."""
    if not events:
        raise EditRefused("Choose at least one event that starts the flow.")
    fresh = tree.copy_of(draft)
    fresh["entry"] = {**fresh["entry"], "events": list(events), "filters": list(filters)}
    return fresh


# -- branches ---------------------------------------------------------------------------------------------------


def add_branch(draft: Draft, key: str, name: str) -> tuple[dict, str]:
    fresh = tree.copy_of(draft)
    node = _splitter(fresh, key)
    branch = _branch(_named(name), {found["key"] for found in node["branches"]})
    node["branches"].append(branch)
    return fresh, branch["key"]


def delete_branch(draft: Draft, key: str, branch: str) -> dict:
    """Away with it and its steps. A splitter may be left without any for now; it cannot be published so."""
    fresh = tree.copy_of(draft)
    node = _splitter(fresh, key)
    node["branches"].remove(tree.branch_at(node, branch))
    return fresh


def set_branch(
    draft: Draft,
    key: str,
    branch: str,
    *,
    name: str,
    filters: list[str] | None = None,
    otherwise: bool = False,
) -> dict:
    """Its name, its filters, and whether it takes what no other branch takes; only one branch can."""
    fresh = tree.copy_of(draft)
    node = _splitter(fresh, key)
    found = tree.branch_at(node, branch)
    found["name"] = _named(name)
    if filters is not None:
        found["filters"] = [] if otherwise else list(filters)
    for other in node["branches"]:
        if otherwise:
            other.pop("otherwise", None)
    _put(found, "otherwise", otherwise)
    return fresh


def move_branch(draft: Draft, key: str, branch: str, by: int) -> dict:
    fresh = tree.copy_of(draft)
    branches = _splitter(fresh, key)["branches"]
    at = branches.index(tree.branch_at(tree.find(fresh, key).node, branch))
    if not 0 <= at + by < len(branches):
        raise EditRefused("It is at that end already.")
    branches.insert(at + by, branches.pop(at))
    return fresh


# -- helpers ----------------------------------------------------------------------------------------------------


def _new(what: str, name: str, taken: set[str]) -> dict[str, Any]:
    node: dict[str, Any] = {
        "kind": what if what in ELEMENTS else "action",
        "key": tree.key_from(name, taken),
        "name": name,
    }
    if what in ("condition", "condition_merge"):
        return node | {"yes": [], "no": []}
    if what in ELEMENTS:
        first = _branch("Branch 1", set())
        return node | {"level": "order", "branches": [first, _branch("Branch 2", {first["key"]})]}
    return node | {"action": what}


def _branch(name: str, taken: set[str]) -> dict[str, Any]:
    return {"key": tree.key_from(name, taken, kind="branch"), "name": name, "filters": [], "steps": []}


def _named(name: str) -> str:
    if not name.strip():
        raise NeedsName
    return name.strip()[:120]


def _gap(draft: dict, place: str, position: int) -> list:
    """The sequence of a gap; nothing can stand behind an element that does not rejoin."""
    sequence = tree.sequence_at(draft, place)
    if not 0 <= position <= len(sequence):
        raise NoSuchPlace(place, position)
    if position and sequence[position - 1]["kind"] in ELEMENTS and not _rejoins(sequence[position - 1]):
        raise EditRefused("Nothing follows an element whose branches do not rejoin.")
    return sequence


def _room(draft: dict, more: int, depth: int) -> None:
    if len(tree.keys(draft["steps"])) + more > MOST_STEPS:
        raise TooLarge(f"A flow has {MOST_STEPS} steps at most.")
    if depth > DEEPEST:
        raise TooLarge(f"Branches can be nested {DEEPEST} levels deep at most.")


def _height(node: dict) -> int:
    return max((1 + _height(inner) for _, lane in tree.lanes(node) for inner in lane), default=0)


def _rejoins(node: Mapping[str, Any]) -> bool:
    return node["kind"].endswith("_merge")


def _splitter(draft: dict, key: str) -> dict:
    node = tree.find(draft, key).node
    if not node["kind"].startswith("splitter"):
        raise EditRefused("Only splitters have branches of their own making.")
    node.setdefault("branches", [])
    return node


def _set_rejoin(spot: tree.Spot, rejoins: bool) -> None:
    bare = spot.node["kind"].removesuffix("_merge")
    if bare not in ELEMENTS:
        raise EditRefused("Only conditions and splitters have branches.")
    if not rejoins and spot.position + 1 < len(spot.sequence):
        raise EditRefused("Steps follow this element: move them into a branch first, then let it end there.")
    spot.node["kind"] = f"{bare}_merge" if rejoins else bare


def _put(target: dict, name: str, value: Any) -> None:
    if value in (None, "", False, [], {}):
        target.pop(name, None)
    else:
        target[name] = value


def _rekey(node: dict, taken: set[str]) -> dict[str, str]:
    """New keys for a copied node and all that is in it; returns old key -> new key."""
    renamed = {}
    for spot in tree.nodes_of("", [node], 0):
        old = spot.node["key"]
        renamed[old] = tree.key_from(spot.node["name"], taken | set(renamed.values()))
    for spot in list(tree.nodes_of("", [node], 0)):
        spot.node["key"] = renamed[spot.node["key"]]
    return renamed


def _retarget(nodes: list, renamed: Mapping[str, str]) -> None:
    for spot in tree.nodes_of("", nodes, 0):
        for holder in (spot.node.get("on_failure"), spot.node.get("parameters")):
            if holder and holder.get("go_to") in renamed:
                holder["go_to"] = renamed[holder["go_to"]]
