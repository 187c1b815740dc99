from django.db import models
from django.db.models import F, Q

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
    """Order lines that the sources of a list have taken on for a day, each in its own time zone."""

    source_list = models.ForeignKey(
        SourceList, on_delete=models.CASCADE, related_name="capacity_days", db_index=False
    )
    day = models.DateField()
    maximum = models.PositiveBigIntegerField()
    used = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-day", "source_list"]
        constraints = [
            models.UniqueConstraint(fields=["source_list", "day"], name="list_day_once"),
            models.CheckConstraint(condition=Q(used__lte=F("maximum")), name="list_day_within_maximum"),
        ]

    def __str__(self) -> str:
        return f"{self.used} of {self.maximum} lines on {self.day}"
