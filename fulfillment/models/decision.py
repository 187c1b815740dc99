from django.db import models

from fulfillment.models.sourcing_run import SourcingRun
from orders.models import Order, OrderLine


class SourcingDecision(models.Model):
    """Why a line goes where it goes, kept as it was decided: candidates, what removed each, distance, what was chosen."""

    class Outcome(models.TextChoices):
        SOURCED = "sourced", "Sourced"
        PARTLY = "partly", "Partly sourced"
        NOT_SOURCED = "not_sourced", "Not sourced"

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="decisions", db_constraint=False, db_index=False
    )  # read by its lines
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, related_name="decisions", db_constraint=False
    )
    strategy = models.CharField(max_length=60, help_text="Strategy or policy and its version")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    chosen = models.JSONField(default=list, help_text="[{source, code, quantity, distance_km}]")
    candidates = models.JSONField(
        default=list, help_text="[{code, available, distance_km, removed_by}], nearest first"
    )
    removed = models.JSONField(
        default=dict, help_text="{kind of reason: how many sources it took out}, over all"
    )
    sentence = models.CharField(max_length=300, blank=True)
    run = models.ForeignKey(
        SourcingRun,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decisions",
        db_constraint=False,
    )
    strategy_version = models.PositiveIntegerField(null=True, blank=True)
    costs = models.JSONField(null=True, blank=True, help_text="{component: cents} of the line's share")
    relaxed = models.JSONField(null=True, blank=True, help_text="Soft constraints that were dropped for it")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sentence or self.outcome
