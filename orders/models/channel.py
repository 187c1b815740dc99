from django.db import models


class Channel(models.Model):
    """Where orders come from. A trusted channel's faulty order is parked, never refused."""

    class Kind(models.TextChoices):
        RETAIL = "retail", "Retail"
        WHOLESALE = "wholesale", "Wholesale"
        MARKETPLACE = "marketplace", "Marketplace"
        MANUAL = "manual", "Manual entry"

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.RETAIL)
    currency = models.CharField(max_length=3, default="USD")
    trusted = models.BooleanField(
        default=False, help_text="Park a faulty order for a person instead of refusing it"
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name
