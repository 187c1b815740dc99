"""Channels, customers with their address book, tags."""

from django.contrib import admin
from unfold.admin import StackedInline

from inventory.importing import ImportExport
from iom.lib.admin.base import HouseAdmin, flag
from orders.models import Address, Channel, Customer, Tag
from orders.tables import CUSTOMERS


@admin.register(Channel)
class ChannelAdmin(HouseAdmin):
    list_display = ("key", "name", "kind", "currency", "trusted", "active")
    list_filter = ("kind", "active")
    search_fields = ("key__istartswith", "name__icontains")
    ordering = ("key",)


class AddressInline(StackedInline):
    model = Address
    verbose_name_plural = "addresses"
    extra = 0
    fields = (
        ("label", "name"), ("line1", "line2"), ("city", "region"), ("postal_code", "country"),
        ("latitude", "longitude"),
    )  # fmt: skip


@admin.register(Customer)
class CustomerAdmin(ImportExport, HouseAdmin):
    table = CUSTOMERS
    import_needs = ("add", "change")
    list_display = ("code", "name", "kind", "email", "group", "credit", "active")
    list_filter = ("kind", "credit_hold", "active")
    search_fields = ("code__startswith", "email__exact", "name__istartswith")
    search_help_text = "Code or name from its beginning, or a whole e-mail address"
    ordering = ("code",)
    inlines = (AddressInline,)

    @admin.display(description="credit hold")
    def credit(self, customer: Customer) -> str:
        return flag(customer.credit_hold, "On hold", "danger")

    fieldsets = (
        (
            None,
            {"fields": (("code", "kind"), "name", ("email", "phone"), "group", ("credit_hold", "active"))},
        ),
    )


@admin.register(Tag)
class TagAdmin(HouseAdmin):
    list_display = ("name", "color")
    search_fields = ("name__istartswith",)
    ordering = ("name",)
