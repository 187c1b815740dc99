"""Where the lines of an order end: in a store, if they are picked up there or shipped to it, else at the order's address.

Asked by everyone who plans, so that a parcel is measured, rated and held to its reach by where it really goes. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from fulfillment.sourcing_strategy import SourceFacts

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Place:
    """`store`: the source where the customer takes the goods; what lies there already needs no carrier."""

    latitude: float | None
    longitude: float | None
    region: str = ""
    country: str = ""
    store: int | None = None


def by_place(
    ends: Mapping[Line, int | None], home: Place, sources: Mapping[int, SourceFacts]
) -> dict[Place, list[Line]]:
    """The lines of one order by where they end, in their turn. `ends`: the store of each line, None: the address `home`."""
    found: dict[Place, list[Line]] = {}
    for line, store in ends.items():
        found.setdefault(_place(sources.get(store), home), []).append(line)
    return found


def _place(store: SourceFacts | None, home: Place) -> Place:
    if store is None:
        return home
    return Place(store.latitude, store.longitude, store.region, store.country, store.id)
