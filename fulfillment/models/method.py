from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from inventory.models import FulfillmentSource, Product
from orders.models import Channel, OrderLine


class MethodRule(models.Model):
    """Whether a fulfillment method is allowed: for a product or category, a source or type of source, a channel.

    Empty fields count for all. The rule that names most decides; of equal ones a refusal. No rule: allowed.
    """

    method = models.CharField(max_length=16, choices=OrderLine.Method.choices)
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.CASCADE, related_name="method_rules"
    )
    category = models.CharField(max_length=60, blank=True)
    source = models.ForeignKey(
        FulfillmentSource, null=True, blank=True, on_delete=models.CASCADE, related_name="method_rules"
    )
    source_type = models.CharField(max_length=12, choices=FulfillmentSource.Type.choices, blank=True)
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.CASCADE, related_name="method_rules"
    )
    allowed = models.BooleanField(default=True)

    class Meta:
        ordering = ["method", "pk"]
        constraints = [
            models.UniqueConstraint(
                "method",
                Coalesce("product", 0),
                "category",
                Coalesce("source", 0),
                "source_type",
                Coalesce("channel", 0),
                name="method_rule_once",
            ),
            models.CheckConstraint(
                condition=Q(product__isnull=True) | Q(category=""), name="method_rule_product_or_category"
            ),
            models.CheckConstraint(
                condition=Q(source__isnull=True) | Q(source_type=""), name="method_rule_source_or_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()}: {'allowed' if self.allowed else 'not allowed'}"
