from django.db import models


class SourcingRun(models.Model):
    """One execution of the optimizer: how large, how long, how good, what was relaxed, at which prices."""

    class Mode(models.TextChoices):
        SINGLE = "single", "Single order"
        FAST = "fast", "Fast batch"
        QUICK = "quick", "Quick batch"
        DEEP = "deep", "Deep batch"
        NEAREST = "nearest", "Nearest"

    class Cause(models.TextChoices):
        FLOW = "flow", "Flow"
        BATCH = "batch", "Batch"
        CHECKOUT = "checkout", "Checkout"
        REOPTIMIZE = "reoptimize", "Planned again"
        WHAT_IF = "what_if", "What-if"

    mode = models.CharField(max_length=8, choices=Mode.choices)
    cause = models.CharField(max_length=12, choices=Cause.choices, default=Cause.FLOW)
    strategies = models.JSONField(default=dict, help_text="{strategy key: version number}")
    orders = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    sources = models.PositiveIntegerField(default=0)
    parcels = models.PositiveIntegerField(default=0)
    unfilled_lines = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3, default="USD")
    cost_minor = models.BigIntegerField(default=0)
    bound_minor = models.BigIntegerField(null=True, blank=True, help_text="No plan can cost less")
    gap_ppm = models.PositiveIntegerField(null=True, blank=True)
    components = models.JSONField(default=dict, help_text="{component: cents}; they add up to the cost")
    relaxed = models.JSONField(
        default=list, help_text="Soft constraints that were dropped, and for how many lines"
    )
    prices = models.BinaryField(null=True, help_text="Prices of scarce stock and capacity, packed")
    solve_ms = models.PositiveIntegerField(default=0)
    total_ms = models.PositiveIntegerField(default=0)
    actor = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_mode_display()} of {self.orders} orders"
