"""What passes between floors about orders. Frozen; amounts in minor units, quantities in base units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch did: the ids changed, and the ids refused with the sentence that says why."""

    changed: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Party:
    """A name and place, as the channel sent it."""

    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class LineDraft:
    """`method`: how it is to be fulfilled; `pickup_source` is the code of the store, of the methods that end in one."""

    line_number: int
    sku: str
    quantity: int
    unit_price: Decimal
    description: str = ""
    discount_minor: int = 0
    tax_minor: int = 0
    method: str = "ship_to_home"
    pickup_source: str = ""


@dataclass(frozen=True, slots=True)
class ChargeDraft:
    kind: str
    amount_minor: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order as any channel hands it over. `total_minor`, when given, must equal what the parts add up to."""

    channel_id: int
    external_id: str
    currency: str
    placed_at: datetime
    ship_to: Party
    lines: tuple[LineDraft, ...]
    charges: tuple[ChargeDraft, ...] = ()
    bill_to: Party | None = None
    customer_code: str = ""
    customer_name: str = ""
    customer_email: str = ""
    customer_phone: str = ""
    customer_reference: str = ""
    requested_delivery_at: datetime | None = None
    promised_at: datetime | None = None
    sales_origin: str = ""
    priority: int = 50
    is_manual: bool = False
    draft: bool = False
    total_minor: int | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of one draft: `created`, `existing` (same content again), `conflict` (same id, other content) or `refused`.

    `errors` is empty unless refused or in conflict: each names code, field path and a sentence.
    """

    index: int
    result: str
    order_id: int | None = None
    errors: tuple[Mapping[str, Any], ...] = ()


class Raised(NamedTuple):
    """A business event about to be written. `order_id` is the order whose timeline it joins."""

    kind: str
    entity: str
    record_id: int
    order_id: int | None
    payload: Mapping[str, Any] = {}
