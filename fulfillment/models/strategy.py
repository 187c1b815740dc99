from django.db import models
from django.db.models import Q

from inventory.models import FulfillmentSource


class Strategy(models.Model):
    """How lines find their source: which sources may serve, and what may be split."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    is_default = models.BooleanField(default=False)
    sources = models.ManyToManyField(FulfillmentSource, blank=True, help_text="Empty: every active source")
    max_distance_km = models.PositiveIntegerField(null=True, blank=True)
    max_sources_per_order = models.PositiveSmallIntegerField(default=5)
    split_lines = models.BooleanField(default=True, help_text="May one line come from several sources")

    class Meta:
        ordering = ["key"]
        verbose_name_plural = "strategies"
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="strategy_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name
