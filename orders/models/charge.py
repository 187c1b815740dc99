from django.db import models

from orders.models.order import Order


class Charge(models.Model):
    """An amount on an order beside its lines' prices: shipping, handling, discount, tax. Discounts are negative."""

    class Kind(models.TextChoices):
        SHIPPING = "shipping", "Shipping"
        HANDLING = "handling", "Handling"
        DISCOUNT = "discount", "Discount"
        TAX = "tax", "Tax"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="charges")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    description = models.CharField(max_length=100, blank=True)
    amount_minor = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor}"
