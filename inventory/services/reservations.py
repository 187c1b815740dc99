"""Holding stock for a reference, giving it back, and letting it leave."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from inventory import selectors
from inventory.errors import InsufficientStock, InvalidQuantity, ReservationExceeded
from inventory.models import InventoryMovement, Reservation
from inventory.services import fast_reserve, positions
from inventory.services.granting import Grants, Held, Short, Taking, grant
from inventory.services.positions import Move
from inventory.types import ReservationOutcome, ReservationRequest, Shortage
from iom.lib import bulk, compiled
from iom.lib.retry import Repeat, whole_unit

Kind, State = InventoryMovement.Kind, Reservation.State
COLUMNS = ("key", "reference", "position", "quantity", "kind", "state", "expires_at", "created_at")
EXPIRED_AT_ONCE = 1000


# -- holding ------------------------------------------------------------------------------------------------------
def reserve(requests: Sequence[ReservationRequest], *, actor: str) -> ReservationOutcome:
    """Hold stock, each request all or nothing unless it is partial; those first in the batch are served first.

    A key holds once for ever: repeated, here or by somebody else at the same time, it answers what it holds and takes
    nothing. What was given back stays given back: such a key is short, marked closed. Every short line is named; the
    other requests of the batch go through. Raises InvalidQuantity, with nothing held, unless all quantities are positive.
    """
    _check_quantities(requests)
    if (outcome := fast_reserve.attempt(requests, actor=actor)) is not None:
        return outcome
    return _outcome(requests, _reserve(requests, actor=actor))


@transaction.atomic
def reserve_or_refuse(requests: Sequence[ReservationRequest], *, actor: str) -> dict[str, int]:
    """Like `reserve` for callers who want all of it: raises InsufficientStock, with nothing held, if any line is short."""
    outcome = reserve(requests, actor=actor)
    if outcome.short:
        raise InsufficientStock(outcome.short)
    return outcome.granted


def _check_quantities(requests: Sequence[ReservationRequest]) -> None:
    if bad := [line for request in requests for line in request.lines if line.quantity <= 0]:
        raise InvalidQuantity(bad, "above zero")


@whole_unit
def _reserve(requests: Sequence[ReservationRequest], *, actor: str) -> Grants:
    """Positions first, keys second: who waited for a position then sees the key that its holder has just used."""
    lines = [line for request in requests for line in request.lines]
    locked = positions.lock([(line.product_id, line.source_id) for line in lines])
    grants = grant(requests, locked, _held({line.key for line in lines}))
    if grants.takings:
        hold = fast_reserve.hold if bulk.is_postgresql() else _hold
        hold(grants.takings, actor=actor)
    return grants


def _held(keys: Collection[str]) -> dict[str, Held]:
    return {
        key: Held(quantity, state in (State.RELEASED, State.EXPIRED))
        for key, quantity, state in _of_keys(keys)
    }


@compiled.query
def _of_keys(keys: Collection[str]) -> QuerySet:
    return Reservation.objects.of_keys(keys).values_list("key", "quantity", "state")


def _hold(takings: Sequence[Taking], *, actor: str) -> None:
    """Statement by statement, for a database that cannot write three tables in one."""
    now = timezone.now()
    rows = [
        (line.key, line.reference, position.id, quantity, request.kind, State.ACTIVE, request.expires_at, now)
        for line, quantity, position, request in takings
    ]
    inserted = bulk.insert(Reservation, COLUMNS, rows, returning=("pk",), skip_conflicts=True)
    if len(inserted) != len(rows):  # the same key at the same time at another position
        raise Repeat("A reservation key was used meanwhile.")
    moves = [
        Move(t.position.id, Kind.RESERVE, reserved=t.quantity, reference=t.line.reference) for t in takings
    ]
    positions.write(moves, actor=actor)


def _outcome(requests: Sequence[ReservationRequest], grants: Grants) -> ReservationOutcome:
    return ReservationOutcome(grants.granted, _shortages(grants.short) if grants.short else [])


def _shortages(short: Sequence[Short]) -> list[Shortage]:
    skus = selectors.skus({each.line.product_id for each in short})
    codes = selectors.source_codes({each.line.source_id for each in short})
    return [
        Shortage(
            line.key,
            line.product_id,
            line.source_id,
            skus.get(line.product_id, ""),
            codes.get(line.source_id, ""),
            line.quantity,
            available,
            closed,
        )
        for line, available, closed in short
    ]


# -- closing ------------------------------------------------------------------------------------------------------
class Holding(NamedTuple):
    """An active reservation whose position is locked."""

    id: int
    key: str
    reference: str
    position_id: int
    quantity: int


class Closing(NamedTuple):
    """What becomes of a holding: how many units leave, how many stay held; what is left over is free again."""

    state: str
    consumed: int = 0
    kept: int = 0


def release(keys: Collection[str], *, actor: str, reason: str = "") -> list[str]:
    """Give back what these keys hold. Returns the keys released; those that hold nothing (any more) are left out."""
    closing = Closing(State.RELEASED)
    return _close(keys, lambda holding: closing, actor=actor, reason=reason)


def consume(quantities: Mapping[str, int], *, actor: str, keep_rest: bool = False) -> list[str]:
    """Units leave the building: on hand and reserved fall. What a key held beyond its quantity is free again.

    Returns the keys that held, in no order; the others (released, consumed before, unknown) are left out.
    With `keep_rest` the remainder stays reserved for the next shipment; a repeated call then takes again.
    Raises InvalidQuantity or ReservationExceeded, naming every such key, with nothing changed.
    """
    if bad := {key: quantity for key, quantity in quantities.items() if quantity < 0}:
        raise InvalidQuantity([f"{key} ({quantity})" for key, quantity in bad.items()], "zero or more")

    def closing(holding: Holding) -> Closing:
        consumed = quantities[holding.key]
        kept = holding.quantity - consumed if keep_rest else 0
        return Closing(
            State.ACTIVE if kept else State.CONSUMED if consumed else State.RELEASED, consumed, kept
        )

    return _close(quantities, closing, actor=actor)


def expire(now: datetime | None = None) -> int:
    """Give back what is held past its time, in short transactions; returns how many reservations expired."""
    now, expired, closing = now or timezone.now(), 0, Closing(State.EXPIRED)
    while keys := list(Reservation.objects.due(now).values_list("key", flat=True)[:EXPIRED_AT_ONCE]):
        expired += len(_close(keys, lambda holding: closing, actor="system", reason="expired"))
    return expired


@whole_unit
def _close(
    keys: Collection[str], closing_of: Callable[[Holding], Closing], *, actor: str, reason: str = ""
) -> list[str]:
    locked = positions.lock_holding(keys)
    holdings = _holdings(keys, locked) if locked else []
    closings = [(holding, closing_of(holding)) for holding in holdings]
    _check_excess(closings)
    if closings:
        bulk.update(Reservation, "pk", ("quantity", "state", "closed_at"), _closed_rows(closings))
    positions.write([move for each in closings for move in _closing_moves(*each)], actor=actor, reason=reason)
    return [holding.key for holding in holdings]


def _holdings(keys: Collection[str], locked: Collection[int]) -> list[Holding]:
    rows = Reservation.objects.of_keys(keys).active().filter(position_id__in=locked).order_by("pk")
    return [Holding(*row) for row in rows.values_list(*Holding._fields)]


def _check_excess(closings: Sequence[tuple[Holding, Closing]]) -> None:
    excess = {h.key: (c.consumed, h.quantity) for h, c in closings if c.consumed > h.quantity}
    if excess:
        raise ReservationExceeded(excess)


def _closed_rows(closings: Sequence[tuple[Holding, Closing]]) -> list[tuple]:
    """A consumed reservation keeps the units that left, a kept one those still held, a released one what it had."""
    now = timezone.now()
    return [
        (h.id, c.kept or c.consumed or h.quantity, c.state, None if c.state == State.ACTIVE else now)
        for h, c in closings
    ]


def _closing_moves(holding: Holding, closing: Closing) -> list[Move]:
    consumed, freed = closing.consumed, holding.quantity - closing.consumed - closing.kept
    gone = Move(holding.position_id, Kind.CONSUME, -consumed, -consumed, reference=holding.reference)
    back = Move(holding.position_id, Kind.RELEASE, reserved=-freed, reference=holding.reference)
    return [move for move, quantity in ((gone, consumed), (back, freed)) if quantity]
