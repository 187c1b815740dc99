from django.db import models
from django.db.models import F, Q

from inventory.models.product import Product
from inventory.models.source import FulfillmentSource
from inventory.querysets import InventoryPositionQuerySet


class InventoryPosition(models.Model):
    """What one source has of one product, in the product's base unit. Available = on hand - reserved - safety stock.

    Only `inventory.services` moves the counters, each time with a movement, so totals always equal the ledger.
    """

    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, related_name="positions", db_index=False
    )  # position_once begins with it
    source = models.ForeignKey(FulfillmentSource, on_delete=models.PROTECT, related_name="positions")
    on_hand = models.BigIntegerField(default=0, db_default=0)
    reserved = models.BigIntegerField(default=0, db_default=0)
    safety_stock = models.BigIntegerField(default=0, db_default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects = InventoryPositionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "source"], name="position_once"),
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="position_on_hand_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="position_reserved_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="position_not_oversold"),
            models.CheckConstraint(condition=Q(safety_stock__gte=0), name="position_safety_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} at {self.source_id}"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved - self.safety_stock


class InventoryMovement(models.Model):
    """Append-only ledger: every change of a position's counters, oldest first by id."""

    class Kind(models.TextChoices):
        SET = "set", "Count"
        ADJUST = "adjust", "Adjustment"
        SAFETY = "safety", "Safety stock"
        RESERVE = "reserve", "Reservation"
        RELEASE = "release", "Release"
        CONSUME = "consume", "Consumption"

    # No database constraint: the ledger is written with its position locked, and a check per row costs more than the row.
    position = models.ForeignKey(
        InventoryPosition,
        on_delete=models.PROTECT,
        related_name="movements",
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    on_hand_delta = models.BigIntegerField(default=0)
    reserved_delta = models.BigIntegerField(default=0)
    safety_stock_delta = models.BigIntegerField(default=0)
    reference = models.CharField(
        max_length=100, blank=True, help_text="What it was for: an order line, a count, a feed"
    )
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["position", "id"], name="movement_by_position")]

    def __str__(self) -> str:
        return f"{self.kind} {self.on_hand_delta:+d}/{self.reserved_delta:+d}"
