from django.db import models
from django.db.models import Q

from fulfillment.models.fulfillment_order import FulfillmentLine, FulfillmentOrder


class Shipment(models.Model):
    """Packages handed to a carrier. `key` is unique, so a repeated report ships nothing twice."""

    key = models.CharField(max_length=100, unique=True)
    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, on_delete=models.PROTECT, related_name="shipments"
    )
    carrier = models.CharField(max_length=40, blank=True)
    service = models.CharField(max_length=40, blank=True)
    tracking_number = models.CharField(max_length=80, blank=True, db_index=True)
    tracking_url = models.URLField(max_length=500, blank=True)
    cost_minor = models.BigIntegerField(null=True, blank=True)
    shipped_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.tracking_number or self.key


class ShipmentLine(models.Model):
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    fulfillment_line = models.ForeignKey(
        FulfillmentLine, on_delete=models.PROTECT, related_name="shipment_lines"
    )
    quantity = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_quantity_positive")
        ]

    def __str__(self) -> str:
        return str(self.quantity)
