"""Carriers and their services, with rates, zones, transit times and lateness on the service's page."""

from django.contrib import admin
from unfold.admin import TabularInline

from fulfillment import setup_tables
from fulfillment.models import Carrier, CarrierService, Lateness, Rate, Surcharge, TransitTime, ZoneBand
from inventory.importing import ImportExport
from iom.lib.admin.base import HouseAdmin


@admin.register(Carrier)
class CarrierAdmin(ImportExport, HouseAdmin):
    table = setup_tables.CARRIERS.spec()
    import_needs = ("add", "change")
    list_display = ("code", "name", "calendar", "active")
    list_select_related = ("calendar",)
    list_filter = ("active",)
    search_fields = ("code__istartswith", "name__icontains")
    autocomplete_fields = ("calendar",)
    ordering = ("code",)


class ServiceInline(TabularInline):
    extra = 0
    tab = True
    per_page = 100


class ZoneInline(ServiceInline):
    model = ZoneBand
    ordering = ("zone",)


class RateInline(ServiceInline):
    model = Rate
    ordering = ("zone", "from_units")


class SurchargeInline(ServiceInline):
    model = Surcharge
    ordering = ("name",)


class TransitInline(ServiceInline):
    model = TransitTime
    ordering = ("zone",)


class LatenessInline(ServiceInline):
    model = Lateness
    ordering = ("slack_days",)


@admin.register(CarrierService)
class CarrierServiceAdmin(ImportExport, HouseAdmin):
    table = setup_tables.SERVICES.spec()
    import_needs = ("add", "change")
    list_display = ("code", "name", "carrier", "weight_unit", "max_weight_units", "max_distance_km", "active")
    list_select_related = ("carrier",)
    list_filter = ("active", "weight_unit")
    search_fields = ("code__istartswith", "name__icontains", "carrier__code__exact")
    autocomplete_fields = ("carrier",)
    ordering = ("code",)
    inlines = (ZoneInline, RateInline, SurchargeInline, TransitInline, LatenessInline)


class ServiceTableAdmin(ImportExport, HouseAdmin):
    """Rows of every service in one list, for files; single ones are edited on the service's page."""

    import_needs = ("add", "change")
    list_select_related = ("service",)
    search_fields = ("service__code__exact",)
    autocomplete_fields = ("service",)


@admin.register(Rate)
class RateAdmin(ServiceTableAdmin):
    table = setup_tables.RATES.spec()
    list_display = ("service", "zone", "from_units", "base_minor", "per_unit_minor", "minimum_minor")


@admin.register(ZoneBand)
class ZoneBandAdmin(ServiceTableAdmin):
    table = setup_tables.ZONES.spec()
    list_display = ("service", "zone", "up_to_km")


@admin.register(Surcharge)
class SurchargeAdmin(ServiceTableAdmin):
    table = setup_tables.SURCHARGES.spec()
    list_display = (
        "service",
        "name",
        "kind",
        "amount_minor",
        "percent",
        "zone",
        "valid_from",
        "valid_until",
        "enabled",
    )
    list_filter = ("enabled", "kind")
    search_fields = ("service__code__exact", "name__icontains")


@admin.register(TransitTime)
class TransitTimeAdmin(ServiceTableAdmin):
    table = setup_tables.TRANSIT.spec()
    list_display = ("service", "zone", "days")


@admin.register(Lateness)
class LatenessAdmin(ServiceTableAdmin):
    table = setup_tables.LATENESS.spec()
    list_display = ("service", "slack_days", "late_ppm")
