"""The way from any row about an order to the order's page."""

from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.numbers import number_of


def order_page(order_id: int | None) -> SafeString | str:
    """The order's number, as a link where this installation has the page."""
    if order_id is None:
        return "–"
    try:
        address = reverse("order-page", args=[order_id])
    except NoReverseMatch:
        return number_of(order_id)
    return format_html('<a class="iom-order-link" href="{}">{}</a>', address, number_of(order_id))


class OrderLink:
    """For admin classes of records with an `order_id`."""

    @admin.display(description="order")
    def order_link(self, record: Model) -> SafeString | str:
        return order_page(record.order_id)
