from django.db import models
from django.db.models import Q

from orders.models.order import Order
from orders.querysets import HoldQuerySet


class Hold(models.Model):
    """Stops named steps of an order until somebody or something releases it. Several types may hold at once."""

    class Type(models.TextChoices):
        FRAUD = "fraud", "Fraud check"
        CREDIT = "credit", "Credit"
        ADDRESS = "address", "Address"
        VALIDATION = "validation", "Validation"
        BACKORDER = "backorder", "Backorder"
        PREORDER = "preorder", "Pre-order"
        REJECTED = "rejected", "Refused by sources"
        MANUAL = "manual", "Manual"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    type = models.CharField(max_length=12, choices=Type.choices)
    reason = models.CharField(max_length=200, blank=True)
    blocks = models.JSONField(
        default=list, blank=True, help_text="Action types that must not run; empty: every step"
    )
    placed_by = models.CharField(max_length=150)
    placed_at = models.DateTimeField()
    released_by = models.CharField(max_length=150, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    release_note = models.CharField(max_length=200, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "type"], condition=Q(released_at__isnull=True), name="hold_once_per_type"
            )
        ]
        indexes = [
            models.Index(
                fields=["type", "placed_at"], condition=Q(released_at__isnull=True), name="hold_active"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} hold"
