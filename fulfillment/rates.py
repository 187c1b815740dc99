"""What a parcel costs, pure: zones by distance, weight steps, minimum, surcharges, dimensional weight, rate factors.

Money is integer minor units, weights are integer grams, volumes cubic millimeters, distances kilometers. Every
rounding is half up and stands where it is named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np

# Billionths of a gram, so that a pound is a whole number of them.
UNIT_WEIGHT = {"lb": 453_592_370_000, "kg": 1_000_000_000_000, "g": 1_000_000_000}
NOT_OFFERED = -1
HEAVIEST_UNITS = 2_000  # a table has a column for each; what is heavier is not offered


@dataclass(frozen=True, slots=True)
class Step:
    """From this billable weight on: the larger of the minimum and base + per unit x (units - from units)."""

    zone: int
    from_units: int
    base_minor: int
    per_unit_minor: int = 0
    minimum_minor: int = 0


@dataclass(frozen=True, slots=True)
class Surcharge:
    """A fixed amount, or a percentage of the rate with the fixed ones. `zone` None: every zone."""

    name: str
    amount_minor: int = 0
    percent: Decimal = Decimal(0)
    zone: int | None = None
    from_units: int = 1
    valid_from: date | None = None
    valid_until: date | None = None

    def counts(self, zone: int, units: int, day: date | None) -> bool:
        if (self.zone is not None and self.zone != zone) or units < self.from_units:
            return False
        return day is None or (self.valid_from or day) <= day <= (self.valid_until or day)


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rates of one service. `bands`: (zone, up to km or None for all that is farther)."""

    code: str
    bands: tuple[tuple[int, int | None], ...]
    steps: tuple[Step, ...]
    surcharges: tuple[Surcharge, ...] = ()
    weight_unit: str = "lb"
    max_units: int | None = None
    max_km: int | None = None
    dim_divisor: int | None = None

    def sorted_bands(self) -> tuple[tuple[int, float], ...]:
        """Bands by distance; of an open end the limit is infinite."""
        return _sorted_bands(self.bands)


@lru_cache(1024)
def _sorted_bands(bands: tuple[tuple[int, int | None], ...]) -> tuple[tuple[int, float], ...]:
    found = [(zone, float("inf") if limit is None else float(limit)) for zone, limit in bands]
    return tuple(sorted(found, key=lambda band: band[1]))


class Price(NamedTuple):
    """What a parcel costs and how that came about; the parts add up."""

    total_minor: int
    zone: int
    units: int
    rate_minor: int
    surcharges: tuple[tuple[str, int], ...]


def billable_units(tariff: Tariff, grams: int, volume_mm3: int = 0) -> int:
    """Whole weight units, of the actual or the dimensional weight, whichever is more; at least one."""
    actual = -(-grams * 1_000_000_000 // UNIT_WEIGHT[tariff.weight_unit])
    dimensional = -(-volume_mm3 // (1000 * tariff.dim_divisor)) if tariff.dim_divisor else 0
    return max(1, actual, dimensional)


def zone_of(tariff: Tariff, km: float) -> int | None:
    """The first zone whose limit is not below the distance; None: the service does not go so far."""
    if tariff.max_km is not None and km > tariff.max_km:
        return None
    return next((zone for zone, limit in tariff.sorted_bands() if km <= limit), None)


def price(
    tariff: Tariff, *, km: float, grams: int, volume_mm3: int = 0, day: date | None = None
) -> Price | None:
    """The price of one parcel; None where the service does not take it. Without a day every surcharge counts."""
    zone, units = zone_of(tariff, km), billable_units(tariff, grams, volume_mm3)
    if zone is None:
        return None
    return price_at(tariff, zone, units, day)


def price_at(tariff: Tariff, zone: int, units: int, day: date | None = None) -> Price | None:
    step = _step(tariff, zone, units)
    if step is None or units > (tariff.max_units or HEAVIEST_UNITS):
        return None
    rate = max(step.minimum_minor, step.base_minor + step.per_unit_minor * (units - step.from_units))
    parts = _surcharges(tariff, zone, units, rate, day)
    return Price(rate + sum(amount for _, amount in parts), zone, units, rate, parts)


def _step(tariff: Tariff, zone: int, units: int) -> Step | None:
    fitting = [step for step in tariff.steps if step.zone == zone and step.from_units <= units]
    return max(fitting, key=lambda step: step.from_units, default=None)


def _surcharges(tariff: Tariff, zone: int, units: int, rate: int, day: date | None) -> tuple:
    """Fixed ones first; a percentage is of the rate with the fixed ones, each rounded half up to the cent."""
    counted = [one for one in tariff.surcharges if one.counts(zone, units, day)]
    fixed = [(one.name, one.amount_minor) for one in counted if not one.percent]
    base = rate + sum(amount for _, amount in fixed)
    shares = [(one.name, half_up(base * one.percent / 100)) for one in counted if one.percent]
    return (*fixed, *shares)


def half_up(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


# -- the optimizer's tables ---------------------------------------------------------------------------------------


class RateTables(NamedTuple):
    """Arrays of a list of tariffs: V services, Z zone places by rising distance, W billable units (0 is no parcel).

    `zones[v][z]` names the zone of a place. Places that a service does not have are not offered.
    """

    rate_cents: np.ndarray  # [V, Z, W]
    zone_limits: np.ndarray  # [V, Z - 1]
    max_distance: np.ndarray  # [V]
    weight_unit: np.ndarray  # [V], billionths of a gram
    zones: tuple[tuple[int, ...], ...]


def rate_tables(tariffs: Sequence[Tariff], *, heaviest_units: int, day: date | None = None) -> RateTables:
    """Prices of all tariffs up to so many billable units; surcharges of the day, minimum and steps are in them."""
    width = min(heaviest_units, HEAVIEST_UNITS) + 1
    bands = [tariff.sorted_bands() for tariff in tariffs]
    depth = max((len(each) for each in bands), default=1) + 1  # the last place: too far for the service
    table = np.full((len(tariffs), depth, width), NOT_OFFERED, np.int64)
    limits = np.full((len(tariffs), depth - 1), np.inf)
    for place, (tariff, each) in enumerate(zip(tariffs, bands, strict=True)):
        limits[place, : len(each)] = [limit for _, limit in each]
        if each:
            table[place, : len(each)] = _block(tariff, 1 << (width - 1).bit_length(), day)[:, :width]
    return RateTables(
        table,
        limits,
        np.array([np.inf if t.max_km is None else t.max_km for t in tariffs], float),
        np.array([UNIT_WEIGHT[t.weight_unit] for t in tariffs], np.int64),
        tuple(tuple(zone for zone, _ in each) for each in bands),
    )


@lru_cache(512)
def _block(tariff: Tariff, width: int, day: date | None) -> np.ndarray:
    """The rows of one tariff by rising distance; kept, as equal tariffs come again with every batch and every cart."""
    rows = np.array([_row(tariff, zone, width, day) for zone, _ in tariff.sorted_bands()], np.int64)
    rows.flags.writeable = False
    return rows


def _row(tariff: Tariff, zone: int, width: int, day: date | None) -> list[int]:
    found = (price_at(tariff, zone, units, day) for units in range(1, width))
    return [NOT_OFFERED, *(NOT_OFFERED if one is None else one.total_minor for one in found)]


# -- what the customer pays ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateFactor:
    """A row of the rate factor table. Source: reference FRO-15."""

    factor: Decimal = Decimal(1)
    free_shipping: bool = False
    weight_unit: str = "lb"
    fallback_threshold: Decimal = Decimal(0)
    fallback_minor: int = 0
    fallback_increment_minor: int = 0
    source_type: str = ""
    address_type: str = ""


def factor_for(factors: Iterable[RateFactor], *, source_type: str, address_type: str) -> RateFactor:
    """The row that names most of what is asked; the source's type counts more than the kind of address."""
    fitting = [
        row
        for row in factors
        if row.source_type in ("", source_type) and row.address_type in ("", address_type)
    ]
    return max(fitting, key=lambda row: (row.source_type != "", row.address_type != ""), default=RateFactor())


def customer_price(factor: RateFactor, live_minor: int | None, grams: int) -> int:
    """The rate times the factor; without a live rate the fallback: base, and the increment for the weight beyond.

    Golden case of the reference: threshold 5 lb, $8.00, increment $0.75, a parcel of 10 lb: $11.75.
    """
    if factor.free_shipping:
        return 0
    if live_minor is not None:
        return half_up(live_minor * factor.factor)
    weight = Decimal(grams) * 1_000_000_000 / UNIT_WEIGHT[factor.weight_unit]
    excess = max(Decimal(0), weight - factor.fallback_threshold)
    return half_up(factor.fallback_minor + excess * factor.fallback_increment_minor)


def charged_grams(lines: Iterable[tuple[int, int, bool]]) -> int:
    """Weight that the customer pays for: (grams of a unit, quantity, ships free); free lines do not count. FRO-16."""
    return sum(grams * quantity for grams, quantity, free in lines if not free)
