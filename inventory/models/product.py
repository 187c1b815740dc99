from django.db import models

from inventory.querysets import ProductQuerySet


class Product(models.Model):
    """Something that can be sold and stocked. Quantities of it are integers in `base_unit`."""

    class BaseUnit(models.TextChoices):
        EACH = "each", "Each"
        GRAM = "g", "Gram"
        MILLILITER = "ml", "Milliliter"
        MILLIMETER = "mm", "Millimeter"

    class ShipClass(models.TextChoices):
        STANDARD = "std", "Standard"
        HAZARDOUS = "hazmat", "Hazardous"
        BULKY = "bulky", "Bulky"
        FRAGILE = "fragile", "Fragile"
        PERISHABLE = "perishable", "Perishable"

    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    category = models.CharField(max_length=60, blank=True, db_index=True)
    base_unit = models.CharField(max_length=8, choices=BaseUnit.choices, default=BaseUnit.EACH)
    weight_grams = models.PositiveIntegerField(default=0)
    length_mm = models.PositiveIntegerField(default=0)
    width_mm = models.PositiveIntegerField(default=0)
    height_mm = models.PositiveIntegerField(default=0)
    ship_class = models.CharField(
        max_length=12, choices=ShipClass.choices, default=ShipClass.STANDARD, db_default="std"
    )
    keeps_order_whole = models.BooleanField(
        default=False, db_default=False, help_text="An order with it is not split over sources"
    )
    price = models.DecimalField(
        max_digits=14, decimal_places=4, default=0, help_text="List price of one base unit"
    )
    currency = models.CharField(max_length=3, default="USD")
    preorder_eligible = models.BooleanField(default=False)
    launch_date = models.DateField(null=True, blank=True)
    substitute = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="substitute_for"
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["sku"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="product_price_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"
