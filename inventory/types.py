"""What passes between floors about stock. Frozen; quantities are integers in the product's base unit."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReservationLine:
    """Units of one product wanted at one source. `key` is unique for ever; `reference` says what it is for."""

    key: str
    reference: str
    product_id: int
    source_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """Lines that are granted together or not at all; with `partial` each takes what there is."""

    lines: tuple[ReservationLine, ...]
    kind: str = "soft"
    expires_at: datetime | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Shortage:
    """A line that did not get all it wanted. `available` is what it could have had when its turn came.

    `closed`: its key held units before and gave them back, so it can hold none again, whatever is available.
    """

    key: str
    product_id: int
    source_id: int
    sku: str
    source_code: str
    wanted: int
    available: int
    closed: bool = False

    def __str__(self) -> str:
        what, where = self.sku or f"product {self.product_id}", self.source_code or f"source {self.source_id}"
        if self.closed:
            return (
                f"{what} at {where}: the reservation {self.key} was given back before and cannot hold again"
            )
        return f"{what} at {where}: {self.wanted} wanted, {self.available} available"


@dataclass(frozen=True, slots=True)
class ReservationOutcome:
    """`granted` maps a key to the units it holds, or has shipped if it was consumed since; `short` is in line order."""

    granted: dict[str, int] = field(default_factory=dict)
    short: list[Shortage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StockLevel:
    """How much there is (or is to be kept back, for safety stock)."""

    product_id: int
    source_id: int
    quantity: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class StockChange:
    """How much came (positive) or went (negative)."""

    product_id: int
    source_id: int
    quantity: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class StockLoss:
    """Units that are not there after all; None: all of them."""

    product_id: int
    source_id: int
    quantity: int | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class StockConflict:
    """A stock row that would leave less on hand than is reserved."""

    product_id: int
    source_id: int
    sku: str
    source_code: str
    wanted: int
    reserved: int

    def __str__(self) -> str:
        what, where = self.sku or f"product {self.product_id}", self.source_code or f"source {self.source_id}"
        return f"{what} at {where}: {self.wanted} on hand would not cover {self.reserved} reserved"


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """A counter of a position that is not what its history says. `counter` names the column."""

    position_id: int
    counter: str
    stored: int
    expected: int

    def __str__(self) -> str:
        return (
            f"position {self.position_id}: {self.counter} is {self.stored}, its history says {self.expected}"
        )
