from django.db import models

from inventory.models import FulfillmentSource
from orders.models import OrderLine


class RejectionReason(models.Model):
    """Why a source may refuse a line, and what follows for its stock and for the line. Source: reference DOM-6."""

    class StockEffect(models.TextChoices):
        NONE = "none", "Stock stays as it is"
        ZERO = "zero", "Nothing is there: set to zero"
        LESS_ONE = "less_one", "One unit less"

    code = models.SlugField(max_length=40, unique=True)
    label = models.CharField(max_length=80)
    stock_effect = models.CharField(max_length=8, choices=StockEffect.choices, default=StockEffect.NONE)
    cooldown_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The line does not go there again for so long; empty: never again"
    )
    moves_line = models.BooleanField(default=True, help_text="Another source is looked for without asking")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.label


class SourceRejection(models.Model):
    """A source refused a line: sourcing does not send the line there again, until `until` where it is set."""

    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="rejections")
    source = models.ForeignKey(FulfillmentSource, on_delete=models.PROTECT, related_name="rejections")
    kind = models.ForeignKey(
        RejectionReason, null=True, blank=True, on_delete=models.PROTECT, related_name="rejections"
    )
    reason = models.CharField(max_length=200)
    actor = models.CharField(max_length=150, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    times = models.PositiveSmallIntegerField(default=1, db_default=1)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order_line", "source"], name="rejection_once")]

    def __str__(self) -> str:
        return self.reason
