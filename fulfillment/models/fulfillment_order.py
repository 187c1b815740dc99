from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, FSMModelMixin, transition

from inventory.models import FulfillmentSource, Product
from orders.models import Order, OrderLine


class FulfillmentOrder(FSMModelMixin, models.Model):
    """The instruction to one source to pick, pack and ship lines of one order.

    `key` makes creation idempotent. `provider_sequence` is the newest sequence or time that the provider told, so a
    late callback never moves the state backwards. State is written by `orders.services.events.apply_event` only.
    """

    class State(models.TextChoices):
        NEW = "new", "New"
        SENT = "sent", "Sent"
        ACCEPTED = "accepted", "Accepted"
        PICKING = "picking", "Picking"
        PACKED = "packed", "Packed"
        SHIPPED = "shipped", "Shipped"
        DELIVERED = "delivered", "Delivered"
        REJECTED = "rejected", "Rejected"
        CANCELED = "canceled", "Canceled"

    OPEN = (State.NEW, State.SENT, State.ACCEPTED, State.PICKING, State.PACKED)
    WORK = (State.SENT, State.ACCEPTED, State.PICKING, State.PACKED)

    key = models.CharField(max_length=100)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfillment_orders")
    source = models.ForeignKey(
        FulfillmentSource, on_delete=models.PROTECT, related_name="fulfillment_orders", db_index=False
    )
    state = FSMField(max_length=40, default=State.NEW, protected=True)
    state_reason = models.CharField(max_length=40, blank=True)
    state_at = models.DateTimeField()
    external_id = models.CharField(max_length=100, blank=True, help_text="The provider's own number")
    provider_sequence = models.BigIntegerField(default=0, db_default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    ship_by = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    # What it took of a day of its source, to be given back if it is not brought; `services.capacity` counts it.
    capacity_day = models.DateField(null=True, blank=True)
    capacity_used = models.PositiveIntegerField(default=0, db_default=0)
    capacity_unit = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="As its source counted then"
    )
    # Set when the call to its provider is queued: from then on it may be there, whatever the state says.
    send_requested_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    invoiced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["key"], name="fulfillment_order_key_once")]
        indexes = [
            models.Index(fields=["source", "state", "id"], name="fo_worklist"),
            models.Index(fields=["state", "-id"], name="fo_by_state"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"FO-{1000 + self.pk}" if self.pk else "FO-new"

    @transition(
        field=state,
        source=State.NEW,
        target=State.SENT,
        custom={"events": ["fulfillment_order.sent"], "stamp": "sent_at"},
    )
    def send(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT],
        target=State.ACCEPTED,
        custom={"events": ["fulfillment_order.accepted"], "stamp": "accepted_at"},
    )
    def accept(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT, State.ACCEPTED],
        target=State.PICKING,
        custom={"events": ["fulfillment_order.picking"]},
    )
    def pick(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT, State.ACCEPTED, State.PICKING],
        target=State.PACKED,
        custom={"events": ["fulfillment_order.packed"]},
    )
    def pack(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT, State.ACCEPTED, State.PICKING, State.PACKED],
        target=State.SHIPPED,
        custom={"events": ["fulfillment_order.shipped"], "stamp": "shipped_at"},
    )
    def ship(self) -> None: ...

    @transition(
        field=state,
        source=State.SHIPPED,
        target=State.DELIVERED,
        custom={"events": ["fulfillment_order.delivered"], "stamp": "delivered_at"},
    )
    def deliver(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT, State.ACCEPTED, State.PICKING, State.PACKED],
        target=State.REJECTED,
        custom={"events": ["fulfillment_order.rejected"]},
    )
    def reject(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.SENT, State.ACCEPTED, State.PICKING, State.PACKED],
        target=State.CANCELED,
        custom={"events": ["fulfillment_order.canceled"]},
    )
    def cancel(self) -> None: ...


class FulfillmentLine(models.Model):
    """Units of one order line that one fulfillment order brings. `reservation_key` names the stock that is held for it,
    once it is; it holds none before."""

    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="fulfillment_lines")
    product = models.ForeignKey(
        Product,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="fulfillment_lines",
        db_index=False,
    )
    quantity = models.BigIntegerField()
    quantity_picked = models.BigIntegerField(default=0, db_default=0)
    quantity_shipped = models.BigIntegerField(default=0, db_default=0)
    reservation_key = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "order_line"], name="fulfillment_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fulfillment_line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(quantity_shipped__lte=F("quantity")), name="fulfillment_line_shipped_within"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.order_line_id}"
