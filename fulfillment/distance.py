"""Great-circle distances from many destinations to many places at once."""

from collections.abc import Sequence

import numpy as np

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG

Point = tuple[float | None, float | None]


def kilometers(destinations: Sequence[Point], places: Sequence[Point]) -> np.ndarray:
    """A row for each destination, a column for each place; NaN where either has no coordinates. Haversine formula."""
    from_latitude, from_longitude = _radians(destinations)
    to_latitude, to_longitude = _radians(places)
    half_chord = (
        np.sin((to_latitude[None, :] - from_latitude[:, None]) / 2) ** 2
        + np.cos(from_latitude)[:, None]
        * np.cos(to_latitude)[None, :]
        * np.sin((to_longitude[None, :] - from_longitude[:, None]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half_chord, 0.0, 1.0)))


def _radians(points: Sequence[Point]) -> tuple[np.ndarray, np.ndarray]:
    known = [(float("nan"), float("nan")) if None in point else point for point in points]
    both = np.radians(np.array(known, dtype=float).reshape(-1, 2))
    return both[:, 0], both[:, 1]
