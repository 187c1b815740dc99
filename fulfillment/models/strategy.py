from django.db import models
from django.db.models import Q

from fulfillment.models.source_list import SourceList
from inventory.models import FulfillmentSource

# Components of the cost, as decisions name them; a weight of 1 is money.
COMPONENTS = (
    "carrier", "handling", "distance", "lateness", "split", "rejection", "future_sale", "overtime",
)  # fmt: skip


class Strategy(models.Model):
    """How lines find their source. These fields are the draft; what works is the document of `live_version`.

    A strategy that was never published works as its draft says. Source: reference FRO-3.
    """

    class Objective(models.TextChoices):
        NEAREST = "nearest", "Nearest sources, fewest splits"
        COST = "cost", "Least cost"

    class BatchMode(models.TextChoices):
        FAST = "fast", "Fast"
        DEEP = "deep", "Deep: a better plan and a tighter bound, slower"

    class Rest(models.TextChoices):
        FLOW = "flow", "As the flow says: the failure road of its step"
        NEXT = "next", "Try the alternate strategy"
        BACKORDER = "backorder", "Hold as backorder"
        SPLIT = "split", "Ship what there is and wait for the rest"
        INBOX = "inbox", "Exceptions inbox"

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    is_default = models.BooleanField(default=False)
    objective = models.CharField(max_length=8, choices=Objective.choices, default=Objective.NEAREST)
    source_list = models.ForeignKey(
        SourceList,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="strategies",
        help_text="Empty: every active source",
    )
    sources = models.ManyToManyField(
        FulfillmentSource,
        blank=True,
        help_text="Single sources beside the list. Both empty: every active one",
    )
    max_distance_km = models.PositiveIntegerField(null=True, blank=True)
    max_sources_per_order = models.PositiveSmallIntegerField(default=5)
    split_lines = models.BooleanField(default=True, help_text="May one line come from several sources")
    weights = models.JSONField(
        default=dict, blank=True, help_text="Cost component: weight; those not named weigh 1"
    )
    late_minor = models.PositiveIntegerField(
        "cost of a late order",
        default=500,
        db_default=500,
        help_text="In cents: what an order costs that comes after its promised day (service calls, goodwill)",
    )
    late_percent = models.DecimalField(
        "and percent of its goods",
        max_digits=5,
        decimal_places=2,
        default=6,
        db_default=6,
        help_text="Customers who send it back or do not come again",
    )
    reject_minor = models.PositiveIntegerField(
        "cost of a refused order",
        default=700,
        db_default=700,
        help_text="In cents: handling again and a faster service when a source does not find a unit",
    )
    reject_percent = models.DecimalField(
        "and percent of its goods",
        max_digits=5,
        decimal_places=2,
        default=10,
        db_default=10,
        help_text="Orders that are canceled meanwhile",
    )
    unfilled_minor = models.PositiveIntegerField(
        "cost of a unit not sent",
        default=10_000,
        db_default=10_000,
        help_text="In cents beside its price. As long as bringing a unit costs less, it is brought",
    )
    unfilled_percent = models.DecimalField(
        "and percent of its price",
        max_digits=5,
        decimal_places=2,
        default=100,
        db_default=100,
        help_text="The margin, where the goods are sold later or to somebody else",
    )
    is_batch = models.BooleanField(default=False, help_text="Collect orders and plan them together")
    batch_minutes = models.PositiveSmallIntegerField(default=5)
    batch_mode = models.CharField(max_length=4, choices=BatchMode.choices, default=BatchMode.FAST)
    alternate = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="alternate_of",
        help_text="Tried for what this one finds no source for",
    )
    rest = models.CharField(
        max_length=10,
        choices=Rest.choices,
        default=Rest.FLOW,
        help_text="What happens to lines without a source",
    )
    live_version = models.ForeignKey(
        "StrategyVersion", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]
        verbose_name_plural = "strategies"
        permissions = [("publish_strategy", "Can publish a strategy")]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="strategy_one_default"
            ),
            models.CheckConstraint(
                condition=Q(max_sources_per_order__gte=1), name="strategy_at_least_one_source"
            ),
            models.CheckConstraint(
                condition=Q(
                    late_percent__range=(0, 100),
                    reject_percent__range=(0, 100),
                    unfilled_percent__range=(0, 100),
                ),
                name="strategy_percent_within",
            ),
            models.CheckConstraint(
                condition=Q(batch_minutes__range=(1, 1440)), name="strategy_batch_minutes_within_a_day"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StrategyVersion(models.Model):
    """What was published, never changed. `document` is written and read by `fulfillment.strategy_document`."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    comment = models.CharField(max_length=300, blank=True)
    published_by = models.CharField(max_length=150)
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["strategy", "-number"]
        constraints = [models.UniqueConstraint(fields=["strategy", "number"], name="strategy_version_once")]

    def __str__(self) -> str:
        return f"version {self.number}"
