"""What people and feeds say of stock: counts, changes, safety stock. A batch is taken whole or refused whole."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from inventory import selectors
from inventory.errors import InvalidQuantity, StockBelowReserved, UnknownProduct, UnknownSource
from inventory.models import InventoryMovement
from inventory.services import positions
from inventory.services.positions import Move, Pair, Position
from inventory.types import StockChange, StockConflict, StockLevel, StockLoss
from iom.lib.retry import whole_unit

Kind = InventoryMovement.Kind
Row = StockLevel | StockChange


@whole_unit
def set_on_hand(levels: Sequence[StockLevel], *, actor: str, reason: str) -> int:
    """Make on hand what was counted; of two rows for one position the last one counts. Missing positions are made.

    Returns how many positions changed: a repeated feed changes none and writes no movement.
    Raises UnknownProduct, UnknownSource, InvalidQuantity or StockBelowReserved, each naming every bad row.
    """
    _check(levels)
    last = {_pair(level): level for level in levels}
    locked = positions.ensure(last)
    _check_reserved(locked, {pair: level.quantity for pair, level in last.items()})
    moves = [
        Move(
            locked[pair].id,
            Kind.SET,
            on_hand=level.quantity - locked[pair].on_hand,
            reference=level.reference,
        )
        for pair, level in last.items()
    ]
    return _written([move for move in moves if move.on_hand], actor, reason)


@whole_unit
def adjust(changes: Sequence[StockChange], *, actor: str, reason: str) -> int:
    """Add to or take from on hand, a movement for each row; a position may occur often. Missing positions are made.

    Returns how many positions were written to. Every call counts anew: whoever repeats must know what went through.
    Raises UnknownProduct, UnknownSource or StockBelowReserved, each naming every bad row.
    """
    _check(changes, negative=True)
    locked = positions.ensure({_pair(change) for change in changes})
    sums: dict[Pair, int] = defaultdict(int)
    for change in changes:
        sums[_pair(change)] += change.quantity
    _check_reserved(locked, {pair: locked[pair].on_hand + change for pair, change in sums.items()})
    moves = [
        Move(locked[_pair(change)].id, Kind.ADJUST, on_hand=change.quantity, reference=change.reference)
        for change in changes
        if change.quantity
    ]
    return _written(moves, actor, reason)


@whole_unit
def set_safety_stock(levels: Sequence[StockLevel], *, actor: str, reason: str) -> int:
    """Keep back so many units from reservations; may exceed what is there. Held units stay held.

    Of two rows for one position the last one counts. Returns how many positions changed; raises as `set_on_hand` does.
    """
    _check(levels)
    last = {_pair(level): level for level in levels}
    locked = positions.ensure(last)
    moves = [
        Move(
            locked[pair].id,
            Kind.SAFETY,
            safety_stock=level.quantity - locked[pair].safety_stock,
            reference=level.reference,
        )
        for pair, level in last.items()
    ]
    return _written([move for move in moves if move.safety_stock], actor, reason)


@whole_unit
def write_off(losses: Sequence[StockLoss], *, actor: str, reason: str) -> int:
    """Take from on hand what somebody looked for and did not find, as far as no reservation holds it.

    Units that other reservations hold stay until these are refused too. Several losses of one position add up.
    Returns how many positions changed; a position that does not exist is passed over. Every call counts anew.
    """
    locked = positions.lock([(loss.product_id, loss.source_id) for loss in losses])
    free = {pair: position.on_hand - position.reserved for pair, position in locked.items()}
    moves = []
    for loss in losses:
        if (left := free.get(pair := (loss.product_id, loss.source_id), 0)) <= 0:
            continue
        gone = left if loss.quantity is None else min(left, loss.quantity)
        free[pair] -= gone
        moves.append(Move(locked[pair].id, Kind.ADJUST, on_hand=-gone, reference=loss.reference))
    return _written([move for move in moves if move.on_hand], actor, reason)


def _written(moves: Sequence[Move], actor: str, reason: str) -> int:
    positions.write(moves, actor=actor, reason=reason)
    return len({move.position_id for move in moves})


def _pair(row: Row) -> Pair:
    return row.product_id, row.source_id


def _check(rows: Sequence[Row], *, negative: bool = False) -> None:
    """Before anything is locked: quantities make sense, products and sources exist."""
    if bad := [row for row in rows if row.quantity < 0 and not negative]:
        raise InvalidQuantity(bad, "zero or more")
    product_ids, source_ids = {row.product_id for row in rows}, {row.source_id for row in rows}
    if missing := product_ids - selectors.skus(product_ids).keys():
        raise UnknownProduct(missing)
    if missing := source_ids - selectors.source_codes(source_ids).keys():
        raise UnknownSource(missing)


def _check_reserved(locked: Mapping[Pair, Position], wanted: Mapping[Pair, int]) -> None:
    if low := [locked[pair] for pair, on_hand in wanted.items() if on_hand < locked[pair].reserved]:
        raise StockBelowReserved(_conflicts(low, wanted))


def _conflicts(low: Sequence[Position], wanted: Mapping[Pair, int]) -> list[StockConflict]:
    skus = selectors.skus({position.product_id for position in low})
    codes = selectors.source_codes({position.source_id for position in low})
    return [
        StockConflict(
            p.product_id, p.source_id, skus[p.product_id], codes[p.source_id], wanted[p[1:3]], p.reserved
        )
        for p in low
    ]
