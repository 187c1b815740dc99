from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from inventory.models import FulfillmentSource, Product


class FutureSale(models.Model):
    """What a unit is worth where it lies if it does not go now: the margin of a later sale times its chance.

    An amount and a share of the list price, added. Empty fields count for all; the row that names most decides, of equal
    ones the newest. No row: nothing is lost by taking it.
    """

    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.CASCADE, related_name="future_sales"
    )
    category = models.CharField(max_length=60, blank=True)
    source = models.ForeignKey(
        FulfillmentSource, null=True, blank=True, on_delete=models.CASCADE, related_name="future_sales"
    )
    source_type = models.CharField(max_length=12, choices=FulfillmentSource.Type.choices, blank=True)
    minor = models.PositiveIntegerField("amount", default=0, help_text="Cents a unit")
    percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=0,
        help_text="Of the list price: its margin, times the chance to sell it there before new stock comes",
    )

    class Meta:
        ordering = ["pk"]
        verbose_name = "future sale value"
        constraints = [
            models.UniqueConstraint(
                Coalesce("product", 0),
                "category",
                Coalesce("source", 0),
                "source_type",
                name="future_sale_once",
            ),
            models.CheckConstraint(
                condition=Q(product__isnull=True) | Q(category=""), name="future_sale_product_or_category"
            ),
            models.CheckConstraint(
                condition=Q(source__isnull=True) | Q(source_type=""), name="future_sale_source_or_type"
            ),
            models.CheckConstraint(condition=Q(percent__range=(0, 100)), name="future_sale_percent_within"),
        ]

    def __str__(self) -> str:
        return f"{self.product or self.category or 'everything'} at {self.source or self.source_type or 'every source'}"
