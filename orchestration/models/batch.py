from django.db import models
from django.db.models import Q

from orchestration.models.run import FlowRun
from orders.models import Order, OrderLine


class SourcingBatch(models.Model):
    """Order lines of one strategy that are planned together at a time. Claimed like a run: lease, token, attempts."""

    strategy = models.CharField(max_length=40, help_text="Key of the strategy")
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    claimed_by = models.BigIntegerField(
        default=0, db_default=0, help_text="Fencing token of the present claim"
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    planned_at = models.DateTimeField(null=True, help_text="The last commit of a plan")

    class Meta:
        ordering = ["-due_at", "-id"]
        verbose_name_plural = "sourcing batches"
        constraints = [models.UniqueConstraint(fields=["strategy", "due_at"], name="sourcing_batch_once")]

    def __str__(self) -> str:
        return f"{self.strategy} at {self.due_at:%Y-%m-%d %H:%M}"


class BatchedLine(models.Model):
    """An order line that waits at a step for a batch, then the batch's answer, which the step takes and deletes."""

    batch = models.ForeignKey(SourcingBatch, on_delete=models.CASCADE, related_name="lines", db_index=False)
    run = models.ForeignKey(FlowRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    step = models.CharField(max_length=60)
    action = models.CharField(max_length=60)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+", db_index=False)
    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="+", db_index=False)
    planned_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, blank=True, default="", db_default="")
    rest = models.CharField(max_length=10, blank=True, default="", db_default="")
    sentence = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "order_line"], name="batched_line_once")
        ]
        indexes = [
            models.Index(fields=["batch"], condition=Q(planned_at__isnull=True), name="batched_line_open")
        ]

    def __str__(self) -> str:
        return f"line {self.order_line_id} at {self.step}"
