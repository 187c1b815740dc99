"""Questions about one model of stock."""

from datetime import datetime

from django.db import models
from django.db.models import F


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

    def due(self, now: datetime):
        """Active ones whose time is over."""
        return self.active().filter(expires_at__isnull=False, expires_at__lte=now)
