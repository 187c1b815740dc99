from django.db import models
from django.db.models import Q
from django_fsm import FSMField, FSMModelMixin, transition

from orders.models.channel import Channel
from orders.models.customer import Customer
from orders.querysets import OrderQuerySet


class Order(FSMModelMixin, models.Model):
    """What the customer bought, as captured. Amounts are minor units of `currency`.

    The decorated methods are the table of built-in transitions; `custom["events"]` names the business events that
    cause them, `custom["reason"]` the state reason they leave and `custom["stamp"]` the time they set first. Only
    `orders.services.events.apply_event` writes `state` and `state_reason`, for a whole batch.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        NEW = "new", "New"
        IN_PROGRESS = "in_progress", "In progress"
        ON_HOLD = "on_hold", "On hold"
        FULFILLMENT = "fulfillment", "Fulfillment in process"
        SHIPPED = "shipped", "Shipped"
        COMPLETED = "completed", "Completed"
        CANCELED = "canceled", "Canceled"

    OPEN = (State.NEW, State.IN_PROGRESS, State.ON_HOLD, State.FULFILLMENT)

    # Hot rows: no index that another one begins with, since every change that is not in place writes them all.
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="orders", db_index=False)
    external_id = models.CharField(max_length=100)
    content_hash = models.CharField(
        max_length=64, blank=True, help_text="Tells a repeated delivery from a changed order"
    )
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="orders"
    )
    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    customer_phone = models.CharField(max_length=40, blank=True)
    customer_reference = models.CharField(max_length=100, blank=True)
    order_type = models.CharField(max_length=20, default="sales", db_default="sales")
    sales_origin = models.CharField(max_length=40, blank=True)
    company = models.CharField(max_length=40, blank=True)
    is_manual = models.BooleanField(default=False)
    priority = models.PositiveSmallIntegerField(default=50, db_default=50, help_text="0 first, 100 last")
    strategy = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3)
    goods_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    line_count = models.PositiveIntegerField(default=0)
    unit_count = models.BigIntegerField(default=0)
    ship_to_name = models.CharField(max_length=200, blank=True)
    ship_to_line1 = models.CharField(max_length=400, blank=True)
    ship_to_line2 = models.CharField(max_length=400, blank=True)
    ship_to_city = models.CharField(max_length=100, blank=True)
    ship_to_region = models.CharField(max_length=60, blank=True)
    ship_to_postal_code = models.CharField(max_length=20, blank=True)
    ship_to_country = models.CharField(max_length=2, blank=True)
    ship_to_latitude = models.FloatField(null=True, blank=True)
    ship_to_longitude = models.FloatField(null=True, blank=True)
    bill_to = models.JSONField(default=dict, blank=True, help_text="Empty: same as ship-to")
    notes = models.TextField(blank=True)
    state = FSMField(max_length=40, default=State.NEW, protected=True)
    state_reason = models.CharField(max_length=40, blank=True)
    placed_at = models.DateTimeField()
    requested_delivery_at = models.DateTimeField(null=True, blank=True)
    promised_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    sourced_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    state_at = models.DateTimeField(help_text="When the present state began")
    version = models.PositiveIntegerField(
        default=1, db_default=1, help_text="For edits by people: a stale form is refused"
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="order_once_per_channel"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="order_total_not_negative"),
        ]
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="order_newest"),
            models.Index(fields=["state", "-id"], name="order_by_state"),
            models.Index(fields=["channel", "-id"], name="order_by_channel"),
            models.Index(fields=["customer_email"], name="order_by_email", condition=~Q(customer_email="")),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The short number that people see; `orders.numbers` reads it back."""
        return f"SO-{1000 + self.pk}" if self.pk else "SO-new"

    @transition(field=state, source=State.DRAFT, target=State.NEW, custom={"events": ["order.new"]})
    def submit(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order.validated"], "reason": "validated"},
    )
    def validate(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order.validation_failed"], "reason": "validation_failed"},
    )
    def fail_validation(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.IN_PROGRESS,
        custom={"events": ["order.sourced"], "reason": "sourced", "stamp": "sourced_at"},
    )
    def source(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT],
        target=State.FULFILLMENT,
        custom={"events": ["order.sent_to_fulfillment"], "reason": "sent", "stamp": "sent_at"},
    )
    def send(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT],
        target=State.FULFILLMENT,
        custom={"events": ["order.part_shipped"], "reason": "part_shipped"},
    )
    def ship_part(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT, State.ON_HOLD],
        target=State.SHIPPED,
        custom={"events": ["order.shipped"], "reason": "shipped", "stamp": "shipped_at"},
    )
    def ship(self) -> None: ...

    @transition(
        field=state,
        source=[State.FULFILLMENT, State.SHIPPED, State.ON_HOLD],
        target=State.COMPLETED,
        custom={"events": ["order.invoiced"], "reason": "fulfilled", "stamp": "completed_at"},
    )
    def complete(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS, State.FULFILLMENT, State.ON_HOLD],
        target=State.ON_HOLD,
        custom={"events": ["order.held"]},
    )
    def hold(self) -> None: ...

    @transition(
        field=state, source=State.ON_HOLD, target=State.NEW, custom={"events": ["order.released_to_new"]}
    )
    def release_to_new(self) -> None: ...

    @transition(
        field=state,
        source=State.ON_HOLD,
        target=State.IN_PROGRESS,
        custom={"events": ["order.released"], "reason": "released"},
    )
    def release(self) -> None: ...

    @transition(
        field=state,
        source=State.ON_HOLD,
        target=State.FULFILLMENT,
        custom={"events": ["order.released_to_fulfillment"], "reason": "released"},
    )
    def release_to_fulfillment(self) -> None: ...

    @transition(
        field=state,
        source=[State.DRAFT, State.NEW, State.IN_PROGRESS, State.ON_HOLD, State.FULFILLMENT],
        target=State.CANCELED,
        custom={"events": ["order.canceled"], "reason": "canceled"},
    )
    def cancel(self) -> None: ...

    @transition(
        field=state,
        source=[State.NEW, State.IN_PROGRESS],
        target=State.CANCELED,
        custom={"events": ["order.split"], "reason": "split"},
    )
    def split(self) -> None:
        """Its children go on for it."""
