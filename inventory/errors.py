"""What can go wrong with stock. Each carries data, a code for machines and a sentence for people."""

from collections.abc import Collection, Sequence

from inventory.types import Shortage, StockConflict

NAMED = 10  # a sentence names this many rows; the error carries all of them


class InventoryError(Exception):
    code = "inventory_error"
    status = 400


class UnknownProduct(InventoryError):
    code = "unknown_product"

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no product {_listed(self.ids, ', ')}.")


class UnknownSource(InventoryError):
    code = "unknown_source"

    def __init__(self, ids: Collection[int]) -> None:
        self.ids = sorted(ids)
        super().__init__(f"There is no fulfillment source {_listed(self.ids, ', ')}.")


class InvalidQuantity(InventoryError):
    """`rows` are the rows as they were given."""

    code = "invalid_quantity"

    def __init__(self, rows: Sequence, rule: str) -> None:
        self.rows, self.rule = list(rows), rule
        super().__init__(f"{len(self.rows)} rows have a quantity that is not {rule}: {_listed(self.rows)}.")


class InsufficientStock(InventoryError):
    """Nothing was reserved; `shortages` names every line that is short."""

    code = "insufficient_stock"
    status = 409

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = list(shortages)
        super().__init__(f"There is not enough stock: {_listed(self.shortages)}.")


class StockBelowReserved(InventoryError):
    """Nothing was changed; `conflicts` names every row that asked for less than is reserved."""

    code = "stock_below_reserved"
    status = 409

    def __init__(self, conflicts: Sequence[StockConflict]) -> None:
        self.conflicts = list(conflicts)
        super().__init__(f"Stock cannot fall below what is reserved: {_listed(self.conflicts)}.")


class ReservationExceeded(InventoryError):
    """More was to leave than the reservation holds; `excess` maps its key to (wanted, held)."""

    code = "reservation_exceeded"
    status = 409

    def __init__(self, excess: dict[str, tuple[int, int]]) -> None:
        self.excess = excess
        rows = [f"{key} holds {held}, {wanted} wanted" for key, (wanted, held) in excess.items()]
        super().__init__(f"More would leave than is reserved: {_listed(rows)}.")


def _listed(rows: Sequence, separator: str = "; ") -> str:
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return separator.join(map(str, rows[:NAMED])) + more
