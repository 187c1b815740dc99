"""The form of an order entered by hand, and its way into the same intake as every other order (APP-8)."""

import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from iom.lib.money import CURRENCIES, HOUSE_CURRENCY
from orders.models import Channel, Order, OrderLine
from orders.types import LineDraft, OrderDraft, Party

PLACE = ("name", "line1", "line2", "city", "region", "postal_code", "country")
LABELS = {
    "customer_name": "Name", "customer_email": "E-mail", "customer_phone": "Phone", "customer_reference": "Their reference",
    "ship_to_name": "Name", "ship_to_line1": "Address", "ship_to_line2": "Address, second line", "ship_to_city": "City",
    "ship_to_region": "State or region", "ship_to_postal_code": "Postal code", "ship_to_country": "Country",
    "requested_delivery_at": "Delivery wanted by", "placed_at": "Placed",
}  # fmt: skip
# What update_order may change, as form field names.
EDITABLE = (
    "customer_name", "customer_email", "customer_phone", "customer_reference", "priority", "notes",
    "requested_delivery_at", *(f"ship_to_{part}" for part in PLACE),
)  # fmt: skip


def new_token() -> str:
    """Becomes the order's external id, so that a form sent twice makes one order (the unique constraint says so)."""
    return f"M-{secrets.token_hex(5).upper()}"


class Refusable(forms.ModelForm):
    """A form that shows what the service refused when the page is drawn again."""

    refusals: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
        if "ship_to_country" in self.fields:
            self.fields["ship_to_country"].help_text = "Two letters, such as US"
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 3

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for sentence in self.refusals:
            self.add_error(None, sentence)
        return cleaned


class ManualOrderForm(Refusable):
    """A new order. The token is made when the form is drawn and comes back with it."""

    submit_token = forms.CharField(max_length=40, widget=forms.HiddenInput, initial=new_token)
    currency = forms.ChoiceField(
        choices=[(code, code) for code in sorted(CURRENCIES)],
        initial=HOUSE_CURRENCY,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Order
        fields = ("customer", "currency", "placed_at", *EDITABLE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["placed_at"].initial = timezone.now().replace(microsecond=0)
        for name in ("customer_name", "ship_to_name", "ship_to_line1", "ship_to_city", "ship_to_country"):
            self.fields[name].required = name != "customer_name"

    def clean_ship_to_country(self) -> str:
        return self.cleaned_data["ship_to_country"].upper()


class OrderEditForm(Refusable):
    """A change of an order. `seen_version` is what the person looked at: a later change by another is not overwritten."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Order
        fields = EDITABLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version


class ManualLineForm(forms.ModelForm):
    sku = forms.CharField(
        label="SKU",
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="For a write-in line",
    )

    class Meta:
        model = OrderLine
        fields = ("product", "sku", "description", "quantity", "unit_price")
        help_texts = {"unit_price": "Left empty: the product's price"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        price = self.fields["unit_price"]
        price.required, price.initial = False, None  # a new line does not begin as a gift
        if self.instance._state.adding:
            self.initial.pop("unit_price", None)
        else:
            self.initial["unit_price"] = Decimal(
                f"{self.instance.unit_price.normalize():f}"
            )  # 42.66, not 42.660000

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("product"):
            cleaned["sku"] = cleaned["product"].sku
        elif not cleaned.get("sku"):
            self.add_error("product", "Choose a product, or name what is ordered.")
        if cleaned.get("quantity") is not None and cleaned["quantity"] < 1:
            self.add_error("quantity", "At least 1.")
        if (cleaned.get("unit_price") or 0) < 0:
            self.add_error("unit_price", "Not below 0.")
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # The intake numbers the lines and sets their states; a protected state cannot be validated here.
        return {*super()._get_validation_exclusions(), "state", "line_number", "order"}


class ManualLines(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        if not any(self.errors) and not line_rows(self):
            raise forms.ValidationError("An order needs at least one line.")
        for form in self.forms:
            if form.has_changed() and form.cleaned_data.get("unit_price", 0) is None:
                self._price(form)

    def _price(self, form: forms.ModelForm) -> None:
        """What the product costs; a price is not carried into another currency."""
        product, currency = form.cleaned_data.get("product"), self.instance.currency
        if product and product.currency == currency:
            form.cleaned_data["unit_price"] = product.price
        elif product:
            form.add_error(
                "unit_price", f"{product.sku} has its price in {product.currency}: say one in {currency}."
            )
        else:
            form.add_error("unit_price", "A write-in line needs its price.")


class ManualLineInline(TabularInline):
    model = OrderLine
    form, formset = ManualLineForm, ManualLines
    fields = ("product", "sku", "description", "quantity", "unit_price")
    autocomplete_fields = ("product",)
    extra = 3
    verbose_name, verbose_name_plural = "line", "lines"

    def get_formset(self, request, obj=None, **kwargs):
        kwargs["formset"] = (
            ManualLines  # the theme's own formset pages through stored rows; here there are none yet
        )
        return super().get_formset(request, obj, **kwargs)


def line_rows(formset: forms.BaseInlineFormSet) -> list[dict[str, Any]]:
    """What stays of the form's lines, in their order: the stored ones too, without those marked for deletion."""
    rows = [form.cleaned_data for form in formset.forms if form.has_changed() or form.instance.pk]
    return [row for row in rows if row and not row.get("DELETE")]


def line_drafts(rows: Sequence[dict[str, Any]]) -> tuple[LineDraft, ...]:
    return tuple(_line(number, row) for number, row in enumerate(rows, start=1))


def draft_of(cleaned: dict[str, Any], rows: Sequence[dict[str, Any]]) -> OrderDraft:
    customer = cleaned.get("customer")
    return OrderDraft(
        channel_id=manual_channel().pk,
        external_id=cleaned["submit_token"],
        currency=cleaned["currency"],
        placed_at=cleaned["placed_at"],
        ship_to=Party(**{part: cleaned[f"ship_to_{part}"] for part in PLACE}),
        lines=line_drafts(rows),
        customer_code=customer.code if customer else "",
        customer_name=cleaned["customer_name"] or (customer.name if customer else ""),
        customer_email=cleaned["customer_email"] or (customer.email if customer else ""),
        customer_phone=cleaned["customer_phone"] or (customer.phone if customer else ""),
        customer_reference=cleaned["customer_reference"],
        requested_delivery_at=cleaned["requested_delivery_at"],
        priority=cleaned["priority"],
        notes=cleaned["notes"],
        is_manual=True,
        draft=True,
    )


def manual_channel() -> Channel:
    return Channel.objects.get_or_create(
        key="manual", defaults={"name": "Manual entry", "kind": Channel.Kind.MANUAL}
    )[0]


def _line(number: int, row: dict[str, Any]) -> LineDraft:
    description = row["description"] or (row["product"].name if row["product"] else "")
    return LineDraft(number, row["sku"], row["quantity"], row["unit_price"], description=description)
