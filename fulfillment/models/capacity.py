from django.db import models
from django.db.models import F, Q

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
