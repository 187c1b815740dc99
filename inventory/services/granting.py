"""Who gets what of a batch: pure running sums over locked positions. First come, first served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory.services.positions import Pair, Position
from inventory.types import ReservationLine, ReservationRequest


class Held(NamedTuple):
    """What the reservation of a key stands at. `closed`: its units were given back."""

    quantity: int
    closed: bool


class Short(NamedTuple):
    line: ReservationLine
    available: int
    closed: bool = False


class Taking(NamedTuple):
    """Units to hold for a line; `request` says how."""

    line: ReservationLine
    quantity: int
    position: Position
    request: ReservationRequest


@dataclass(slots=True)
class Grants:
    granted: dict[str, int] = field(default_factory=dict)
    takings: list[Taking] = field(default_factory=list)
    short: list[Short] = field(default_factory=list)


def grant(
    requests: Sequence[ReservationRequest], positions: Mapping[Pair, Position], held: Mapping[str, Held]
) -> Grants:
    """Each request in turn takes from what those before it left.

    A key that holds already, from before or from earlier in the batch, answers that and takes nothing.
    """
    grants = Grants(granted={key: each.quantity for key, each in held.items() if not each.closed})
    free = {position.id: position.available for position in positions.values()}
    for request in requests:
        takings, short = _tried(request, positions, held, grants.granted, free)
        grants.short += short
        if short and not request.partial:
            for taking in takings:
                free[taking.position.id] += taking.quantity
        else:
            grants.takings += takings
            grants.granted.update((taking.line.key, taking.quantity) for taking in takings)
    return grants


def _tried(request, positions, held, granted, free) -> tuple[list[Taking], list[Short]]:
    """What one request takes and lacks; `free` is taken from as if all of it were granted."""
    takings: dict[str, Taking] = {}
    short: list[Short] = []
    for line in request.lines:
        if line.key in granted or line.key in takings:
            continue
        if line.key in held:
            short.append(Short(line, 0, closed=True))
            continue
        position = positions.get((line.product_id, line.source_id))
        available = max(free[position.id], 0) if position else 0  # safety stock may exceed what is there
        if available < line.quantity:
            short.append(Short(line, available))
        quantity = min(line.quantity, available)
        if quantity and (quantity == line.quantity or request.partial):
            free[position.id] -= quantity
            takings[line.key] = Taking(line, quantity, position, request)
    return list(takings.values()), short
