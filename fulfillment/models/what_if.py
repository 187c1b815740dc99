from django.db import models
from django.db.models import Q

from fulfillment.models.strategy import Strategy


class WhatIf(models.Model):
    """A strategy tried on orders that were sourced already, chunk by chunk by the bell `what_if`; it writes only this row.

    `document` is what is tried, frozen when it was asked for. `chunks` says which decisions are looked at:
    [first moment, last moment, first decision, last decision]; `result` grows with `position` and is read by
    `fulfillment.what_if.words`. `carried` is what later chunks must know of earlier ones; it is emptied at the end.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    class Against(models.TextChoices):
        DRAFT = "draft", "The draft"
        LIVE = "live", "What works now"

    strategy = models.ForeignKey(
        Strategy, on_delete=models.CASCADE, related_name="what_ifs", help_text="Its orders are played again"
    )
    against = models.CharField(
        max_length=5, choices=Against.choices, default=Against.DRAFT, help_text="What is tried on them"
    )
    version = models.PositiveIntegerField(default=0, help_text="Of what works now; 0: never published")
    document = models.JSONField()
    days = models.PositiveSmallIntegerField()
    most_orders = models.PositiveIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    orders = models.PositiveIntegerField(default=0)
    chunks = models.JSONField(default=list)
    position = models.PositiveIntegerField(default=0, help_text="Chunks done")
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="Of the present chunk, counted before each"
    )
    lease_until = models.DateTimeField(null=True)
    carried = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    actor = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(state="running"), name="what_if_running")]

    def __str__(self) -> str:
        return f"What if {self.strategy_id}: {self.get_against_display().lower()}"

    @property
    def percent(self) -> int:
        return 100 if self.state == self.State.DONE else 100 * self.position // max(1, len(self.chunks))
