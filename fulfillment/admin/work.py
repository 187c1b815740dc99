"""What was decided and done, to read: fulfillment orders, shipments, invoices, decisions, rejections."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    Invoice,
    Shipment,
    ShipmentLine,
    SourceRejection,
    SourcingDecision,
)
from fulfillment.services.cancellation import cancel_orders
from iom.lib.admin.base import MachineAdmin, ReadOnlyInline, pretty_json
from iom.lib.badges import badge
from iom.lib.money import formatted
from orders.admin.links import OrderLink
from orders.admin.order import OrderAdmin
from orders.models import Order

FIRST_NUMBER = 1000  # FO-1001 is the first fulfillment order


class FulfillmentLineInline(ReadOnlyInline):
    model = FulfillmentLine
    fields = ("order_line", "quantity", "quantity_picked", "quantity_shipped", "reservation_key")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("order_line")


class ShipmentInline(ReadOnlyInline):
    model = Shipment
    fields = ("carrier", "service", "tracking_number", "shipped_at", "delivered_at")


class FulfillmentOrderInline(ReadOnlyInline):
    model = FulfillmentOrder
    fields = ("number", "source", "state_badge", "external_id", "shipped_at")
    readonly_fields = ("number", "state_badge")
    show_change_link = True

    @admin.display(description="state")
    def state_badge(self, fulfillment_order: FulfillmentOrder) -> str:
        return _state(fulfillment_order)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("source")


admin.site.unregister(Order)


@admin.register(Order)
class OrderWithFulfillmentAdmin(OrderAdmin):
    """The order's page with what this floor knows: its fulfillment orders, and cancellation that asks the sources."""

    cancel_orders = staticmethod(cancel_orders)

    def get_inlines(self, request: HttpRequest, obj: Order | None) -> tuple:
        inlines = super().get_inlines(request, obj)
        return (*inlines, FulfillmentOrderInline) if obj and obj.state != Order.State.DRAFT else inlines


@admin.register(FulfillmentOrder)
class FulfillmentOrderAdmin(OrderLink, MachineAdmin):
    list_display = (
        "number",
        "order_link",
        "source",
        "state_badge",
        "external_id",
        "created_at",
        "shipped_at",
    )
    fields = (
        ("number", "order_link"), ("source", "state_badge"), ("external_id", "ship_by"), ("created_at", "sent_at"),
        ("accepted_at", "shipped_at"), ("delivered_at", "invoiced_at"), ("cancel_requested_at", "key"),
    )  # fmt: skip
    readonly_fields = ("number", "order_link", "state_badge")
    list_select_related = ("order", "source")
    list_filter = ("source__type",)
    search_fields = ("key__exact",)
    search_help_text = "Number such as FO-2210, order such as SO-1042, or whole key"
    inlines = (FulfillmentLineInline, ShipmentInline)

    @admin.display(description="state")
    def state_badge(self, fulfillment_order: FulfillmentOrder) -> str:
        return _state(fulfillment_order)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str):
        term = search_term.strip()
        kind, _, digits = term.upper().partition("-")
        if digits.isdecimal() and len(digits) < 16 and kind in ("FO", "SO"):
            field = "pk" if kind == "FO" else "order_id"
            return queryset.filter(**{field: int(digits) - FIRST_NUMBER}), False
        return super().get_search_results(request, queryset, term)


class ShipmentLineInline(ReadOnlyInline):
    model = ShipmentLine
    fields = ("fulfillment_line", "quantity")


@admin.register(Shipment)
class ShipmentAdmin(MachineAdmin):
    list_display = ("tracking", "fulfillment_order", "carrier", "service", "shipped_at", "delivered_at")
    fields = (
        ("fulfillment_order", "tracking_number"), ("carrier", "service"), ("shipped_at", "delivered_at"),
        ("cost", "tracking_url"), "key",
    )  # fmt: skip
    readonly_fields = ("cost",)
    list_select_related = ("fulfillment_order",)
    search_fields = ("tracking_number__exact", "key__exact")
    search_help_text = "Whole tracking number or key"
    inlines = (ShipmentLineInline,)

    @admin.display(description="cost")
    def cost(self, shipment: Shipment) -> str:
        if shipment.cost_minor is None:
            return "–"
        return formatted(shipment.cost_minor, shipment.fulfillment_order.order.currency)

    @admin.display(description="tracking number")
    def tracking(self, shipment: Shipment) -> str:
        return shipment.tracking_number or shipment.key


@admin.register(Invoice)
class InvoiceAdmin(MachineAdmin):
    list_display = ("number", "fulfillment_order", "amount", "issued_at")
    list_select_related = ("fulfillment_order",)

    @admin.display(description="amount")
    def amount(self, invoice: Invoice) -> str:
        return formatted(invoice.amount_minor, invoice.currency)


@admin.register(SourcingDecision)
class SourcingDecisionAdmin(OrderLink, MachineAdmin):
    list_display = ("at", "order_link", "order_line", "outcome_badge", "strategy", "sentence")
    list_select_related = ("order", "order_line")
    list_filter = ("outcome",)
    fields = (
        "order",
        "order_line",
        "strategy",
        "outcome",
        "sentence",
        "chosen_text",
        "candidates_text",
        "at",
    )
    readonly_fields = ("chosen_text", "candidates_text")

    @admin.display(description="outcome")
    def outcome_badge(self, decision: SourcingDecision) -> str:
        return badge(decision.outcome, decision.get_outcome_display())

    @admin.display(description="chosen")
    def chosen_text(self, decision: SourcingDecision) -> str:
        return pretty_json(decision.chosen)

    @admin.display(description="candidates")
    def candidates_text(self, decision: SourcingDecision) -> str:
        return pretty_json(decision.candidates)


@admin.register(SourceRejection)
class SourceRejectionAdmin(MachineAdmin):
    list_display = ("at", "order_line", "source", "reason", "actor")
    list_select_related = ("order_line", "source")


def _state(fulfillment_order: FulfillmentOrder) -> str:
    """The state in words; a state that people made has no label here."""
    known = fulfillment_order.state in FulfillmentOrder.State.values
    return badge(
        fulfillment_order.state, FulfillmentOrder.State(fulfillment_order.state).label if known else ""
    )
