"""Admin pages of the inventory: products and sources are edited, counters change through the services only."""

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from inventory.importing import ImportExport
from inventory.models import (
    FulfillmentSource,
    ImportedFile,
    InventoryMovement,
    InventoryPosition,
    Product,
    Reservation,
)
from inventory.tables import PRODUCTS, STOCK
from iom.lib.admin.base import HouseAdmin, MachineAdmin, actor_of, flag
from iom.lib.badges import badge

LABELS = {
    "sku": "SKU", "weight_grams": "Weight (g)", "length_mm": "Length (mm)", "width_mm": "Width (mm)", "height_mm": "Height (mm)",
}  # fmt: skip


@admin.register(Product)
class ProductAdmin(ImportExport, HouseAdmin):
    table = PRODUCTS
    import_needs = ("add", "change")
    list_display = ("sku_text", "name", "category", "price_text", "base_unit", "preorder", "active")
    list_filter = ("active", "preorder_eligible", "base_unit")
    search_fields = ("sku__istartswith", "name__icontains", "category__iexact")
    search_help_text = "Beginning of the SKU, part of the name, or a whole category"
    autocomplete_fields = ("substitute",)
    ordering = ("sku",)
    fieldsets = (
        (None, {"fields": (("sku", "name"), ("category", "base_unit"), ("price", "currency"), "active")}),
        ("Size", {"fields": (("weight_grams", "length_mm"), ("width_mm", "height_mm"))}),
        ("Sale", {"fields": (("preorder_eligible", "launch_date"), "substitute")}),
    )

    @admin.display(description="price")
    def price_text(self, product: Product) -> str:
        exact = product.price != round(product.price, 2)
        amount = f"{product.price.normalize():f}" if exact else f"{product.price:,.2f}"
        return f"{amount} {product.currency}"

    @admin.display(description="SKU")
    def sku_text(self, product: Product) -> str:
        return product.sku

    @admin.display(description="pre-order")
    def preorder(self, product: Product) -> str:
        return flag(product.preorder_eligible, "Pre-order")

    def formfield_for_dbfield(self, db_field, request: HttpRequest, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name in LABELS:
            field.label = LABELS[db_field.name]
        return field


@admin.register(FulfillmentSource)
class FulfillmentSourceAdmin(HouseAdmin):
    list_display = ("code", "name", "type", "city", "region", "country", "time_zone", "cutoff_time", "active")
    list_filter = ("type", "active")
    search_fields = ("code__istartswith", "name__icontains", "city__istartswith")
    ordering = ("code",)
    fieldsets = (
        (None, {"fields": (("code", "name"), ("type", "active"))}),
        (
            "Address",
            {"fields": ("line1", ("city", "region"), ("postal_code", "country"), ("latitude", "longitude"))},
        ),
        ("Working day", {"fields": (("time_zone", "cutoff_time"), "processing_minutes")}),
    )


class CountForm(forms.ModelForm):
    """What a person counted. The counters themselves are moved by the stock service, with a ledger row."""

    counted = forms.IntegerField(
        label="Counted on hand",
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: not counted",
    )
    new_safety_stock = forms.IntegerField(
        label="Safety stock", required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget
    )
    reason = forms.CharField(required=False, max_length=200, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = InventoryPosition
        fields = ()

    def clean(self) -> dict:
        cleaned = super().clean()
        counted = cleaned.get("counted")
        if counted is not None and counted < self.instance.reserved:
            self.add_error(
                "counted", f"{self.instance.reserved} are reserved; release them before counting lower."
            )
        return cleaned


@admin.register(InventoryPosition)
class InventoryPositionAdmin(ImportExport, HouseAdmin):
    table = STOCK
    import_needs = ("change",)
    form = CountForm
    list_display = (
        "product",
        "source",
        "on_hand",
        "reserved",
        "safety_stock",
        "available_units",
        "updated_at",
    )
    list_select_related = ("product", "source")
    list_filter = ("source__type",)
    search_fields = ("product__sku__exact", "source__code__exact")
    search_help_text = "Whole SKU or whole source code"
    readonly_fields = (
        "product",
        "source",
        "on_hand",
        "reserved",
        "safety_stock",
        "available_units",
        "updated_at",
    )
    fieldsets = (
        (
            None,
            {"fields": (("product", "source"), ("on_hand", "reserved"), ("safety_stock", "available_units"))},
        ),
        ("Count", {"fields": (("counted", "new_safety_stock"), "reason")}),
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str):
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(product__sku=term) | Q(source__code=term)), False

    @admin.display(description="available")
    def available_units(self, position: InventoryPosition) -> int:
        return position.available

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: InventoryPosition | None = None) -> bool:
        return False

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: InventoryPosition, form: CountForm, change: bool) -> None:
        from inventory.services.stock import set_on_hand, set_safety_stock
        from inventory.types import StockLevel

        actor, reason = actor_of(request), form.cleaned_data["reason"] or "Count"
        for name, service in (("counted", set_on_hand), ("new_safety_stock", set_safety_stock)):
            if (quantity := form.cleaned_data[name]) is not None:
                service([StockLevel(obj.product_id, obj.source_id, quantity)], actor=actor, reason=reason)


@admin.register(InventoryMovement)
class InventoryMovementAdmin(MachineAdmin):
    list_display = (
        "at",
        "position_text",
        "kind",
        "on_hand_delta",
        "reserved_delta",
        "reference",
        "reason",
        "actor",
    )
    list_select_related = ("position__product", "position__source")
    list_filter = ("kind",)

    @admin.display(description="position")
    def position_text(self, movement: InventoryMovement) -> str:
        return f"{movement.position.product.sku} at {movement.position.source.code}"


@admin.register(Reservation)
class ReservationAdmin(MachineAdmin):
    list_display = (
        "key",
        "reference",
        "position_text",
        "quantity",
        "kind",
        "state_badge",
        "expires_at",
        "created_at",
    )
    list_select_related = ("position__product", "position__source")
    list_filter = ("state", "kind")
    search_fields = ("key__exact", "reference__exact")
    search_help_text = "Whole key or whole reference"

    @admin.display(description="position")
    def position_text(self, reservation: Reservation) -> str:
        return f"{reservation.position.product.sku} at {reservation.position.source.code}"

    @admin.display(description="state")
    def state_badge(self, reservation: Reservation) -> str:
        return badge(reservation.state, reservation.get_state_display())


@admin.register(ImportedFile)
class ImportedFileAdmin(MachineAdmin):
    list_display = ("created_at", "kind", "name", "state_badge", "actor", "finished_at", "again")
    list_filter = ("state",)
    search_fields = ("digest__exact",)
    fields = ("kind", "name", "digest", "state", "again", "actor", "created_at", "finished_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("content", "report")

    @admin.display(description="state")
    def state_badge(self, file: ImportedFile) -> str:
        return badge(file.state, file.get_state_display())
