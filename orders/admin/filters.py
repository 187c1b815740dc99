"""Filters with declared choices: none of them reads the table to know what can be chosen."""

from datetime import timedelta

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orders.models import Hold, Order


class StateFilter(SimpleListFilter):
    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return list(Order.State.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(state=self.value()) if self.value() else queryset


class HoldFilter(SimpleListFilter):
    title, parameter_name = "held by", "hold"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return list(Hold.Type.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value():
            return queryset
        holding = Hold.objects.filter(type=self.value(), released_at__isnull=True)
        return queryset.filter(pk__in=holding.values("order_id"))


class PlacedFilter(SimpleListFilter):
    title, parameter_name = "placed", "placed"
    DAYS = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return list(self.DAYS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in self.DAYS:
            return queryset
        return queryset.filter(placed_at__gte=timezone.now() - timedelta(days=int(self.value())))
