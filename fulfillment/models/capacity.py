from django.db import models
from django.db.models import F, Q

from fulfillment.models.fulfillment_order import FulfillmentOrder
from fulfillment.models.source_list import SourceList
from inventory.models import FulfillmentSource


class SourceDay(models.Model):
    """What a source has taken on for a day of its own time zone, counted by conditional updates only."""

    source = models.ForeignKey(
        FulfillmentSource, on_delete=models.CASCADE, related_name="capacity_days", db_index=False
    )
    day = models.DateField()
    unit = models.CharField(max_length=8, choices=FulfillmentSource.CapacityUnit.choices)
    regular = models.PositiveBigIntegerField(help_text="Without extra cost")
    maximum = models.PositiveBigIntegerField(help_text="With overtime")
    used = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-day", "source"]
        constraints = [
            models.UniqueConstraint(fields=["source", "day", "unit"], name="source_day_once"),
            models.CheckConstraint(condition=Q(used__lte=F("maximum")), name="source_day_within_maximum"),
            models.CheckConstraint(condition=Q(regular__lte=F("maximum")), name="source_day_regular_within"),
        ]

    def __str__(self) -> str:
        return f"{self.used} of {self.maximum} {self.unit} on {self.day}"


class ListDay(models.Model):
    """Order lines that the sources of a list took on together for a day, each in its own time zone; by conditional updates only.

    Counted for lists that a strategy limits, whatever strategy planned the line.
    """

    source_list = models.ForeignKey(
        SourceList, on_delete=models.CASCADE, related_name="capacity_days", db_index=False
    )
    day = models.DateField()
    maximum = models.PositiveBigIntegerField(
        null=True, help_text="As it was planned within; empty: no limit so far"
    )
    used = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-day", "source_list"]
        constraints = [models.UniqueConstraint(fields=["source_list", "day"], name="list_day_once")]

    def __str__(self) -> str:
        limit = "" if self.maximum is None else f" of {self.maximum}"
        return f"{self.used}{limit} lines on {self.day}"


class ListDayUse(models.Model):
    """What a fulfillment order counts for on a day of a list, to be given back if it is not brought."""

    list_day = models.ForeignKey(ListDay, on_delete=models.CASCADE, related_name="uses", db_index=False)
    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, on_delete=models.CASCADE, related_name="list_day_uses", db_index=False
    )
    lines = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "list_day"], name="list_day_use_once")
        ]
        indexes = [models.Index(fields=["list_day"], name="list_day_uses")]

    def __str__(self) -> str:
        return f"{self.lines} lines"
