"""Which tables people may send as files, and their columns."""

from fulfillment.models import (
    Carrier,
    CarrierPickup,
    CarrierService,
    MethodRule,
    Rate,
    RejectionReason,
    ShippingRateFactor,
    SourcePriority,
    SourceService,
)
from fulfillment.tables import Column, SetupTable, clock, plain, whole
from inventory.models import FulfillmentSource
from iom.lib import imports

SOURCE, SERVICE, CARRIER = (
    Column("source", "source__code"),
    Column("service", "service__code"),
    Column("carrier", "carrier__code"),
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
        Column("calendar", "calendar__code"),
    ],
    ("code",),
)
CARRIERS = SetupTable(
    "carriers",
    Carrier,
    [
        *plain("code", "name"),
        Column("calendar", "calendar__code"),
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
