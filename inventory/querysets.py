"""Questions about one model of stock."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, models
from django.db.models import BooleanField, F, Func, Value


class AnyOf(Func):
    """PostgreSQL's `value = ANY (array)`, as a condition."""

    template, arg_joiner, output_field = "%(expressions)s::text[])", " = ANY(", BooleanField()
    arity = 2


class ProductQuerySet(models.QuerySet):
    def active(self):
        return self.filter(active=True)


class FulfillmentSourceQuerySet(models.QuerySet):
    def active(self):
        return self.filter(active=True)


class InventoryPositionQuerySet(models.QuerySet):
    def with_available(self):
        """Each with `available_quantity` computed by the database, to filter and sort by."""
        return self.annotate(available_quantity=F("on_hand") - F("reserved") - F("safety_stock"))


class ReservationQuerySet(models.QuerySet):
    def active(self):
        return self.filter(state="active")

    def of_keys(self, keys: Collection[str]):
        """Those with one of these keys, sent as one array where the database has arrays: half the cost of a list."""
        if connection.vendor != "postgresql":
            return self.filter(key__in=keys)
        return self.filter(AnyOf(F("key"), Value(list(keys))))

    def due(self, now: datetime):
        """Active ones whose time is over."""
        return self.active().filter(expires_at__isnull=False, expires_at__lte=now)
