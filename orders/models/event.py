from django.db import models

from iom.lib.database import TransactionId
from orders.models.order import Order


class EventDefinition(models.Model):
    """A kind of business event. Shipped ones are written by `orders.definitions` and locked; people add their own."""

    key = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    entity = models.CharField(max_length=30, help_text="The kind of record it is raised for")
    description = models.CharField(max_length=300, blank=True)
    payload_schema = models.JSONField(default=dict, blank=True)
    shipped = models.BooleanField(default=False)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class BusinessEvent(models.Model):
    """Append-only: a fact about a record, in the order of ids. The order's timeline and the API feed read it."""

    kind = models.CharField(max_length=60, help_text="Key of an event definition")
    entity = models.CharField(max_length=30)
    record_id = models.BigIntegerField()
    # No database constraint: events are written with their order locked, and many an order.
    order = models.ForeignKey(
        Order, null=True, on_delete=models.PROTECT, related_name="events", db_constraint=False, db_index=False
    )
    payload = models.JSONField(default=dict)
    actor = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()
    # Ids are given before commit: a reader that goes by id alone would miss what commits late. The feed goes by both.
    transaction_id = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["order", "id"], name="event_by_order"),
            models.Index(fields=["transaction_id", "id"], name="event_feed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.entity}:{self.record_id}"


class OrderNote(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="order_notes")
    text = models.TextField(max_length=5000)
    author = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.text[:40]
