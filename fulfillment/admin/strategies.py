"""Strategies with their constraints; versions are read on the strategy's page."""

from django.contrib import admin
from unfold.admin import StackedInline

from fulfillment.models import SourcingRun, Strategy, StrategyConstraint
from iom.lib.admin.base import HouseAdmin, MachineAdmin


class ConstraintInline(StackedInline):
    model = StrategyConstraint
    extra = 0
    autocomplete_fields = ("source_list", "products")


@admin.register(Strategy)
class StrategyAdmin(HouseAdmin):
    list_display = ("key", "name", "is_default", "objective", "rest", "live_version")
    list_select_related = ("live_version",)
    search_fields = ("key__istartswith", "name__icontains")
    autocomplete_fields = ("source_list", "sources", "alternate")
    ordering = ("key",)
    inlines = (ConstraintInline,)


@admin.register(SourcingRun)
class SourcingRunAdmin(MachineAdmin):
    list_display = ("started_at", "mode", "cause", "orders", "lines", "parcels", "cost_minor", "gap_ppm")
    list_filter = ("mode", "cause")
