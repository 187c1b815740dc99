"""The order list with its bulk actions, and the order's form."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from inventory.importing import ImportExport
from iom.lib.admin.actions import ask, report, selected_ids
from iom.lib.admin.base import HouseAdmin, ReadOnlyInline, actor_of
from iom.lib.badges import badge
from iom.lib.money import formatted
from orders.admin.filters import HoldFilter, PlacedFilter, StateFilter
from orders.admin.links import order_page
from orders.admin.manual import (
    EDITABLE,
    ManualLineInline,
    ManualOrderForm,
    OrderEditForm,
    draft_of,
    line_drafts,
    line_rows,
)
from orders.errors import OrdersError
from orders.models import Channel, Charge, Hold, Order, OrderLine
from orders.numbers import number_of, order_id_of
from orders.services.cancellation import cancel_orders
from orders.services.editing import orchestrate_orders, replace_lines, update_order
from orders.services.holds import hold_orders, release_holds
from orders.services.intake import create_orders
from orders.services.states import allowed_actions, is_read_only
from orders.tables import ORDERS

SHIP_TO = (
    ("ship_to_name", "ship_to_line1"), ("ship_to_line2", "ship_to_city"), ("ship_to_region", "ship_to_postal_code"),
    "ship_to_country",
)  # fmt: skip
CUSTOMER = (("customer_name", "customer_email"), ("customer_phone", "customer_reference"))
MORE = ("requested_delivery_at", "priority", "notes")


class HoldForm(forms.Form):
    type = forms.ChoiceField(
        choices=Hold.Type.choices, initial=Hold.Type.MANUAL, widget=UnfoldAdminSelectWidget
    )
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class ReleaseForm(forms.Form):
    note = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


class CancelForm(forms.Form):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    verbose_name_plural = "lines"
    fields = (
        "line_number",
        "sku_text",
        "description",
        "quantity",
        "price",
        "source",
        "state_badge",
        "quantity_shipped",
    )
    readonly_fields = ("sku_text", "price", "state_badge")

    @admin.display(description="SKU")
    def sku_text(self, line: OrderLine) -> str:
        return line.sku

    @admin.display(description="unit price")
    def price(self, line: OrderLine) -> str:
        return (
            f"{line.unit_price:,.2f}"
            if line.unit_price == round(line.unit_price, 2)
            else f"{line.unit_price.normalize():f}"
        )

    @admin.display(description="state")
    def state_badge(self, line: OrderLine) -> str:
        known = line.state in OrderLine.State.values
        return badge(line.state, OrderLine.State(line.state).label if known else "")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("source")


class ChargeInline(ReadOnlyInline):
    model = Charge
    fields = ("kind", "description", "amount")
    readonly_fields = ("amount",)

    @admin.display(description="amount")
    def amount(self, charge: Charge) -> str:
        return formatted(charge.amount_minor, charge.order.currency)


class HoldInline(ReadOnlyInline):
    model = Hold
    fields = ("type", "reason", "placed_by", "placed_at", "released_by", "released_at")


class Refused(Exception):
    """What the service said to a form; the transaction is rolled back and the form drawn again with it."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__("; ".join(sentences))


@admin.register(Order)
class OrderAdmin(ImportExport, HouseAdmin):
    table = ORDERS
    list_display = (
        "order_link", "state_badge", "origin", "dates", "customer_text", "size", "total",
    )  # fmt: skip
    list_display_links = None
    list_select_related = ("channel",)
    list_filter = (StateFilter, ("channel", AutocompleteSelectFilter), HoldFilter, PlacedFilter)
    list_filter_submit = True
    search_fields = ("external_id__exact",)
    search_help_text = "SO number, external id or e-mail address, whole"
    actions = ("hold", "release", "cancel", "orchestrate")
    actions_detail = ("open_page",)
    actions_submit_line = ("orchestrate_now",)
    autocomplete_fields = ("customer",)
    # A floor above may know more about canceling than this one: what is with a source must be asked for.
    cancel_orders = staticmethod(cancel_orders)
    facts = (
        ("number", "channel"),
        ("external_id", "placed_at"),
        ("state_badge", "total"),
        ("size",),
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str):
        """Whole keys only, each by its index: a million orders answer as fast as ten."""
        term = search_term.strip()
        if not term:
            return queryset, False
        channels = Channel.objects.values_list("pk", flat=True)
        keys = Q(channel_id__in=list(channels), external_id=term)
        if (pk := order_id_of(term)) is not None:
            keys |= Q(pk=pk)
        if "@" in term:
            keys |= Q(customer_email=term)
        return queryset.filter(keys), False

    @admin.display(description="number")
    def order_link(self, order: Order) -> str:
        return order_page(order.pk)

    @admin.display(description="placed, promised")
    def dates(self, order: Order) -> str:
        promised = f"promised {_moment(order.promised_at)}" if order.promised_at else ""
        return _two_lines(_moment(order.placed_at), promised)

    @admin.display(description="channel and id there")
    def origin(self, order: Order) -> str:
        return _two_lines(order.channel.name, order.external_id)

    @admin.display(description="customer and place")
    def customer_text(self, order: Order) -> str:
        place = ", ".join(filter(None, [order.ship_to_city, order.ship_to_country]))
        return _two_lines(order.customer_name or order.customer_email, place)

    @admin.display(description="lines / units")
    def size(self, order: Order) -> str:
        return f"{order.line_count} / {order.unit_count}"

    @admin.display(description="total")
    def total(self, order: Order) -> str:
        return formatted(order.total_minor, order.currency).replace(" ", "\u00a0")

    @admin.display(description="state")
    def state_badge(self, order: Order) -> str:
        known = order.state in Order.State.values
        label = Order.State(order.state).label if known else ""
        shown = badge(order.state, label)
        reason = order.state_reason.replace("_", " ")
        if not reason or reason == label.lower():
            return shown
        return _two_lines(shown, reason)

    # -- form ----------------------------------------------------------------------------------------------------
    def get_form(
        self, request: HttpRequest, obj: Order | None = None, **kwargs: Any
    ) -> type[forms.ModelForm]:
        kwargs["form"] = OrderEditForm if obj else ManualOrderForm
        kwargs["fields"] = [*EDITABLE] if obj else ["customer", "currency", "placed_at", *EDITABLE]
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"refusals": getattr(request, "refusals", ())})

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> tuple:
        if obj is None:
            head = (("customer", "currency"), "placed_at", "submit_token")
            return (None, {"fields": head}), *_sections()
        seen = ("seen_version",) if self.has_change_permission(request, obj) else ()
        return (None, {"fields": (*self.facts, *seen)}), *_sections()

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> tuple[str, ...]:
        kept = ("number", "channel", "external_id", "placed_at", "state_badge", "total", "size")
        return kept if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Order | None) -> tuple:
        if obj is None or obj.state == Order.State.DRAFT:
            return (ManualLineInline,)
        return (OrderLineInline, ChargeInline, HoldInline)

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Asked many times a page, and by the theme with a key instead of the record: one query a record."""
        if isinstance(obj, Order) and not hasattr(obj, "is_locked"):
            obj.is_locked = is_read_only("order", obj.state)
        return not getattr(obj, "is_locked", False) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Orders are canceled, never deleted."""
        return False

    def changeform_view(
        self, request: HttpRequest, object_id=None, form_url="", extra_context=None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            request.refusals = refused.sentences
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Order, form: forms.ModelForm, change: bool) -> None:
        """The service saves: a new order once its lines are known too, a change at once."""
        if not change:
            return
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name in EDITABLE}
        request.order_version = form.cleaned_data["seen_version"]
        if changes:
            with _refusing():
                request.order_version = update_order(
                    obj.pk, version=request.order_version, changes=changes, actor=actor_of(request)
                )

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list, change: bool) -> None:
        if change:
            self._save_lines(request, form.instance, formsets)
            return
        draft = draft_of(form.cleaned_data, line_rows(formsets[0]))
        intake = create_orders([draft], actor=actor_of(request))[0]
        if intake.errors:
            raise Refused([str(fault.get("message") or fault) for fault in intake.errors])
        if intake.result == "existing":
            self.message_user(request, "This form was sent before; here is the order it made.", messages.INFO)
        form.instance.__dict__.update(Order.objects.get(pk=intake.order_id).__dict__)

    def _save_lines(self, request: HttpRequest, order: Order, formsets: list) -> None:
        actor = actor_of(request)
        if order.state == Order.State.DRAFT and formsets and formsets[0].has_changed():
            with _refusing():
                lines = line_drafts(line_rows(formsets[0]))
                replace_lines(order.pk, version=request.order_version, lines=lines, actor=actor)
        if "orders_order_orchestrate_now" in request.POST:
            outcome = orchestrate_orders([order.pk], actor=actor)
            report(self, request, outcome, done="orchestrated", number=number_of)

    def construct_change_message(self, request: HttpRequest, form, formsets, add: bool = False):
        return [{"added": {}}] if add else super().construct_change_message(request, form, [], add)

    def response_add(
        self, request: HttpRequest, obj: Order, post_url_continue: str | None = None
    ) -> HttpResponse:
        """A draft is looked at next: its page has the button that orchestrates it."""
        if "_save" in request.POST:
            self.message_user(request, f"{obj.number} saved as a draft; orchestrate it when it is complete.")
            return redirect("admin:orders_order_change", obj.pk)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Order) -> HttpResponse:
        """What has just been started is watched."""
        if "orders_order_orchestrate_now" in request.POST:
            return redirect(reverse("order-page", args=[obj.pk]))
        return super().response_change(request, obj)

    # -- actions -------------------------------------------------------------------------------------------------
    @admin.action(description="Hold…", permissions=["change"])
    def hold(self, request: HttpRequest, queryset: QuerySet):
        form = HoldForm(request.POST if "confirm" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, queryset, action="hold", title="Hold", form=form)
        if ids := selected_ids(self, request, queryset):
            outcome = hold_orders(ids, actor=actor_of(request), **form.cleaned_data)
            report(self, request, outcome, done="held", number=number_of)

    @admin.action(description="Release…", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet):
        form = ReleaseForm(request.POST if "confirm" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, queryset, action="release", title="Release", form=form)
        if ids := selected_ids(self, request, queryset):
            outcome = release_holds(ids, actor=actor_of(request), **form.cleaned_data)
            report(self, request, outcome, done="released", number=number_of)

    @admin.action(description="Cancel…", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet):
        form = CancelForm(request.POST if "confirm" in request.POST else None)
        if not form.is_valid():
            return ask(self, request, queryset, action="cancel", title="Cancel orders", form=form)
        if ids := selected_ids(self, request, queryset):
            outcome = self.cancel_orders(ids, actor=actor_of(request), **form.cleaned_data)
            report(self, request, outcome, done="canceled", number=number_of)

    @admin.action(description="Orchestrate", permissions=["change"])
    def orchestrate(self, request: HttpRequest, queryset: QuerySet):
        if ids := selected_ids(self, request, queryset):
            outcome = orchestrate_orders(ids, actor=actor_of(request))
            report(self, request, outcome, done="orchestrated", number=number_of)

    def get_actions_submit_line(self, request: HttpRequest, object_id: int) -> list:
        """`Orchestrate` where the state allows it, and nowhere else."""
        state = Order.objects.filter(pk=object_id).values_list("state", flat=True).first()
        return (
            super().get_actions_submit_line(request, object_id)
            if "orchestrate" in allowed_actions(state or "")
            else []
        )

    @action(description="Orchestrate", permissions=["change"])
    def orchestrate_now(self, request: HttpRequest, obj: Order) -> None:
        """A button of the form; `save_model` does it after the form's changes are saved."""

    @action(description="Open order page", url_path="page", permissions=["view"])
    def open_page(self, request: HttpRequest, object_id: int) -> HttpResponse:
        try:
            return redirect(reverse("order-page", args=[object_id]))
        except NoReverseMatch:
            return redirect("admin:orders_order_change", object_id)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OrdersError as error:
        raise Refused(_sentences(error)) from error


def _sections() -> tuple:
    return (
        ("Contact", {"fields": CUSTOMER}),
        ("Ship to", {"fields": SHIP_TO}),
        ("Delivery and notes", {"fields": MORE}),
    )


def _sentences(error: OrdersError) -> list[str]:
    """The error in words; a stale edit with both values of each field."""
    fields = getattr(error, "fields", {})
    return [
        str(error),
        *(f"{name}: theirs is “{theirs}”, yours “{yours}”." for name, (theirs, yours) in fields.items()),
    ]


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def _two_lines(first: str, second: str) -> str:
    return format_html('{}<span class="iom-reason">{}</span>', first, second) if second else first
