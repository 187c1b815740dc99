"""A small map as numbers for an SVG: land in outline, a destination, and the places around it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, radians

from insights.figures.outlines import BORDERS, LAKES, LAND, Shape

WIDTH, HEIGHT = 480, 320
SMALLEST_SPAN = 9.0  # degrees of latitude: closer than this an outline this coarse says nothing
MARGIN = 1.28
LABEL_ROOM = 15  # pixels between two labels
LETTER = 9  # pixels of a letter, on average, at the size of labels

Point = tuple[float, float]  # latitude, longitude


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
    taken: list[tuple[float, float]] = []
    ordered = sorted(every, key=lambda place: (place is not home, place.role != "chosen"))
    dots = {id(place): _dot(place, view, taken) for place in ordered}
    start = dots[id(home)] if home else None
    others = [dots[id(place)] for place in places]
    lines = [(dot, start) for dot in others if start and dot.place.role == "chosen"]
    return Map(view.shapes(LAND), view.shapes(LAKES), view.shapes(BORDERS), start, others, lines)


def _dot(place: Place, view: _View, taken: list[tuple[float, float]]) -> Dot:
    """A place that is removed, or whose label would lie on another, goes without one."""
    x, y = view(place.latitude, place.longitude)
    wide = 11 + LETTER * len(place.label)
    right = x + wide < WIDTH or x < wide  # where neither side has room, the right one is as good
    named = place.role != "removed" and not any(
        abs(y - other) < LABEL_ROOM and abs(x - before) < 110 for before, other in taken
    )
    if named:
        taken.append((x, y))
    return Dot(
        place, x, y, place.label if named else "", "start" if right else "end", x + (11 if right else -11)
    )
