"""What shipping costs and how long it takes in the demo world: carriers, rates, calendars, pickups, a strategy."""

from datetime import time
from decimal import Decimal

from django.db import transaction

from fulfillment.models import (
    Carrier,
    CarrierPickup,
    CarrierService,
    Lateness,
    Rate,
    ShippingRateFactor,
    SourceList,
    SourceService,
    Strategy,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from fulfillment.services.strategies import publish
from inventory.models import FulfillmentSource, WorkingCalendar, WorkingHours

# Zones 2 to 8 by distance; the last has no end.
ZONES = tuple(zip(range(2, 9), (240, 480, 960, 1600, 2250, 2900, None), strict=True))
CARRIERS = (
    ("northway", "Northway Parcel", None),
    ("cityrun", "Cityrun Courier", "daily"),
    ("northway-freight", "Northway Freight", None),
)
# code: (carrier, name, base and per pound by zone, transit days by zone, late ppm by slack, most pounds, most km, CO2)
SERVICES = {
    "ground": (
        "northway", "Northway Ground",
        (705, 740, 775, 815, 860, 905, 970), (26, 31, 40, 52, 62, 73, 86), (1, 2, 3, 4, 4, 5, 5),
        (995_000, 930_000, 85_000, 21_000, 8_000, 4_000), 150, None, (180, 70),
    ),
    "two-day": (
        "northway", "Northway Two Day",
        (1150, 1210, 1300, 1400, 1510, 1600, 1700), (92, 108, 132, 162, 188, 208, 232), (1, 2, 2, 2, 2, 2, 2),
        (990_000, 900_000, 44_000, 12_000, 5_000, 3_000), 150, None, (220, 410),
    ),
    "next-day": (
        "northway", "Northway Next Day",
        (1900, 2100, 2450, 2850, 3150, 3350, 3550), (138, 162, 208, 256, 296, 316, 346), (1, 1, 1, 1, 1, 1, 1),
        (990_000, 900_000, 29_000, 9_000, 4_000, 3_000), 150, None, (240, 640),
    ),
    "local": (
        "cityrun", "Cityrun Same City",
        (620,) * 7, (12,) * 7, (1,) * 7, (990_000, 920_000, 58_000, 15_000, 6_000, 4_000), 50, 70, (90, 120),
    ),
    "freight": (  # pallets: what no parcel service takes
        "northway-freight", "Northway Freight",
        (8900, 9900, 11500, 13900, 16900, 18900, 21900), (14, 17, 22, 28, 35, 40, 46), (2, 3, 4, 5, 6, 7, 8),
        (990_000, 900_000, 110_000, 40_000, 15_000, 8_000), 20_000, None, (900, 60),
    ),
}  # fmt: skip
HEAVIEST_PARCEL = 150  # pounds
EVERYWHERE = ("ground", "two-day", "next-day", "freight")
OFFERED = {
    "warehouse": EVERYWHERE,
    "3pl": EVERYWHERE,
    "vendor": ("ground", "two-day", "freight"),
    "store": ("ground", "two-day", "local", "freight"),
}
# type: (calendar, units a day, overtime units, cents of overtime, cents a parcel, cents a unit, not found per million)
WORK = {
    "warehouse": ("warehouse", 6000, 1500, 60, 95, 35, 2_000),
    "store": ("store", 300, 90, 180, 250, 80, 60_000),
    "3pl": ("office", 3000, 450, 120, 180, 60, 5_000),
    "vendor": ("office", 600, 0, 0, 210, 70, 20_000),
}
# calendar: (name, weekdays, opens, closes)
CALENDARS = {
    "warehouse": ("Warehouses", range(6), time(6), time(22)),
    "store": ("Stores", range(7), time(9), time(20)),
    "office": ("Office hours", range(5), time(8), time(18)),
    "daily": ("Every day", range(7), time(7), time(21)),
}
PICKUPS = {
    "warehouse": {
        "northway": [(day, time(17)) for day in range(5)] + [(5, time(12))],
        "northway-freight": [(day, time(15)) for day in range(5)],
    },
    "3pl": {
        "northway": [(day, time(18)) for day in range(5)],
        "northway-freight": [(day, time(15)) for day in range(5)],
    },
    "vendor": {
        "northway": [(day, time(16)) for day in range(5)],
        "northway-freight": [(1, time(14)), (4, time(14))],
    },
    "store": {
        "northway-freight": [(2, time(14))],
        "northway": [(day, time(16)) for day in range(5)],
        "cityrun": [(day, hour) for day in range(7) for hour in (time(11), time(15), time(19))],
    },
}


@transaction.atomic
def load_shipping(*, capacity_factor: int = 1) -> None:
    """Make what is missing; what people changed since stays."""
    calendars = {code: _calendar(code) for code in CALENDARS}
    carriers = {code: _carrier(code, name, calendars.get(own)) for code, name, own in CARRIERS}
    services = {code: _service(code, carriers) for code in SERVICES}
    for source in FulfillmentSource.objects.filter(calendar=None, capacity_per_day=None, type__in=WORK):
        _set_up(source, calendars, carriers, services, capacity_factor)
    _factors()
    _strategy()


def _calendar(code: str) -> WorkingCalendar:
    name, weekdays, opens, closes = CALENDARS[code]
    calendar, made = WorkingCalendar.objects.get_or_create(
        code=code, defaults={"name": name, "country": "US" if code != "daily" else ""}
    )
    if made:
        WorkingHours.objects.bulk_create(
            [
                WorkingHours(calendar=calendar, weekday=day, opens_at=opens, closes_at=closes)
                for day in weekdays
            ]
        )
    return calendar


def _carrier(code: str, name: str, calendar: WorkingCalendar | None) -> Carrier:
    return Carrier.objects.get_or_create(code=code, defaults={"name": name, "calendar": calendar})[0]


def _service(code: str, carriers: dict[str, Carrier]) -> CarrierService:
    carrier, name, base, per_pound, transit, late, pounds, km, (each, tonne_km) = SERVICES[code]
    service, made = CarrierService.objects.get_or_create(
        code=code,
        defaults={
            "carrier": carriers[carrier], "name": name, "max_weight_units": pounds, "max_distance_km": km,
            "dim_divisor": 2278, "grams_co2_per_parcel": each, "grams_co2_per_tonne_km": tonne_km,
            "delivers_saturday": code == "next-day",
        },
    )  # fmt: skip
    if made:
        _rates(service, base, per_pound, transit)
        Lateness.objects.bulk_create(
            Lateness(service=service, slack_days=slack, late_ppm=ppm)
            for slack, ppm in zip(Lateness.SLACKS, late, strict=True)
        )
    return service


def _rates(service: CarrierService, base: tuple, per_pound: tuple, transit: tuple) -> None:
    ZoneBand.objects.bulk_create(ZoneBand(service=service, zone=zone, up_to_km=km) for zone, km in ZONES)
    Rate.objects.bulk_create(
        Rate(service=service, zone=zone, base_minor=first, per_unit_minor=more)
        for (zone, _), first, more in zip(ZONES, base, per_pound, strict=True)
    )
    TransitTime.objects.bulk_create(
        TransitTime(
            service=service, zone=zone, days=days, observed=[[days, 93], [days + 1, 5], [days + 2, 2]]
        )
        for (zone, _), days in zip(ZONES, transit, strict=True)
    )
    Surcharge.objects.create(service=service, name="Fuel", kind="percent", percent=Decimal("6.5"))
    if service.max_weight_units <= HEAVIEST_PARCEL:
        Surcharge.objects.create(service=service, name="Heavy parcel", amount_minor=900, from_units=51)


def _set_up(source, calendars, carriers, services, factor: int) -> None:
    calendar, regular, overtime, overtime_minor, parcel, unit, missing = WORK[source.type]
    source.calendar, source.reject_rate_ppm = calendars[calendar], missing
    source.capacity_per_day, source.overtime_per_day = regular * factor, overtime * factor
    source.overtime_minor, source.handling_parcel_minor, source.handling_unit_minor = (
        overtime_minor,
        parcel,
        unit,
    )
    source.save()
    SourceService.objects.bulk_create(
        [SourceService(source=source, service=services[code]) for code in OFFERED[source.type]],
        ignore_conflicts=True,
    )
    CarrierPickup.objects.bulk_create(
        [
            CarrierPickup(source=source, carrier=carriers[carrier], weekday=day, time=wall)
            for carrier, slots in PICKUPS[source.type].items()
            for day, wall in slots
        ],
        ignore_conflicts=True,
    )


def _factors() -> None:
    ShippingRateFactor.objects.get_or_create(
        name="Standard",
        defaults={
            "factor": Decimal("1.1"), "fallback_threshold": 5, "fallback_minor": 800, "fallback_increment_minor": 75,
        },
    )  # fmt: skip


def _strategy() -> None:
    """One list of all sources and one published strategy, unless the site has a default of its own."""
    everywhere, made = SourceList.objects.get_or_create(key="everywhere", defaults={"name": "Everywhere"})
    if made:
        everywhere.sources.set(FulfillmentSource.objects.all())
    if Strategy.objects.filter(is_default=True).exists():
        return
    strategy, made = Strategy.objects.get_or_create(
        key="standard",
        defaults={
            "name": "Standard", "description": "What a parcel really costs, from everywhere", "is_default": True,
            "objective": Strategy.Objective.COST, "source_list": everywhere, "rest": Strategy.Rest.FLOW,
        },
    )  # fmt: skip
    if made:
        for name, kind, parameters in CONSTRAINTS:
            strategy.constraints.create(name=name, kind=kind, parameters=parameters)
        publish(strategy.pk, actor="system", comment="Ships with the demo")


CONSTRAINTS = (
    ("Hazardous goods not from stores", "class_not_from", {"ship_class": "hazmat", "source_type": "store"}),
)
