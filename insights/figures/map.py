"""A small map as numbers for an SVG: land in outline, a destination, and the places around it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, radians

from insights.figures.outlines import BORDERS, LAKES, LAND, Shape

WIDTH, HEIGHT = 480, 320
SMALLEST_SPAN = 9.0  # degrees of latitude: closer than this an outline this coarse says nothing
MARGIN = 1.28
LABEL_ROOM = 17  # pixels from the middle of a line of text to the next
LETTER = 9  # pixels of a letter, on average, at the size of labels

Point = tuple[float, float]  # latitude, longitude
Box = tuple[float, float, float]  # of a label: left, right, middle line


@dataclass(frozen=True, slots=True)
class Place:
    """`role`: chosen, open or removed; `label` is written beside it if there is room."""

    label: str
    latitude: float
    longitude: float
    role: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    place: Place
    x: float
    y: float
    label: str
    anchor: str
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Map:
    """Coordinates in a box of WIDTH by HEIGHT; `land`, `lakes` and `borders` are attributes of SVG shapes."""

    land: list[str]
    lakes: list[str]
    borders: list[str]
    home: Dot | None
    dots: list[Dot]
    lines: list[tuple[Dot, Dot]]

    width, height = WIDTH, HEIGHT


class _View:
    """Longitude and latitude to pixels, true to scale at the middle of what is shown."""

    def __init__(self, points: Sequence[Point]) -> None:
        south, north = min(lat for lat, _ in points), max(lat for lat, _ in points)
        west, east = min(lon for _, lon in points), max(lon for _, lon in points)
        self.middle = ((south + north) / 2, (west + east) / 2)
        self.squeeze = max(cos(radians(self.middle[0])), 0.2)
        span = max(north - south, (east - west) * self.squeeze * HEIGHT / WIDTH) * MARGIN
        self.scale = HEIGHT / max(span, SMALLEST_SPAN)

    def __call__(self, latitude: float, longitude: float) -> tuple[float, float]:
        x = WIDTH / 2 + (longitude - self.middle[1]) * self.squeeze * self.scale
        return round(x, 1), round(HEIGHT / 2 - (latitude - self.middle[0]) * self.scale, 1)

    def shapes(self, shapes: Iterable[Shape]) -> list[str]:
        """Those that touch the box or what a page shows above and below it, as the points of an SVG polygon."""
        found = []
        for shape in shapes:
            points = [self(lat, lon) for lon, lat in shape]
            xs, ys = [x for x, _ in points], [y for _, y in points]
            if max(xs) >= 0 and min(xs) <= WIDTH and max(ys) >= -HEIGHT and min(ys) <= 2 * HEIGHT:
                found.append(" ".join(f"{x:g},{y:g}" for x, y in points))
        return found


def draw(home: Place | None, places: Sequence[Place]) -> Map | None:
    """The chosen places joined with the destination; None where nothing has coordinates."""
    every = [*([home] if home else []), *places]
    if not every:
        return None
    view = _View([(place.latitude, place.longitude) for place in every])
    taken: list[Box] = []
    ordered = sorted(every, key=lambda place: (place is not home, place.role != "chosen"))
    dots = {id(place): _dot(place, view, taken) for place in ordered}
    start = dots[id(home)] if home else None
    others = [dots[id(place)] for place in places]
    lines = [(dot, start) for dot in others if start and dot.place.role == "chosen"]
    return Map(view.shapes(LAND), view.shapes(LAKES), view.shapes(BORDERS), start, others, lines)


def _dot(place: Place, view: _View, taken: list[Box]) -> Dot:
    """With its label at the first side where it lies in the map and on no other label; a removed place has none."""
    x, y = view(place.latitude, place.longitude)
    if place.role != "removed":
        for anchor, label_x, label_y in _sides(x, y):
            box = _box(anchor, label_x, label_y, LETTER * len(place.label))
            if box[0] >= 0 and box[1] <= WIDTH and not any(_meet(box, other) for other in taken):
                taken.append(box)
                return Dot(place, x, y, place.label, anchor, label_x, label_y)
    return Dot(place, x, y, "", "start", x, y)


def _sides(x: float, y: float) -> list[tuple[str, float, float]]:
    """Right, left, above and below: anchor of the text and its middle line."""
    beside = [("start", x + 11, y), ("end", x - 11, y)]
    return beside + [(anchor, x, y + far) for far in (-18, 18) for anchor in ("middle", "end", "start")]


def _box(anchor: str, x: float, y: float, wide: float) -> Box:
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
    return left, left + wide, y


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < LABEL_ROOM
