from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from inventory.models import FulfillmentSource, Product


class SourceList(models.Model):
    """A named group of sources, for strategies and for single constraints. Source: reference FRO-2."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    sources = models.ManyToManyField(FulfillmentSource, blank=True, related_name="source_lists")

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class SourcePriority(models.Model):
    """The priority of a source for one product or one category, where it differs from its own; 1 is first."""

    source = models.ForeignKey(FulfillmentSource, on_delete=models.CASCADE, related_name="priorities")
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.CASCADE, related_name="source_priorities"
    )
    category = models.CharField(max_length=60, blank=True)
    priority = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["source", "priority"]
        verbose_name_plural = "source priorities"
        constraints = [
            models.UniqueConstraint(
                "source", Coalesce("product", 0), "category", name="source_priority_once"
            ),
            models.CheckConstraint(
                condition=Q(product__isnull=False, category="") | (Q(product__isnull=True) & ~Q(category="")),
                name="source_priority_product_or_category",
            ),
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="priority_from_1_to_10"),
        ]

    def __str__(self) -> str:
        return f"{self.priority} for {self.product or self.category}"
