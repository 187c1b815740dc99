"""Sources with all that sourcing knows of them; switching one off is heard at once."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from fulfillment.services.replanning import CAPACITY, capacity_changed
from fulfillment.services.sources import set_active
from fulfillment.setup_tables import SOURCES
from inventory.admin.stock import FulfillmentSourceAdmin
from inventory.importing import ImportExport
from inventory.models import FulfillmentSource
from iom.lib.admin.base import actor_of

admin.site.unregister(FulfillmentSource)


@admin.register(FulfillmentSource)
class SourceAdmin(ImportExport, FulfillmentSourceAdmin):
    table = SOURCES.spec()
    import_needs = ("add", "change")
    list_display = (
        "code", "name", "type", "city", "region", "time_zone", "cutoff_time", "capacity_per_day", "priority", "active",
    )  # fmt: skip
    list_filter = ("type", "active", "capacity_unit")
    autocomplete_fields = ("calendar",)
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": (("code", "name"), ("type", "active"), ("priority", "reject_rate_ppm"))}),
        ("Address", {"fields": ("line1", ("city", "region"), ("postal_code", "country"), ("latitude", "longitude"))}),
        ("Working day", {"fields": (("time_zone", "calendar"), ("cutoff_time", "processing_minutes"))}),
        ("Capacity", {"fields": (("capacity_unit", "capacity_per_day"), ("overtime_per_day", "overtime_minor"))}),
        ("Cost", {"fields": (("handling_parcel_minor", "handling_unit_minor"),)}),
        ("Stock", {"fields": (("inventory_location", "warehouse_code"), "safety_stock")}),
    )  # fmt: skip

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, active=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet, *, active: bool) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        changed = set_active(ids, active=active, actor=actor_of(request)).changed
        word = "on" if active else "off"
        self.message_user(
            request,
            f"{len(changed)} source(s) switched {word}; {len(ids) - len(changed)} were so already.",
            messages.SUCCESS,
        )

    def save_model(
        self, request: HttpRequest, obj: FulfillmentSource, form: forms.ModelForm, change: bool
    ) -> None:
        """The switch goes through its service, so that others hear of it."""
        wanted = obj.active
        if change and "active" in form.changed_data:
            obj.active = not wanted
        super().save_model(request, obj, form, change)
        if obj.active != wanted:
            set_active([obj.pk], active=wanted, actor=actor_of(request))
            obj.active = wanted
        if change and CAPACITY & set(form.changed_data):
            capacity_changed([obj.pk], actor=actor_of(request))
