"""A transition table as a drawing: states of the progress bar down the middle, all others beside it, lines at right angles.

Lines that lead to one state share a trunk, lines that leave a state beside the bar do too, so 15 states stay readable.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

WIDE, SIDE_WIDE, LOW, PORT, GAP, LANE, EDGE = 176, 160, 52, 18, 34, 16, 20


@dataclass(slots=True)
class Box:
    key: str
    label: str
    note: str
    mark: str  # shipped, own or lost: nothing leads there
    x: float = 0
    y: float = 0
    wide: float = WIDE
    high: float = LOW
    loops: list[int] = field(default_factory=list)
    ports: dict[str, dict[str, float]] = field(default_factory=lambda: {"left": {}, "right": {}})

    @property
    def middle(self) -> float:
        return self.y + self.high / 2

    @property
    def right(self) -> float:
        return self.x + self.wide

    @property
    def center(self) -> float:
        return self.x + self.wide / 2

    def port(self, side: str, name: str) -> float:
        """The height at which a line of this name meets this side."""
        names = list(self.ports[side])
        first = self.middle - PORT * (len(names) - 1) / 2
        return first + PORT * names.index(name)


@dataclass(slots=True)
class Line:
    """From one state to another, for one or more events. `path` is what an SVG path is made of, `at` where its number is."""

    number: int
    source: str
    target: str
    events: list[str]
    own: bool
    path: str = ""
    at: tuple[float, float] = (0, 0)

    @property
    def stays(self) -> bool:
        return self.source == self.target


@dataclass(slots=True)
class Picture:
    boxes: list[Box]
    lines: list[Line]
    width: float
    height: float


def picture(boxes: Sequence[Box], spine: Sequence[str], lines: Sequence[Line]) -> Picture:
    """Places for all; `spine` are the keys down the middle, from the top. The boxes and lines are changed and kept."""
    by_key = {box.key: box for box in boxes}
    rank = {key: n for n, key in enumerate(spine)}
    moves = [line for line in lines if not line.stays]
    for line in lines:
        if line.stays:
            by_key[line.source].loops.append(line.number)
    routes = [(line, _route(line, rank)) for line in moves]
    for line, (kind, side, trunk) in routes:
        if kind != "straight":
            _connect(by_key[line.source], by_key[line.target], kind, side, trunk, rank)
    _stack(by_key, spine, [box for box in boxes if box.key not in rank], moves)
    left, right = _lanes(routes, by_key, "left"), _lanes(routes, by_key, "right")
    margin = EDGE + LANE * (max(left.values(), default=-1) + 1) + 26
    between = LANE * (max(right.values(), default=-1) + 1) + 64
    for box in boxes:
        box.x = margin if box.key in rank else margin + WIDE + between
        box.wide = WIDE if box.key in rank else SIDE_WIDE
    for line, route in routes:
        _draw(line, route, by_key, rank, {"left": left, "right": right})
    width = max((box.right for box in boxes), default=0) + EDGE
    return Picture(
        list(boxes), list(lines), width, max((box.y + box.high for box in boxes), default=0) + EDGE
    )


def _route(line: Line, rank: Mapping[str, int]) -> tuple[str, str, str]:
    """(kind, side, name of the trunk): straight down, past others on the left, or to and from a state beside."""
    source, target = rank.get(line.source), rank.get(line.target)
    if source is None:
        return "out", "right", f"from {line.source}"
    if target is None:
        return "in", "right", f"to {line.target}"
    if target == source + 1:
        return "straight", "", ""
    return "in", "left", f"{'to' if target > source else 'back to'} {line.target}"


def _connect(source: Box, target: Box, kind: str, side: str, trunk: str, rank: Mapping[str, int]) -> None:
    """Room on the sides of both boxes; lines of one trunk share the port at its shared end."""
    one = side if source.key in rank else "left"
    other = side if target.key in rank else "left"
    source.ports[one].setdefault(trunk if kind == "out" else f"{trunk} < {source.key}", 0)
    target.ports[other].setdefault(trunk if kind == "in" else f"{trunk} > {target.key}", 0)


def _stack(by_key: Mapping[str, Box], spine: Sequence[str], beside: list[Box], moves: Iterable[Line]) -> None:
    y = EDGE
    for box in by_key.values():
        box.high = max(LOW, PORT * max(len(ports) for ports in box.ports.values()) + 8)
    for key in spine:
        by_key[key].y = y
        y += by_key[key].high + GAP
    near: dict[str, list[float]] = defaultdict(list)
    for line in moves:
        for key, other in ((line.source, line.target), (line.target, line.source)):
            if other in spine:
                near[key].append(by_key[other].middle)
    beside.sort(key=lambda box: sum(near[box.key]) / len(near[box.key]) if near[box.key] else y)
    below = EDGE
    for box in beside:
        wanted = sum(near[box.key]) / len(near[box.key]) - box.high / 2 if near[box.key] else below
        box.y = max(below, wanted)
        below = box.y + box.high + GAP


def _lanes(routes: Iterable, by_key: Mapping[str, Box], side: str) -> dict[str, int]:
    """Trunk -> lane, counted from the boxes outwards; trunks that pass one height never share a lane."""
    spans: dict[str, list[float]] = defaultdict(list)
    for line, (kind, where, trunk) in routes:
        if where == side and kind != "straight":
            spans[trunk] += [by_key[line.source].middle, by_key[line.target].middle]
    taken: list[list[tuple[float, float]]] = []
    found = {}
    for trunk, heights in sorted(spans.items(), key=lambda pair: (max(pair[1]) - min(pair[1]), pair[0])):
        low, high = min(heights) - LOW, max(heights) + LOW
        lane = next(
            (n for n, spans in enumerate(taken) if all(high < a or low > b for a, b in spans)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        found[trunk] = lane
    return found


def _draw(line: Line, route: tuple[str, str, str], by_key: Mapping, rank: Mapping, lanes: Mapping) -> None:
    kind, side, trunk = route
    source, target = by_key[line.source], by_key[line.target]
    if kind == "straight":
        line.path = f"M{source.center:g} {source.y + source.high:g}V{target.y - 7:g}"
        line.at = (source.center, source.y + source.high + GAP / 2 - 3)
        return
    start, one = _end(source, side, rank, trunk if kind == "out" else f"{trunk} < {source.key}")
    end, other = _end(target, side, rank, trunk if kind == "in" else f"{trunk} > {target.key}")
    lane = lanes[side][trunk]
    middle = by_key[next(iter(rank))]
    x = middle.x - 34 - LANE * lane if side == "left" else middle.right + 40 + LANE * lane
    into = end + (7 if _faces(target, side, rank) == "right" else -7)
    line.path = f"M{start:g} {one:g}H{x:g}V{other:g}H{into:g}"
    box, edge, height, off = (target, end, other, 20) if kind == "out" else (source, start, one, 13)
    line.at = (edge + (off if _faces(box, side, rank) == "right" else -off), height)


def _faces(box: Box, side: str, rank: Mapping[str, int]) -> str:
    return side if box.key in rank else "left"


def _end(box: Box, side: str, rank: Mapping[str, int], port: str) -> tuple[float, float]:
    faces = _faces(box, side, rank)
    return (box.x if faces == "left" else box.right), box.port(faces, port)
