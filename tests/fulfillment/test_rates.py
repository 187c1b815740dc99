"""Prices of parcels: zones, steps, minimum, surcharges, dimensional weight, and what the customer pays."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.rates import (
    NOT_OFFERED,
    RateFactor,
    Step,
    Surcharge,
    Tariff,
    billable_units,
    charged_grams,
    customer_price,
    factor_for,
    price,
    price_at,
    rate_tables,
    zone_of,
)

POUND = Fraction(45359237, 100000)
GROUND = Tariff(
    "GROUND",
    bands=((2, 241), (3, 483), (8, None)),
    steps=(Step(2, 1, 735, 28), Step(3, 1, 760, 33), Step(3, 21, 1400, 30, 1500), Step(8, 1, 980, 88)),
    surcharges=(
        Surcharge("Handling over 50", amount_minor=400, from_units=51),
        Surcharge("Fuel", percent=Decimal("7.25")),
        Surcharge("Peak", amount_minor=150, valid_from=date(2026, 11, 15), valid_until=date(2026, 12, 31)),
    ),
    max_units=70,
    dim_divisor=2278,  # 139 cubic inches a pound
)
SUMMER, PEAK = date(2026, 7, 1), date(2026, 11, 25)


@pytest.mark.parametrize(
    "km, zone",
    [(0, 2), (241, 2), (241.001, 3), (483, 3), (483.5, 8), (9000, 8)],
)
def test_zone_is_the_first_whose_limit_is_not_below(km, zone):
    assert zone_of(GROUND, km) == zone


def test_a_service_with_a_limit_goes_no_farther():
    local = Tariff("LOCAL", ((1, 60),), (Step(1, 1, 640, 12),), max_km=72)
    assert zone_of(local, 60) == 1
    assert zone_of(local, 61) is None  # no band
    assert price(local, km=73, grams=100) is None


@pytest.mark.parametrize(
    "grams, units", [(1, 1), (0, 1), (453, 1), (454, 2), (907, 2), (908, 3), (45359, 100), (45360, 101)]
)
def test_pounds_are_rounded_up_exactly(grams, units):
    assert billable_units(GROUND, grams) == units == max(1, -(-Fraction(grams) // POUND))


def test_dimensional_weight_counts_where_it_is_more():
    pillow = 500 * 400 * 300  # 60,000 cubic centimeters, 26.3 pounds
    assert billable_units(GROUND, 900, pillow) == 27
    assert billable_units(GROUND, 27 * 454, pillow) == 28


def test_rate_with_fuel_by_hand():
    found = price(GROUND, km=300, grams=2268, day=SUMMER)
    assert (found.zone, found.units, found.rate_minor) == (3, 5 + 1, 760 + 33 * 5)  # 2268 g is 5.0001 lb
    assert found.surcharges == (("Fuel", 67),)  # 925 * 7.25 % = 67.06
    assert found.total_minor == 992


def test_the_largest_step_and_its_minimum_count():
    assert price_at(GROUND, 3, 20, SUMMER).rate_minor == 760 + 33 * 19
    assert price_at(GROUND, 3, 21, SUMMER).rate_minor == 1500  # 1400 is below the minimum
    assert price_at(GROUND, 3, 30, SUMMER).rate_minor == 1670


def test_percent_is_of_rate_and_fixed_ones_and_dated_ones_end():
    heavy = price_at(GROUND, 8, 60, PEAK)
    assert heavy.rate_minor == 980 + 88 * 59 == 6172
    assert heavy.surcharges == (
        ("Handling over 50", 400),
        ("Peak", 150),
        ("Fuel", 487),
    )  # 6722 * .0725 = 487.345
    assert price_at(GROUND, 8, 60, date(2027, 1, 1)).surcharges == (("Handling over 50", 400), ("Fuel", 476))


def test_too_heavy_is_not_offered():
    assert price_at(GROUND, 2, 70, SUMMER) and price_at(GROUND, 2, 71, SUMMER) is None


@given(st.integers(1, 90), st.sampled_from([2, 3, 8]), st.sampled_from([SUMMER, PEAK]))
def test_table_says_what_the_price_says(units, zone, day):
    tables = rate_tables([GROUND], heaviest_units=80, day=day)
    place = tables.zones[0].index(zone)
    found = price_at(GROUND, zone, units, day)
    if units <= 80:
        assert tables.rate_cents[0, place, units] == (found.total_minor if found else NOT_OFFERED)


def test_tables_of_services_with_different_zones_agree_in_shape():
    local = Tariff("LOCAL", ((1, 60),), (Step(1, 1, 640, 12),), weight_unit="kg", max_km=72)
    tables = rate_tables([GROUND, local], heaviest_units=10)
    assert tables.rate_cents.shape == (2, 4, 11) and tables.zone_limits.shape == (2, 3)
    assert (tables.rate_cents[1, 1:] == NOT_OFFERED).all() and (
        tables.rate_cents[:, :, 0] == NOT_OFFERED
    ).all()
    assert tables.weight_unit.tolist() == [453_592_370_000, 10**12]
    place = np.searchsorted(tables.zone_limits[1], 61.0)
    assert tables.rate_cents[1, place, 1] == NOT_OFFERED


# -- what the customer pays (FRO-15, FRO-16) ----------------------------------------------------------------------

TEN_POUNDS = 4536
REFERENCE = RateFactor(
    fallback_threshold=Decimal(5), fallback_minor=800, fallback_increment_minor=75, weight_unit="lb"
)


def test_golden_case_of_the_reference():
    ten_pounds = RateFactor(**{**_fields(REFERENCE), "weight_unit": "kg"})  # exact tens
    assert customer_price(ten_pounds, None, 10_000) == 1175


def _fields(row: RateFactor) -> dict:
    return {name: getattr(row, name) for name in RateFactor.__slots__}


def test_fallback_in_pounds_and_below_the_threshold():
    assert customer_price(REFERENCE, None, TEN_POUNDS) == 1175  # 10.0002 lb
    assert customer_price(REFERENCE, None, 2000) == 800


def test_factor_free_and_live_rate():
    assert customer_price(RateFactor(Decimal("1.15")), 1000, 1) == 1150
    assert customer_price(RateFactor(Decimal("1.15")), 1003, 1) == 1153  # 1153.45
    assert customer_price(RateFactor(Decimal("1.5")), 1001, 1) == 1502  # 1501.5, half up
    assert customer_price(RateFactor(free_shipping=True), 1000, 1) == 0


def test_the_row_that_names_more_counts():
    rows = [
        RateFactor(Decimal(1)),
        RateFactor(Decimal(2), address_type="residential"),
        RateFactor(Decimal(3), source_type="store"),
        RateFactor(Decimal(4), source_type="store", address_type="residential"),
    ]
    asked = [("store", "residential"), ("store", "business"), ("3pl", "residential"), ("3pl", "business")]
    assert [int(factor_for(rows, source_type=s, address_type=a).factor) for s, a in asked] == [4, 3, 2, 1]


def test_free_lines_do_not_weigh():
    assert charged_grams([(500, 2, False), (10_000, 3, True)]) == 1000
