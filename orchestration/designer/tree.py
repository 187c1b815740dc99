"""Where things are in a drawing. A place is a sequence: `""` is the flow's own, `element/branch` that of a branch."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.designer.faults import NoSuchBranch, NoSuchPlace, NoSuchStep
from orchestration.engine.graph import ELEMENTS

LONGEST_KEY = 50


@dataclass(frozen=True, slots=True)
class Spot:
    place: str
    position: int
    sequence: list
    depth: int

    @property
    def node(self) -> dict:
        return self.sequence[self.position]


def copy_of(draft: Mapping[str, Any]) -> dict[str, Any]:
    """A draft of one's own to change, with what every drawing has."""
    fresh = copy.deepcopy(dict(draft))
    fresh.setdefault("entry", {"events": [], "filters": []})
    fresh.setdefault("steps", [])
    return fresh


def lanes(node: dict) -> Iterator[tuple[str, list]]:
    """The sequences of an element by branch key, made where the drawing left them out."""
    if node["kind"].startswith("condition"):
        for word in ("yes", "no"):
            yield word, node.setdefault(word, [])
    elif node["kind"] in ELEMENTS:
        for branch in node.setdefault("branches", []):
            yield branch["key"], branch.setdefault("steps", [])


def spots(draft: dict) -> Iterator[Spot]:
    """Every node with its place, each before its branches."""
    yield from nodes_of("", draft["steps"], 0)


def nodes_of(place: str, sequence: list, depth: int) -> Iterator[Spot]:
    for position, node in enumerate(sequence):
        yield Spot(place, position, sequence, depth)
        for branch, inner in lanes(node):
            yield from nodes_of(f"{node['key']}/{branch}", inner, depth + 1)


def find(draft: dict, key: str) -> Spot:
    for spot in spots(draft):
        if spot.node["key"] == key:
            return spot
    raise NoSuchStep(key)


def sequence_at(draft: dict, place: str) -> list:
    if not place:
        return draft["steps"]
    key, _, branch = place.partition("/")
    try:
        return dict(lanes(find(draft, key).node))[branch]
    except (KeyError, NoSuchStep):
        raise NoSuchPlace(place) from None


def depth_at(draft: dict, place: str) -> int:
    return find(draft, place.partition("/")[0]).depth + 1 if place else 0


def branch_at(node: dict, branch: str) -> dict:
    for found in node.get("branches", []):
        if found["key"] == branch:
            return found
    raise NoSuchBranch(node["key"], branch)


def keys(nodes: list) -> set[str]:
    return {spot.node["key"] for spot in nodes_of("", nodes, 0)}


def key_from(name: str, taken: set[str], *, kind: str = "step") -> str:
    """A key in small letters made from a name, with a number where another one has it."""
    bare = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: LONGEST_KEY - 4].strip("-") or kind
    found, number = bare, 1
    while found in taken:
        number += 1
        found = f"{bare}-{number}"
    return found
