"""Which tables people may send as files, and their columns."""

from fulfillment.models import (
    Carrier,
    CarrierPickup,
    CarrierService,
    FutureSale,
    Lateness,
    MethodRule,
    Rate,
    RejectionReason,
    ShippingRateFactor,
    SourceList,
    SourcePriority,
    SourceService,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from fulfillment.services.replanning import CAPACITY, capacity_changed
from fulfillment.tables import Column, Members, SetupTable, clock, day, pairs, plain, shown_pairs, whole
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar, WorkingHours
from iom.lib import imports

SOURCE, SERVICE, CARRIER, CALENDAR = (
    Column("source", "source__code"),
    Column("service", "service__code"),
    Column("carrier", "carrier__code"),
    Column("calendar", "calendar__code"),
)
PRODUCT = Column("sku", "product__sku")

SOURCES = SetupTable(
    "sources",
    FulfillmentSource,
    [
        *plain("code", "name", "type", "line1", "city", "region", "postal_code", "country", "time_zone"),
        *plain("latitude", "longitude", convert=lambda text: float(imports.decimal(text))),
        Column("cutoff_time", "cutoff_time", clock),
        *whole(
            "processing_minutes", "safety_stock", "capacity_per_day", "overtime_per_day", "overtime_minor"
        ),
        *plain("capacity_unit", "inventory_location", "warehouse_code"),
        *whole("handling_parcel_minor", "handling_unit_minor", "reject_rate_ppm", "priority"),
        CALENDAR,
    ],
    ("code",),
    watched=CAPACITY,
    changed=capacity_changed,
)
CARRIERS = SetupTable(
    "carriers",
    Carrier,
    [
        *plain("code", "name"),
        CALENDAR,
        *plain("active", convert=imports.truth),
    ],
    ("code",),
)
SERVICES = SetupTable(
    "carrier-services",
    CarrierService,
    [
        CARRIER,
        *plain("code", "name", "carrier_code", "method_code", "service_type", "currency", "weight_unit"),
        *whole(
            "max_weight_units",
            "max_distance_km",
            "dim_divisor",
            "grams_co2_per_parcel",
            "grams_co2_per_tonne_km",
        ),
        *plain("delivers_saturday", "active", convert=imports.truth),
    ],
    ("code",),
)
RATES = SetupTable(
    "rates",
    Rate,
    [SERVICE, *whole("zone", "from_units", "base_minor", "per_unit_minor", "minimum_minor")],
    ("service", "zone", "from_units"),
)
OFFERED = SetupTable(
    "source-services",
    SourceService,
    [
        SOURCE,
        SERVICE,
        Column("cutoff_time", "cutoff_time", clock),
        *plain("enabled", convert=imports.truth),
    ],
    ("source", "service"),
)
PICKUPS = SetupTable(
    "pickups",
    CarrierPickup,
    [SOURCE, CARRIER, *whole("weekday"), Column("time", "time", clock)],
    ("source", "carrier", "weekday", "time"),
)
PRIORITIES = SetupTable(
    "source-priorities",
    SourcePriority,
    [SOURCE, PRODUCT, *plain("category"), *whole("priority")],
    ("source", "sku", "category"),
)
FACTORS = SetupTable(
    "rate-factors",
    ShippingRateFactor,
    [
        *plain("name", "source_type", "address_type", "currency", "weight_unit"),
        *plain("factor", "fallback_threshold", convert=imports.decimal),
        *whole("fallback_minor", "fallback_increment_minor"),
        *plain("free_shipping", "enabled", convert=imports.truth),
    ],
    ("name",),
)
REASONS = SetupTable(
    "rejection-reasons",
    RejectionReason,
    [
        *plain("code", "label", "stock_effect"),
        *whole("cooldown_days"),
        *plain("moves_line", "active", convert=imports.truth),
    ],
    ("code",),
)
METHODS = SetupTable(
    "method-rules",
    MethodRule,
    [
        *plain("method"), PRODUCT, *plain("category"), SOURCE, *plain("source_type"), Column("channel", "channel__key"),
        *plain("allowed", convert=imports.truth),
    ],
    ("method", "sku", "category", "source", "source_type", "channel"),
)  # fmt: skip
FUTURE_SALES = SetupTable(
    "future-sales",
    FutureSale,
    [
        PRODUCT, *plain("category"), SOURCE, *plain("source_type"), *whole("minor"),
        *plain("percent", convert=imports.decimal),
    ],
    ("sku", "category", "source", "source_type"),
)  # fmt: skip
SOURCE_LISTS = SetupTable(
    "source-lists",
    SourceList,
    plain("key", "name", "description"),
    ("key",),
    [Members("sources", "sources__code")],
)
CALENDARS = SetupTable("calendars", WorkingCalendar, plain("code", "name", "country", "region"), ("code",))
HOURS = SetupTable(
    "working-hours",
    WorkingHours,
    [CALENDAR, *whole("weekday"), *plain("opens_at", "closes_at", convert=clock)],
    ("calendar", "weekday", "opens_at"),
)
HOLIDAYS = SetupTable(
    "holidays",
    CalendarDay,
    [CALENDAR, *plain("date", convert=day), *plain("name"), *plain("opens_at", "closes_at", convert=clock)],
    ("calendar", "date"),
)
ZONES = SetupTable("zones", ZoneBand, [SERVICE, *whole("zone", "up_to_km")], ("service", "zone"))
SURCHARGES = SetupTable(
    "surcharges",
    Surcharge,
    [
        SERVICE, *plain("name", "kind"), *whole("amount_minor"), *plain("percent", convert=imports.decimal),
        *whole("zone", "from_units"), *plain("valid_from", "valid_until", convert=day),
        *plain("enabled", convert=imports.truth),
    ],
    ("service", "name", "zone", "from_units"),
)  # fmt: skip
TRANSIT = SetupTable(
    "transit-times",
    TransitTime,
    [SERVICE, *whole("zone", "days"), Column("observed", "observed", pairs, shown_pairs)],
    ("service", "zone"),
)
LATENESS = SetupTable(
    "lateness", Lateness, [SERVICE, *whole("slack_days", "late_ppm")], ("service", "slack_days")
)

TABLES = (
    SOURCES,
    CARRIERS,
    SERVICES,
    RATES,
    OFFERED,
    PICKUPS,
    PRIORITIES,
    FACTORS,
    REASONS,
    METHODS,
    FUTURE_SALES,
    SOURCE_LISTS,
    CALENDARS,
    HOURS,
    HOLIDAYS,
    ZONES,
    SURCHARGES,
    TRANSIT,
    LATENESS,
)
