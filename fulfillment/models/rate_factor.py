from django.db import models
from django.db.models import Q

from inventory.models import FulfillmentSource


class ShippingRateFactor(models.Model):
    """What the customer pays for shipping: the rate times a factor, nothing, or a fallback while rates are not known.

    Fallback: rate up to the threshold weight, and the increment for each weight unit beyond. Source: reference FRO-15.
    """

    class AddressType(models.TextChoices):
        ANY = "", "Any"
        RESIDENTIAL = "residential", "Residential"
        BUSINESS = "business", "Business"

    name = models.CharField(max_length=80, unique=True)
    source_type = models.CharField(
        max_length=12, choices=FulfillmentSource.Type.choices, blank=True, help_text="Empty: any"
    )
    address_type = models.CharField(max_length=12, choices=AddressType.choices, blank=True)
    factor = models.DecimalField(
        max_digits=8, decimal_places=4, default=1, help_text="1.15 adds fifteen percent to the rate"
    )
    free_shipping = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, default="USD")
    weight_unit = models.CharField(
        max_length=2, choices=[("lb", "Pound"), ("kg", "Kilogram"), ("g", "Gram")], default="lb"
    )
    fallback_threshold = models.DecimalField(
        max_digits=10, decimal_places=3, default=0, help_text="Weight that the fallback rate covers"
    )
    fallback_minor = models.PositiveIntegerField(default=0, help_text="Fallback rate, in cents")
    fallback_increment_minor = models.PositiveIntegerField(
        default=0, help_text="For each weight unit beyond the threshold, in cents"
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_type", "address_type"],
                condition=Q(enabled=True),
                name="rate_factor_one_enabled",
            ),
            models.CheckConstraint(
                condition=Q(factor__gte=0, fallback_threshold__gte=0), name="rate_factor_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name
