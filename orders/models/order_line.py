from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, FSMModelMixin, transition

from inventory.models import FulfillmentSource, Product
from orders.models.order import Order
from orders.querysets import OrderLineQuerySet


class OrderLine(FSMModelMixin, models.Model):
    """One product and quantity on an order; a write-in line names no product."""

    class State(models.TextChoices):
        NEW = "new", "New"
        IN_PROGRESS = "in_progress", "In progress"
        ON_HOLD = "on_hold", "On hold"
        FULFILLMENT = "fulfillment", "Fulfillment in process"
        SHIPPED = "shipped", "Shipped"
        INVOICED = "invoiced", "Invoiced"
        CANCELED = "canceled", "Canceled"

    class Method(models.TextChoices):
        SHIP_TO_HOME = "ship_to_home", "Ship to home"
        SHIP_FROM_STORE = "ship_from_store", "Ship from store"
        PICKUP = "pickup", "Pick up in store"
        SHIP_TO_STORE = "ship_to_store", "Ship to store"
        DROP_SHIP = "drop_ship", "Drop-ship"

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    line_number = models.PositiveIntegerField()
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.PROTECT, related_name="order_lines"
    )
    sku = models.CharField(max_length=64, help_text="As the channel sent it")
    description = models.CharField(max_length=200, blank=True)
    requested_sku = models.CharField(
        max_length=64, blank=True, help_text="What was asked for, when a substitute stands in"
    )
    is_substitute = models.BooleanField(default=False)
    quantity = models.BigIntegerField()
    unit_price = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    amount_minor = models.BigIntegerField(
        default=0, help_text="Quantity times price less discount, before tax"
    )
    source = models.ForeignKey(
        FulfillmentSource,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="order_lines",
        db_index=False,  # it changes with every sourcing, and a source is on a large share of all lines
        verbose_name="fulfillment source",
    )
    source_is_assigned = models.BooleanField(
        default=False, db_default=False, help_text="A policy or a person chose the source"
    )
    source_list = models.CharField(
        max_length=40, blank=True, db_default="", help_text="Key of the source list that a policy keeps it to"
    )
    method = models.CharField(
        max_length=16, choices=Method.choices, default=Method.SHIP_TO_HOME, db_default="ship_to_home"
    )
    pickup_source = models.ForeignKey(
        FulfillmentSource,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="pickup_lines",
        db_index=False,
        help_text="The store where the customer takes it, of pick up in store and ship to store",
    )
    split_group = models.CharField(max_length=40, blank=True)
    launch_date = models.DateField(null=True, blank=True)
    inventory_available_on = models.DateField(null=True, blank=True)
    estimated_ship_on = models.DateField(null=True, blank=True)
    quantity_shipped = models.BigIntegerField(default=0, db_default=0)
    quantity_backordered = models.BigIntegerField(default=0, db_default=0)
    quantity_canceled = models.BigIntegerField(default=0, db_default=0)
    quantity_returned = models.BigIntegerField(default=0, db_default=0)
    state = FSMField(max_length=40, default=State.NEW, protected=True)
    state_reason = models.CharField(max_length=40, blank=True)
    state_at = models.DateTimeField()

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        ordering = ["order_id", "line_number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "line_number"], name="line_number_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_positive"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="line_price_not_negative"),
            models.CheckConstraint(
                condition=Q(quantity_shipped__gte=0, quantity_shipped__lte=F("quantity")),
                name="line_shipped_within_ordered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.validated"], "reason": "validated"},
    )
    def validate(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.validation_failed"], "reason": "validation_failed"},
    )
    def fail_validation(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.ON_HOLD, State.FULFILLMENT],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.sourced"], "reason": "sourced"},
    )
    def source_found(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.reserved"], "reason": "reserved"},
    )
    def reserve(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.ON_HOLD, State.FULFILLMENT],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.not_sourced"], "reason": "not_sourced"},
    )
    def source_missing(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT],
        target=State.FULFILLMENT,
        custom={"events": ["order_line.sent_to_fulfillment"], "reason": "sent"},
    )
    def send(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.rejected"], "reason": "rejected"},
    )
    def reject(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT],
        target=State.SHIPPED,
        custom={"events": ["order_line.shipped"], "reason": "shipped"},
    )
    def ship(self) -> None: ...

    @transition(
        field=state,
        source=[State.FULFILLMENT],
        target=State.FULFILLMENT,
        custom={"events": ["order_line.part_shipped"], "reason": "part_shipped"},
    )
    def ship_part(self) -> None: ...

    @transition(
        field=state,
        source=[State.SHIPPED],
        target=State.INVOICED,
        custom={"events": ["order_line.invoiced"], "reason": "invoiced"},
    )
    def invoice(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.ON_HOLD],
        target=State.ON_HOLD,
        custom={"events": ["order_line.backordered"], "reason": "backorder"},
    )
    def backorder(self) -> None: ...

    @transition(
        field=state,
        source=[State.ON_HOLD],
        target=State.IN_PROGRESS,
        custom={"events": ["order_line.released"], "reason": "released"},
    )
    def release(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.ON_HOLD, State.FULFILLMENT],
        target=State.CANCELED,
        custom={"events": ["order_line.canceled"], "reason": "canceled"},
    )
    def cancel(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.CANCELED,
        custom={"events": ["order_line.split"], "reason": "split"},
    )
    def split(self) -> None:
        """It went over to a child of its order."""
