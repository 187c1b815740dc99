"""The vocabulary of orders (events, states, reasons, transitions) and what is written about them."""

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from iom.lib.admin.base import HouseAdmin, MachineAdmin, pretty_json
from iom.lib.badges import badge
from orders.admin.links import OrderLink
from orders.admin.state_forms import EventForm, TransitionForm, VocabularyForm
from orders.models import (
    BusinessEvent,
    EventDefinition,
    Hold,
    OrderNote,
    StateDefinition,
    StateReason,
    StateTransition,
)
from orders.numbers import order_id_of


class ShippedAdmin(HouseAdmin):
    """Rows that ship with the product are locked; people add their own beside them."""

    @admin.display(description="built in", boolean=True)
    def is_built_in(self, record: Model) -> bool:
        return record.shipped

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("shipped", *super().get_readonly_fields(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not (obj and obj.shipped) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only with a record at hand: the bulk action would not look at each row."""
        return obj is not None and not obj.shipped and super().has_delete_permission(request, obj)


@admin.register(EventDefinition)
class EventDefinitionAdmin(ShippedAdmin):
    form = EventForm
    list_display = ("name", "key", "entity", "description", "is_built_in")
    list_filter = ("shipped",)
    search_fields = ("key__istartswith", "name__icontains")
    ordering = ("key",)


@admin.register(StateDefinition)
class StateDefinitionAdmin(ShippedAdmin):
    form = VocabularyForm
    list_display = ("label", "key", "entity", "timeline_position", "read_only", "is_built_in")
    list_filter = ("shipped", "read_only")
    search_fields = ("key__istartswith", "label__icontains")


@admin.register(StateReason)
class StateReasonAdmin(ShippedAdmin):
    form = VocabularyForm
    list_display = ("label", "key", "entity", "is_built_in")
    list_filter = ("shipped",)
    search_fields = ("key__istartswith", "label__icontains")


@admin.register(StateTransition)
class StateTransitionAdmin(HouseAdmin):
    form = TransitionForm
    fields = ("when", "source", "target", "reason", "active")
    list_display = ("sentence", "event", "active")
    list_filter = ("active",)
    search_fields = ("event__istartswith",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the words for its keys, in the same query."""
        states = StateDefinition.objects.filter(entity=OuterRef("entity"))
        return (
            super()
            .get_queryset(request)
            .annotate(
                event_name=Subquery(EventDefinition.objects.filter(key=OuterRef("event")).values("name")[:1]),
                source_label=Subquery(states.filter(key=OuterRef("source_state")).values("label")[:1]),
                target_label=Subquery(states.filter(key=OuterRef("target_state")).values("label")[:1]),
            )
        )

    @admin.display(description="transition")
    def sentence(self, row: StateTransition) -> str:
        """`On “Photo arrived” an order goes from On hold to In progress`"""
        source, target = row.source_label or row.source_state, row.target_label or row.target_state
        what = row.entity.replace("_", " ")
        article = "an" if what[:1] in "aeiou" else "a"
        return f"On “{row.event_name or row.event}” {article} {what} goes from {source} to {target}"


@admin.register(BusinessEvent)
class BusinessEventAdmin(OrderLink, MachineAdmin):
    list_display = ("at", "name", "order_link", "actor", "kind")
    search_help_text = "Order number such as SO-1042"
    search_fields = ("order_id__exact",)
    list_select_related = ("order",)
    fields = ("at", "kind", "entity", "record_id", "order", "actor", "payload_text")
    readonly_fields = ("payload_text",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str):
        if not search_term.strip():
            return queryset, False
        order_id = order_id_of(search_term)
        return (queryset.filter(order_id=order_id) if order_id else queryset.none()), False

    @admin.display(description="event")
    def name(self, event: BusinessEvent) -> str:
        return event.kind.partition(".")[2].replace("_", " ").capitalize()

    @admin.display(description="payload")
    def payload_text(self, event: BusinessEvent) -> str:
        return pretty_json(event.payload)


@admin.register(Hold)
class HoldAdmin(OrderLink, MachineAdmin):
    list_display_links = ("type",)
    list_display = (
        "order_link",
        "type",
        "reason",
        "state_badge",
        "placed_by",
        "placed_at",
        "released_by",
        "released_at",
    )
    list_select_related = ("order",)
    list_filter = ("type",)

    @admin.display(description="state")
    def state_badge(self, hold: Hold) -> str:
        return badge("done", "Released") if hold.released_at else badge("on_hold", "Holding")


@admin.register(OrderNote)
class OrderNoteAdmin(OrderLink, MachineAdmin):
    list_display = ("at", "order_link", "author", "text")
    list_select_related = ("order",)
