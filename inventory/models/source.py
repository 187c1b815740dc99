from django.db import models
from django.db.models import Q

from inventory.models.calendar import WorkingCalendar
from inventory.querysets import FulfillmentSourceQuerySet


class FulfillmentSource(models.Model):
    """A place or vendor that can supply. Its day, cutoff and calendar are in its own `time_zone`.

    Amounts are minor units of the house's currency. What it can do in a day is counted in `capacity_unit`: the regular
    part, and beyond it overtime at `overtime_minor` a unit. Source: reference FRO-1.
    """

    class Type(models.TextChoices):
        WAREHOUSE = "warehouse", "Warehouse"
        STORE = "store", "Store"
        THIRD_PARTY = "3pl", "3PL"
        VENDOR = "vendor", "Drop-ship vendor"
        VIRTUAL = "virtual", "Virtual"

    class CapacityUnit(models.TextChoices):
        UNITS = "units", "Units"
        LINES = "lines", "Order lines"
        ORDERS = "orders", "Fulfillment orders"

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
    calendar = models.ForeignKey(
        WorkingCalendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sources",
        help_text="Empty: open every day, round the clock",
    )
    inventory_location = models.CharField(
        max_length=60,
        blank=True,
        help_text="How the inventory system calls it, where it differs from the code",
    )
    warehouse_code = models.CharField(max_length=60, blank=True, help_text="Shipping warehouse of the ERP")
    safety_stock = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Units of every product that sourcing leaves here"
    )
    capacity_unit = models.CharField(
        max_length=8, choices=CapacityUnit.choices, default=CapacityUnit.UNITS, db_default="units"
    )
    capacity_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="Regular work of a day; empty: without limit"
    )
    overtime_per_day = models.PositiveIntegerField(
        default=0, db_default=0, help_text="What fits beyond the regular work"
    )
    overtime_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Extra cost of each unit of overtime, in cents"
    )
    handling_parcel_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Cost of each parcel, in cents"
    )
    handling_unit_minor = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Cost of each unit, in cents"
    )
    reject_rate_ppm = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many of a million units are not found when they are picked"
    )
    priority = models.PositiveSmallIntegerField(
        default=5, db_default=5, help_text="1 is first, 10 is last; counts where a strategy says so"
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FulfillmentSourceQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reject_rate_ppm__lte=1_000_000), name="source_reject_rate_within"
            ),
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="source_priority_from_1_to_10"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"
