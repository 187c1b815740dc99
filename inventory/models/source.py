from django.db import models

from inventory.querysets import FulfillmentSourceQuerySet


class FulfillmentSource(models.Model):
    """A place or vendor that can supply. Its day, cutoff and calendar are in its own `time_zone`."""

    class Type(models.TextChoices):
        WAREHOUSE = "warehouse", "Warehouse"
        STORE = "store", "Store"
        THIRD_PARTY = "3pl", "3PL"
        VENDOR = "vendor", "Drop-ship vendor"
        VIRTUAL = "virtual", "Virtual"

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=12, choices=Type.choices, default=Type.WAREHOUSE)
    line1 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=60, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, default="US")
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    time_zone = models.CharField(max_length=40, default="UTC")
    processing_minutes = models.PositiveIntegerField(
        default=0, help_text="Usual time from acceptance to hand-over"
    )
    cutoff_time = models.TimeField(null=True, blank=True, help_text="Orders after it count for the next day")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FulfillmentSourceQuerySet.as_manager()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"
