"""A draft as it is drawn: tiles and lanes with words in place of keys, problems where they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.actions import ACTIONS
from orchestration.designer import tree
from orchestration.designer.palette import Entry, entry
from orchestration.engine.graph import ELEMENTS
from orchestration.entities import levels


@dataclass(slots=True)
class Lane:
    key: str
    name: str
    place: str
    filters: list[str]
    otherwise: bool
    tiles: list["Tile"]
    open_end: bool  # a step can be put behind the last one
    taken: int | None = None


@dataclass(slots=True)
class Tile:
    key: str
    name: str
    kind: str
    looks: Entry
    level: str
    place: str
    position: int
    events: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    jumps: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    mark: Any = None

    @property
    def rejoins(self) -> bool:
        return self.kind.endswith("_merge")

    @property
    def is_element(self) -> bool:
        return self.kind in ELEMENTS

    @property
    def after(self) -> int:
        return self.position + 1


@dataclass(slots=True)
class Words:
    """Names by key, asked once for a whole drawing."""

    events: Mapping[str, str]
    policies: Mapping[str, str]
    steps: Mapping[str, str] = field(default_factory=dict)


class Drawing:
    """`tiles` from the top, `by_key` each of them, `elsewhere` the problems that belong to no step."""

    def __init__(self, draft: Mapping[str, Any], words: Words, problems: Sequence[tuple[str, str]]) -> None:
        self.draft = tree.copy_of(draft)
        self.by_key: dict[str, Tile] = {}
        self.words = Words(words.events, words.policies, _names(self.draft))
        self._problems, self.elsewhere = _placed(self.draft, problems)
        self.problems = [
            (key, self.words.steps[key], text) for key, found in self._problems.items() for text in found
        ]
        self.tiles = self._lane("", self.draft["steps"])
        self.open_end = _open_end(self.draft["steps"])

    @property
    def problem_count(self) -> int:
        return len(self.problems) + len(self.elsewhere)

    @property
    def gaps(self) -> list[tuple[str, str]]:
        """Every gap as (place:position, in words), in the order of the drawing."""
        return list(_gaps("", self.tiles, self.open_end, "At the start of the flow"))

    def _lane(self, place: str, nodes: list) -> list[Tile]:
        return [self._tile(place, position, node) for position, node in enumerate(nodes)]

    def _tile(self, place: str, position: int, node: dict) -> Tile:
        tile = Tile(
            node["key"], node["name"], node["kind"], entry(_what(node)), _level(node), place, position
        )
        tile.events = [self.words.events.get(key, key) for key in node.get("input_events", [])]
        tile.filters = [self.words.policies.get(key, key) for key in node.get("filters", [])]
        tile.policies = [self.words.policies.get(key, key) for key in node.get("policies", [])]
        tile.jumps = list(self._jumps(node))
        tile.problems = self._problems.get(node["key"], [])
        self.by_key[node["key"]] = tile
        for branch, nodes in tree.lanes(node):
            tile.lanes.append(self._branch(node, branch, nodes))
        return tile

    def _branch(self, node: dict, branch: str, nodes: list) -> Lane:
        place = f"{node['key']}/{branch}"
        if node["kind"].startswith("condition"):
            return Lane(
                branch, branch.capitalize(), place, [], False, self._lane(place, nodes), _open_end(nodes)
            )
        found = tree.branch_at(node, branch)
        filters = [self.words.policies.get(key, key) for key in found.get("filters", [])]
        return Lane(
            branch, found.get("name") or branch, place, filters, bool(found.get("otherwise")), self._lane(place, nodes),
            _open_end(nodes),
        )  # fmt: skip

    def _jumps(self, node: dict):
        if go_to := (node.get("on_failure") or {}).get("go_to"):
            yield f"If it fails, to {self.words.steps.get(go_to, go_to)}"
        elif event := node.get("resume_on_error"):
            yield f"If it fails, raise {self.words.events.get(event, event)} and go on"
        if go_to := (node.get("parameters") or {}).get("go_to"):
            yield f"Then to {self.words.steps.get(go_to, go_to)}"
        if attempts := (node.get("retry") or {}).get("attempts"):
            yield f"Up to {attempts} attempts"
        if minutes := (node.get("deadline") or {}).get("minutes"):
            yield f"Within {minutes} min"


def output_events(node: Mapping[str, Any]) -> list[str]:
    """Keys of the events that a step raises; derived, never set."""
    action = ACTIONS.get(node.get("action", ""))
    if action is None:
        return []
    more = [node.get("resume_on_error"), (node.get("deadline") or {}).get("event")]
    return list(dict.fromkeys([*action.output_events(node), *(event for event in more if event)]))


def _what(node: Mapping[str, Any]) -> str:
    return node["kind"] if node["kind"] in ELEMENTS else node.get("action", "")


def _level(node: Mapping[str, Any]) -> str:
    if node["kind"].startswith("condition"):
        return ""
    action = ACTIONS.get(node.get("action", ""))
    level = (
        node.get("level", "order") if node["kind"] in ELEMENTS else action.level_at(node) if action else ""
    )
    return levels().get(level, level)


def _names(draft: dict) -> dict[str, str]:
    return {spot.node["key"]: spot.node["name"] for spot in tree.spots(draft)}


def _open_end(nodes: list) -> bool:
    return not nodes or nodes[-1]["kind"] not in ("condition", "splitter")


def _placed(
    draft: dict, problems: Sequence[tuple[str, str]]
) -> tuple[dict[str, list], list[tuple[str, str]]]:
    """Problems by the step they are in; one of a policy is shown at every step that names it."""
    users, at, elsewhere = defaultdict(list), defaultdict(list), []
    for spot in tree.spots(draft):
        node = spot.node
        named = [*node.get("filters", []), *node.get("policies", [])]
        named += [name for branch in node.get("branches", []) for name in branch.get("filters", [])]
        for name in dict.fromkeys(named):
            users[name].append(node["key"])
    names = _names(draft)
    for where, sentence in problems:
        key = where.removesuffix(".merge")
        if key in names:
            at[key].append(_sentence(sentence))
        elif users[where]:
            for user in users[where]:
                at[user].append(f"{where}: {sentence}")
        else:
            elsewhere.append((where, _sentence(sentence)))
    return at, elsewhere


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gaps(place: str, tiles: list[Tile], open_end: bool, first: str):
    yield f"{place}:0", first
    for tile in tiles:
        for lane in tile.lanes:
            yield from _gaps(lane.place, lane.tiles, lane.open_end, f"In “{lane.name}” of {tile.name}, first")
        if tile.position + 1 < len(tiles) or open_end:
            yield f"{place}:{tile.position + 1}", f"After {tile.name}"
