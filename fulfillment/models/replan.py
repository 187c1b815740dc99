from django.db import models
from django.db.models import Q

from inventory.models import FulfillmentSource


class Replan(models.Model):
    """Fulfillment orders that lost their place at a source, to be planned again by workers, some orders at a time."""

    class Cause(models.TextChoices):
        OFF = "off", "The source was switched off"
        CAPACITY = "capacity", "The source takes less a day than was planned"

    source = models.ForeignKey(
        FulfillmentSource, on_delete=models.CASCADE, related_name="replans", db_index=False
    )
    cause = models.CharField(max_length=8, choices=Cause.choices)
    actor = models.CharField(max_length=150)
    cursor = models.BigIntegerField(default=0, db_default=0, help_text="Orders up to this one are done")
    lines = models.PositiveIntegerField(default=0, db_default=0, help_text="Order lines that were looked at")
    moved = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Order lines that go elsewhere now, or nowhere"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "cause"], condition=Q(finished_at__isnull=True), name="replan_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_cause_display()}: {self.moved} of {self.lines} lines moved"
