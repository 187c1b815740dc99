from django.db import models
from django.db.models import F, Q

from fulfillment.models.source_list import SourceList
from fulfillment.models.strategy import Strategy
from inventory.models import Product


class StrategyConstraint(models.Model):
    """A limit that plans of a strategy must keep (hard) or should keep (soft). Source: reference FRO-4, DOM-1.

    `parameters` depend on the kind: see `fulfillment.constraint_kinds`. The narrowing fields (list, products, category)
    say for which sources and products it counts; empty: for all.
    """

    class Kind(models.TextChoices):
        MAXIMUM_DISTANCE = "maximum_distance", "Maximum distance"
        RESTRICT_PARTIAL = "restrict_partial", "Restrict partial fulfillment"
        RESPECT_TIMINGS = "respect_timings", "Respect working times and cutoffs"
        SOURCES_PER_ORDER = "sources_per_order", "Sources per order"
        SOURCES_PER_LINE = "sources_per_line", "Sources per order line"
        LINES_PER_DAY = "lines_per_day", "Order lines a day"
        SAFETY_STOCK = "safety_stock", "Safety stock"
        LOCATION_PRIORITY = "location_priority", "Location priority"
        OFFLINE = "offline", "Sources offline"
        MAXIMUM_REJECTS = "maximum_rejects", "Maximum rejects"
        MINIMUM_INVENTORY = "minimum_inventory", "Minimum inventory"
        NO_SPLIT = "no_split", "Do not split"
        CLASS_NOT_FROM = "class_not_from", "Product class not from a source type"

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="constraints")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    is_hard = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True, help_text="The last day on which it counts")
    parameters = models.JSONField(default=dict, blank=True)
    source_list = models.ForeignKey(
        SourceList, null=True, blank=True, on_delete=models.PROTECT, related_name="constraints"
    )
    category = models.CharField(max_length=60, blank=True)
    products = models.ManyToManyField(Product, blank=True, related_name="sourcing_constraints")

    class Meta:
        ordering = ["strategy", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "name"], name="constraint_name_once"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True)
                | Q(valid_from__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
                name="constraint_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.name
