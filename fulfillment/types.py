"""What passes between floors about fulfillment. Frozen; quantities in base units, distances in kilometers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LineDemand:
    """A line that wants a source. `strategy` is a strategy key, empty for the default one.

    `fixed_source_id` is an assignment by policy: the line is checked there and goes nowhere else.
    `stays`: it moves from where it was planned to come from for a clearly better place only. Region and country serve where the destination has no coordinates.
    """

    order_id: int
    line_id: int
    product_id: int | None
    sku: str
    quantity: int
    latitude: float | None
    longitude: float | None
    strategy: str = ""
    fixed_source_id: int | None = None
    region: str = ""
    country: str = ""
    stays: bool = False


@dataclass(frozen=True, slots=True)
class LineSourcing:
    """What became of one demand: `sourced`, `partly` or `not_sourced`, where it goes, and the sentence that says why.

    `allocations` are (source id, quantity, distance in km or None), nearest first. `rest`: what the last strategy that
    was tried says of units that found none: flow, backorder, split or inbox; empty where no strategy says anything.
    """

    outcome: str
    allocations: tuple[tuple[int, int, int | None], ...]
    reason: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class ShipmentReport:
    """Packages that a source handed to a carrier. `lines` None: everything; else quantity by fulfillment line id."""

    key: str
    fulfillment_order_id: int
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: Mapping[int, int] | None = None
    sequence: int = 0
    cost_minor: int | None = None
    service: str = ""
    tracking_url: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a source says of a fulfillment order. `sequence` is the source's own count or time; 0: it has none."""

    fulfillment_order_id: int
    status: str
    sequence: int
    external_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    fulfillment_order_id: int
    number: str
    amount_minor: int
    currency: str
    issued_at: datetime
