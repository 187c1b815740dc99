from django.db import models

from fulfillment.models.fulfillment_order import FulfillmentOrder


class Invoice(models.Model):
    """What the billing provider invoiced for one fulfillment order."""

    fulfillment_order = models.OneToOneField(
        FulfillmentOrder, on_delete=models.PROTECT, related_name="invoice"
    )
    number = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    issued_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.number
