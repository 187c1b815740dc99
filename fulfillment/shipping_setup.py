"""Rows of carriers, rates, calendars and pickups as the plain values that `rates`, `calendars` and `promise` work on.

Everything that is active, in a fixed number of queries however many rows.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

from django.db.models import QuerySet

from fulfillment.calendars import MONDAY_TO_FRIDAY, Calendar, Schedule, merged
from fulfillment.models import (
    CarrierPickup,
    CarrierService,
    Lateness,
    Rate,
    ShippingRateFactor,
    SourceService,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from fulfillment.promise import distribution
from fulfillment.rates import RateFactor, Step, Tariff
from fulfillment.rates import Surcharge as SurchargeRule
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar, WorkingHours
from iom.lib import compiled

SLACKS = tuple(Lateness.SLACKS)
ALWAYS_OPEN = Calendar()
NO_PICKUPS: Mapping[int, tuple[time, ...]] = {}


@dataclass(frozen=True)
class ServiceSetup:
    """A carrier service with all that its parcels cost and take. `transit`: zone -> days -> probability."""

    id: int
    code: str
    name: str
    carrier_id: int
    carrier_code: str
    currency: str
    tariff: Tariff
    carrier_calendar: Calendar
    transit: Mapping[int, Mapping[int, float]]
    stated_days: Mapping[int, int]
    late_ppm: tuple[int, ...]
    delivers_saturday: bool
    grams_co2_per_parcel: int
    grams_co2_per_tonne_km: int

    @property
    def carries(self) -> bool:
        return self.id != NO_CARRIER


NO_CARRIER = 0
# The customer takes the goods where they lie: it costs nothing and takes no day, and is late once they are ready too late.
TAKEN_THERE = ServiceSetup(
    NO_CARRIER, "", "Taken at the store", NO_CARRIER, "", "", Tariff("", ((0, None),), (Step(0, 1, 0),)), Calendar(),
    {0: {0: 1.0}}, {0: 0}, tuple(1_000_000 if slack < 0 else 0 for slack in SLACKS), True, 0, 0,
)  # fmt: skip


@dataclass(frozen=True)
class SourceSetup:
    """When a source works, and what it offers: service id -> cutoff of its own or None; carrier id -> pickups."""

    id: int
    time_zone: str
    calendar: Calendar
    cutoff: time | None
    processing: timedelta
    offered: Mapping[int, time | None]
    pickups: Mapping[int, Mapping[int, tuple[time, ...]]]

    def schedule(self, service: ServiceSetup | None = None) -> Schedule:
        """Of this service from here: its cutoff where it has one, and the pickups of its carrier. None: of the source."""
        cutoff, pickups = self._of(service)
        return Schedule(self.time_zone, self.calendar, cutoff, self.processing, pickups)

    def works_like(self, service: ServiceSetup) -> tuple:
        """Equal for schedules that hand over at the same moments; calendars and pickups are told apart as objects."""
        cutoff, pickups = self._of(service)
        return self.time_zone, id(self.calendar), cutoff, self.processing, id(pickups)

    def _of(self, service: ServiceSetup | None) -> tuple[time | None, Mapping[int, tuple[time, ...]]]:
        if service is None:
            return self.cutoff, NO_PICKUPS
        return self.offered.get(service.id) or self.cutoff, self.pickups.get(service.carrier_id, NO_PICKUPS)


def calendars_by_id() -> dict[int, Calendar]:
    """Every working calendar; three queries."""
    hours: dict[int, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for calendar, weekday, opens, closes in _hours():
        hours[calendar][weekday].append((opens, closes))
    days: dict[int, dict[date, tuple]] = defaultdict(dict)
    for calendar, day, opens, closes in _days():
        days[calendar][day] = ((opens, closes),) if opens else ()
    return {
        pk: Calendar({day: tuple(each) for day, each in hours[pk].items()}, days[pk], country, region)
        for pk, country, region in _calendars()
    }


@compiled.query
def _hours() -> QuerySet:
    return WorkingHours.objects.order_by("opens_at").values_list(
        "calendar_id", "weekday", "opens_at", "closes_at"
    )


@compiled.query
def _days() -> QuerySet:
    return CalendarDay.objects.values_list("calendar_id", "date", "opens_at", "closes_at")


@compiled.query
def _calendars() -> QuerySet:
    return WorkingCalendar.objects.values_list("pk", "country", "region")


def services(calendars: Mapping[int, Calendar] | None = None) -> list[ServiceSetup]:
    """Active services of active carriers that have a rate, by code."""
    calendars = calendars_by_id() if calendars is None else calendars
    bands, steps, extras = _bands(), _steps(), _surcharges()
    transit, late = _transit(), _lateness()
    found = []
    for row in (
        CarrierService.objects.filter(active=True, carrier__active=True)
        .select_related("carrier")
        .order_by("code")
    ):
        if not steps[row.pk] or not bands[row.pk]:
            continue
        tariff = Tariff(
            row.code, tuple(bands[row.pk]), tuple(steps[row.pk]), tuple(extras[row.pk]), row.weight_unit,
            row.max_weight_units, row.max_distance_km, row.dim_divisor,
        )  # fmt: skip
        carrier_calendar = calendars.get(row.carrier.calendar_id, MONDAY_TO_FRIDAY)
        found.append(
            ServiceSetup(
                row.pk, row.code, row.name, row.carrier_id, row.carrier.code, row.currency, tariff, carrier_calendar,
                {zone: seen for zone, (_, seen) in transit[row.pk].items()},
                {zone: days for zone, (days, _) in transit[row.pk].items()},
                tuple(late[row.pk].get(slack, 0) for slack in SLACKS),
                row.delivers_saturday, row.grams_co2_per_parcel, row.grams_co2_per_tonne_km,
            )
        )  # fmt: skip
    return found


def sources(
    calendars: Mapping[int, Calendar] | None = None, ids: Collection[int] | None = None
) -> dict[int, SourceSetup]:
    """When each source works and what it offers; all of them, or those asked for."""
    calendars = calendars_by_id() if calendars is None else calendars
    offered: dict[int, dict[int, time | None]] = defaultdict(dict)
    services = SourceService.objects.filter(enabled=True)
    services = services if ids is None else services.filter(source_id__in=ids)
    for source, service, cutoff in services.order_by().values_list("source_id", "service_id", "cutoff_time"):
        offered[source][service] = cutoff
    pickups = _pickups(ids)
    rows = FulfillmentSource.objects.all() if ids is None else FulfillmentSource.objects.filter(pk__in=ids)
    fields = ("pk", "time_zone", "calendar_id", "cutoff_time", "processing_minutes")
    return {
        pk: SourceSetup(
            pk,
            zone,
            calendars.get(calendar, ALWAYS_OPEN),
            cutoff,
            timedelta(minutes=minutes),
            offered[pk],
            pickups[pk],
        )
        for pk, zone, calendar, cutoff, minutes in rows.values_list(*fields)
    }


def rate_factors() -> list[RateFactor]:
    names = (
        "factor", "free_shipping", "weight_unit", "fallback_threshold", "fallback_minor", "fallback_increment_minor",
        "source_type", "address_type",
    )  # fmt: skip
    return [RateFactor(*row) for row in ShippingRateFactor.objects.filter(enabled=True).values_list(*names)]


# -- tables by service --------------------------------------------------------------------------------------------


def _bands() -> dict[int, list]:
    found = defaultdict(list)
    for service, zone, limit in ZoneBand.objects.values_list("service_id", "zone", "up_to_km"):
        found[service].append((zone, limit))
    return found


def _steps() -> dict[int, list[Step]]:
    found = defaultdict(list)
    names = ("service_id", "zone", "from_units", "base_minor", "per_unit_minor", "minimum_minor")
    for service, *step in Rate.objects.order_by("zone", "from_units").values_list(*names):
        found[service].append(Step(*step))
    return found


def _surcharges() -> dict[int, list[SurchargeRule]]:
    found = defaultdict(list)
    names = (
        "service_id", "kind", "name", "amount_minor", "percent", "zone", "from_units", "valid_from", "valid_until",
    )  # fmt: skip
    for service, kind, name, amount, percent, *rest in (
        Surcharge.objects.filter(enabled=True).order_by("pk").values_list(*names)
    ):
        is_fixed = kind == Surcharge.Kind.FIXED
        found[service].append(SurchargeRule(name, amount if is_fixed else 0, percent * (not is_fixed), *rest))
    return found


def _transit() -> dict[int, dict[int, tuple[int, dict]]]:
    found = defaultdict(dict)
    for service, zone, days, observed in TransitTime.objects.values_list(
        "service_id", "zone", "days", "observed"
    ):
        found[service][zone] = (days, distribution(observed, days))
    return found


def _lateness() -> dict[int, dict[int, int]]:
    found = defaultdict(dict)
    for service, slack, ppm in Lateness.objects.values_list("service_id", "slack_days", "late_ppm"):
        found[service][slack] = ppm
    return found


def _pickups(ids: Collection[int] | None) -> dict[int, dict[int, dict[int, tuple[time, ...]]]]:
    found: dict[int, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    rows = CarrierPickup.objects.all() if ids is None else CarrierPickup.objects.filter(source_id__in=ids)
    rows = rows.order_by(
        "source_id", "carrier_id", "weekday", "time"
    )  # not by their names, which it would look up
    for source, carrier, weekday, wall in rows.values_list("source_id", "carrier_id", "weekday", "time"):
        found[source][carrier].append((weekday, wall))
    return defaultdict(
        dict,
        {
            source: {carrier: merged(tuple(rows)) for carrier, rows in each.items()}
            for source, each in found.items()
        },
    )
