"""What belongs to sources and carriers together: lists, services offered, pickups, priorities, reasons, methods, days."""

from django.contrib import admin

from fulfillment import setup_tables
from fulfillment.models import (
    CarrierPickup,
    FutureSale,
    ListDay,
    MethodRule,
    RejectionReason,
    ShippingRateFactor,
    SourceDay,
    SourceList,
    SourcePriority,
    SourceService,
)
from inventory.importing import ImportExport
from iom.lib.admin.base import HouseAdmin, MachineAdmin


@admin.register(SourceList)
class SourceListAdmin(ImportExport, HouseAdmin):
    table = setup_tables.SOURCE_LISTS.spec()
    import_needs = ("add", "change")
    list_display = ("key", "name", "description")
    search_fields = ("key__istartswith", "name__icontains")
    autocomplete_fields = ("sources",)
    ordering = ("key",)


@admin.register(SourcePriority)
class SourcePriorityAdmin(ImportExport, HouseAdmin):
    table = setup_tables.PRIORITIES.spec()
    import_needs = ("add", "change")
    list_display = ("source", "product", "category", "priority")
    list_select_related = ("source", "product")
    search_fields = ("source__code__exact", "product__sku__exact", "category__exact")
    autocomplete_fields = ("source", "product")


@admin.register(SourceService)
class SourceServiceAdmin(ImportExport, HouseAdmin):
    table = setup_tables.OFFERED.spec()
    import_needs = ("add", "change")
    list_display = ("source", "service", "cutoff_time", "enabled")
    list_select_related = ("source", "service")
    list_filter = ("enabled",)
    search_fields = ("source__code__exact", "service__code__exact")
    autocomplete_fields = ("source", "service")


@admin.register(CarrierPickup)
class CarrierPickupAdmin(ImportExport, HouseAdmin):
    table = setup_tables.PICKUPS.spec()
    import_needs = ("add", "change")
    list_display = ("source", "carrier", "weekday", "time")
    list_select_related = ("source", "carrier")
    list_filter = ("weekday",)
    search_fields = ("source__code__exact", "carrier__code__exact")
    autocomplete_fields = ("source", "carrier")


@admin.register(ShippingRateFactor)
class ShippingRateFactorAdmin(ImportExport, HouseAdmin):
    table = setup_tables.FACTORS.spec()
    import_needs = ("add", "change")
    list_display = ("name", "source_type", "address_type", "factor", "free_shipping", "enabled")
    list_filter = ("enabled", "source_type", "address_type")
    search_fields = ("name__icontains",)
    ordering = ("name",)


@admin.register(RejectionReason)
class RejectionReasonAdmin(ImportExport, HouseAdmin):
    table = setup_tables.REASONS.spec()
    import_needs = ("add", "change")
    list_display = ("code", "label", "stock_effect", "cooldown_days", "moves_line", "active")
    list_filter = ("active", "stock_effect")
    search_fields = ("code__istartswith", "label__icontains")
    ordering = ("code",)


@admin.register(MethodRule)
class MethodRuleAdmin(ImportExport, HouseAdmin):
    table = setup_tables.METHODS.spec()
    import_needs = ("add", "change")
    list_display = ("method", "product", "category", "source", "source_type", "channel", "allowed")
    list_select_related = ("product", "source", "channel")
    list_filter = ("method", "allowed", "source_type")
    search_fields = ("product__sku__exact", "source__code__exact", "category__exact")
    autocomplete_fields = ("product", "source", "channel")


@admin.register(FutureSale)
class FutureSaleAdmin(ImportExport, HouseAdmin):
    table = setup_tables.FUTURE_SALES.spec()
    import_needs = ("add", "change")
    list_display = ("__str__", "product", "category", "source", "source_type", "minor", "percent")
    list_select_related = ("product", "source")
    list_filter = ("source_type",)
    search_fields = ("product__sku__exact", "source__code__exact", "category__exact")
    autocomplete_fields = ("product", "source")


@admin.register(SourceDay)
class SourceDayAdmin(MachineAdmin):
    list_display = ("source", "day", "unit", "used", "regular", "maximum")
    list_select_related = ("source",)
    list_filter = ("unit",)
    search_fields = ("source__code__exact",)


@admin.register(ListDay)
class ListDayAdmin(MachineAdmin):
    list_display = ("source_list", "day", "used", "maximum")
    list_select_related = ("source_list",)
    search_fields = ("source_list__key__exact",)
