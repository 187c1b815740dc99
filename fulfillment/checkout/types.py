"""What comes in and what goes out. Money in minor units, weights in grams, distances in kilometers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

PLAN, CHEAPEST, EARLIEST, GREENEST = "plan", "cheapest", "earliest", "greenest"


@dataclass(frozen=True, slots=True)
class CartLine:
    """`pickup_source`: code of the store, for the methods that end in one. No price: the product's list price."""

    line_id: str
    sku: str
    quantity: int
    free_shipping: bool = False
    method: str = "ship_to_home"
    pickup_source: str = ""
    unit_price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    country: str
    region: str = ""
    city: str = ""
    postal_code: str = ""
    latitude: float | None = None
    longitude: float | None = None
    is_business: bool = False


@dataclass(frozen=True, slots=True)
class Cart:
    order_id: str
    lines: Sequence[CartLine]
    destination: Destination
    strategy: str = ""
    carrier: str = ""
    channel_id: int | None = None
    value_minor: int | None = None
    deliver_by: date | None = None
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class ParcelPlan:
    """One parcel of an option. `content`: (place of the line in the cart, quantity)."""

    source_id: int
    source: str
    carrier: str
    service: str
    service_name: str
    content: tuple[tuple[int, int], ...]
    cost_minor: int
    price_minor: int
    km: float
    grams_co2: int
    ships_on: date
    delivers_on: date
    expected_on: date


@dataclass(frozen=True, slots=True)
class Option:
    """One way to bring the cart."""

    kinds: tuple[str, ...]
    parcels: tuple[ParcelPlan, ...]
    expires_at: datetime

    @property
    def price_minor(self) -> int:
        return sum(parcel.price_minor for parcel in self.parcels)

    @property
    def cost_minor(self) -> int:
        return sum(parcel.cost_minor for parcel in self.parcels)

    @property
    def grams_co2(self) -> int:
        return sum(parcel.grams_co2 for parcel in self.parcels)

    @property
    def last_day(self) -> date:
        return max(parcel.delivers_on for parcel in self.parcels)


@dataclass(frozen=True, slots=True)
class LineResult:
    """Where a line goes: (source id, its code, units); what is `missing` with the reason, and the sentence of sourcing."""

    allocations: tuple[tuple[int, str, int], ...]
    missing: int
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CartPlan:
    """`options[0]` is the plan itself, where a carrier brings any of it; `costs` are its cents by component."""

    execution_id: str
    strategy: str
    version: int
    currency: str
    located_by: str
    options: tuple[Option, ...]
    lines: tuple[LineResult, ...]
    costs: Mapping[str, int]
    relaxed: tuple[str, ...] = ()
