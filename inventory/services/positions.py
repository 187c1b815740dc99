"""The one path that stock counters take: lock positions in order, then one guarded UPDATE and its movements."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.locks import POSITIONS
from inventory.models import InventoryMovement, InventoryPosition, Reservation
from iom.lib import bulk, lock_order
from iom.lib.retry import Repeat

Pair = tuple[int, int]  # product id, source id
TABLE = InventoryPosition._meta.db_table
MOVEMENT = (
    "position",
    "kind",
    "on_hand_delta",
    "reserved_delta",
    "safety_stock_delta",
    "reference",
    "reason",
    "actor",
    "at",
)
PAIRS_A_QUERY = bulk.SQLITE_VARIABLES // 2
MOVES_A_QUERY = bulk.SQLITE_VARIABLES // 4

# The last word on every change: never less on hand than reserved, and new reservations leave the safety stock alone.
GUARD = """
    p.reserved + v.reserved >= 0 AND p.safety_stock + v.safety_stock >= 0
    AND p.on_hand + v.on_hand >= p.reserved + v.reserved
    AND (v.reserved <= 0 OR p.on_hand - p.reserved - p.safety_stock >= v.reserved)"""


class Position(NamedTuple):
    """A position as it is while locked."""

    id: int
    product_id: int
    source_id: int
    on_hand: int
    reserved: int
    safety_stock: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved - self.safety_stock


class Move(NamedTuple):
    """A change of one position's counters, which becomes one movement."""

    position_id: int
    kind: str
    on_hand: int = 0
    reserved: int = 0
    safety_stock: int = 0
    reference: str = ""


def lock(pairs: Collection[Pair]) -> dict[Pair, Position]:
    """The positions of these (product, source) pairs that exist, locked in id order until the transaction ends.

    The lock lets foreign keys to a position be checked meanwhile. SQLite has one writer at a time and needs none.
    """
    wanted, found = sorted(set(pairs)), {}
    if wanted:
        lock_order.lock(POSITIONS, wanted)
    size = len(wanted) if bulk.is_postgresql() else PAIRS_A_QUERY
    for start in range(0, len(wanted), size or 1):
        for row in _locked(wanted[start : start + size]):
            found[row[1:3]] = Position(*row)
    return found


def _locked(pairs: Sequence[Pair]) -> list[tuple]:
    columns = ", ".join(f"p.{name}" for name in Position._fields)
    head = f"SELECT {columns} FROM {TABLE} p"  # noqa: S608 - names come from the model only
    if bulk.is_postgresql():
        source, parameters = (
            "unnest(%s::bigint[], %s::bigint[])",
            [integers(each) for each in zip(*pairs, strict=True)],
        )
        sql = f"""{head} JOIN {source} AS v(product_id, source_id) USING (product_id, source_id)
                  ORDER BY p.id FOR NO KEY UPDATE OF p"""
    else:
        values, parameters = ", ".join(["(%s, %s)"] * len(pairs)), [each for pair in pairs for each in pair]
        sql = f"{head} WHERE (p.product_id, p.source_id) IN (VALUES {values}) ORDER BY p.id"
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def lock_holding(keys: Collection[str]) -> list[int]:
    """Ids of the positions at which these keys hold units, locked in id order. A key's reservation stays as it is then."""
    active = Reservation.objects.of_keys(keys).active()
    lock_order.lock(POSITIONS, needed=active.exists)
    holding = active.values("position_id")
    positions = InventoryPosition.objects.filter(pk__in=holding).order_by("pk")
    return list(positions.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def ensure(pairs: Collection[Pair]) -> dict[Pair, Position]:
    """Like `lock`, and makes the missing positions, empty. Products and sources must exist."""
    products, sources = {product for product, _ in pairs}, {source for _, source in pairs}
    known = InventoryPosition.objects.filter(product_id__in=products, source_id__in=sources)
    missing = set(pairs) - set(known.values_list("product_id", "source_id"))
    if pairs:
        lock_order.lock(POSITIONS, pairs)
    if missing:  # made before anything is locked and in one order, so two feeds that make the same ones cannot deadlock
        now = timezone.now()
        rows = [(product, source, now) for product, source in sorted(missing)]
        bulk.insert(InventoryPosition, ("product", "source", "updated_at"), rows, skip_conflicts=True)
    return lock(pairs)


def write(moves: Sequence[Move], *, actor: str, reason: str = "") -> None:
    """Change the counters and append the movements. The caller has locked the positions and found that it can be done.

    The guard decides all the same: if a position would be oversold, nothing is changed and `Repeat` is raised.
    """
    if not moves:
        return
    now = timezone.now()
    totals = _totals(moves)
    size = len(totals) if bulk.is_postgresql() else MOVES_A_QUERY
    changed = sum(_update(totals[start : start + size], now) for start in range(0, len(totals), size))
    if changed != len(totals):
        raise Repeat("A position changed between reading and writing.")
    rows = [(*move[:5], move.reference, reason, actor, now) for move in moves]
    bulk.insert(InventoryMovement, MOVEMENT, rows)


def _totals(moves: Sequence[Move]) -> list[tuple[int, int, int, int]]:
    sums = defaultdict(lambda: [0, 0, 0])
    for position_id, _, on_hand, reserved, safety_stock, _ in moves:
        total = sums[position_id]
        total[0] += on_hand
        total[1] += reserved
        total[2] += safety_stock
    return [(position_id, *total) for position_id, total in sorted(sums.items())]


def _update(totals: Sequence[tuple[int, int, int, int]], now) -> int:
    if bulk.is_postgresql():
        source = "unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS v(id, on_hand, reserved, safety_stock)"
        parameters = [integers(each) for each in zip(*totals, strict=True)]
    else:
        names = "column1 AS id, column2 AS on_hand, column3 AS reserved, column4 AS safety_stock"
        source = f"(SELECT {names} FROM (VALUES {', '.join(['(%s, %s, %s, %s)'] * len(totals))})) AS v"  # noqa: S608
        parameters = [each for total in totals for each in total]
    # It begins with UPDATE, as SQLite's driver counts no rows of a statement that begins with WITH.
    sql = f"""UPDATE {TABLE} AS p SET updated_at = %s, on_hand = p.on_hand + v.on_hand,
                  reserved = p.reserved + v.reserved, safety_stock = p.safety_stock + v.safety_stock
              FROM {source} WHERE p.id = v.id AND {GUARD}"""  # noqa: S608 - names come from the model only
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, *parameters])
        return cursor.rowcount


def integers(values: Sequence[int]) -> str:
    """An array as the database reads it; the driver looks at each number for quotes, which costs more than the rest."""
    return f"{{{','.join(map(str, values))}}}"
