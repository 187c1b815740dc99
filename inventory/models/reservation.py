from django.db import models
from django.db.models import Q

from inventory.models.position import InventoryPosition
from inventory.querysets import ReservationQuerySet


class Reservation(models.Model):
    """Units of one position held for one reference. `key` is unique for ever, so a repeated request holds nothing twice."""

    class Kind(models.TextChoices):
        SOFT = "soft", "Soft"
        HARD = "hard", "Hard"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        CONSUMED = "consumed", "Consumed"
        RELEASED = "released", "Released"
        EXPIRED = "expired", "Expired"

    key = models.CharField(max_length=100)
    reference = models.CharField(max_length=100, help_text="What it is for, such as `order_line:42`")
    # No database constraint, as with movements: it is written with its position locked.
    position = models.ForeignKey(
        InventoryPosition, on_delete=models.PROTECT, related_name="reservations", db_constraint=False
    )
    quantity = models.BigIntegerField()
    kind = models.CharField(max_length=4, choices=Kind.choices, default=Kind.SOFT)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        # Named here and not on the fields, which would give each a second index for patterns.
        constraints = [
            models.UniqueConstraint(fields=["key"], name="reservation_key_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_quantity_positive"),
        ]
        indexes = [
            models.Index(fields=["reference"], name="reservation_reference"),
            models.Index(
                fields=["expires_at"],
                condition=Q(state="active", expires_at__isnull=False),
                name="reservation_expiring",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} for {self.reference}"
