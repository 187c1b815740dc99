from django.db import models
from django.db.models import Q

from orders.models import Order
from providers.models.connection import ProviderConnection


class ProviderRequest(models.Model):
    """The receipt of one outside effect. Committed before the call with a key that goes along on every attempt.

    A timeout, a reset or a 5xx leaves it `unknown`: the same key is sent again, or the provider is asked, or a person
    decides; it is never counted as failed, and a done one is never sent again.
    """

    class State(models.TextChoices):
        READY = "ready", "Ready"
        SENDING = "sending", "Sending"
        DONE = "done", "Done"
        UNKNOWN = "unknown", "Unknown"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"

    FINAL = (State.DONE, State.FAILED, State.CANCELED)

    key = models.CharField(max_length=150, unique=True)
    connection = models.ForeignKey(ProviderConnection, on_delete=models.PROTECT, related_name="requests")
    action = models.CharField(max_length=60, help_text="Key of a provider action")
    payload = models.JSONField()
    entity = models.CharField(max_length=30)
    record_id = models.BigIntegerField()
    order = models.ForeignKey(
        Order, null=True, on_delete=models.PROTECT, related_name="provider_requests", db_constraint=False
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.READY)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    claimed_by = models.BigIntegerField(
        default=0, db_default=0, help_text="Fencing token of the present claim"
    )
    retry = models.JSONField(
        null=True, help_text="Attempts and waiting time of the step that asked; null: as the connection says"
    )
    status_code = models.PositiveSmallIntegerField(null=True)
    response = models.JSONField(null=True)
    error_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["connection", "due_at"],
                condition=Q(state__in=["ready", "sending", "unknown"]),
                name="outbox_due",
            ),
            models.Index(
                fields=["record_id", "entity"],
                condition=Q(state__in=["ready", "sending", "unknown"]),
                name="outbox_open_by_record",
            ),
            models.Index(fields=["order", "id"], name="outbox_by_order"),
            models.Index(fields=["-id"], condition=Q(state="failed"), name="outbox_failed"),
        ]

    def __str__(self) -> str:
        return self.key


class RequestAttempt(models.Model):
    """One call for one request: what was answered and how long it took. Secrets are masked before they come here."""

    request = models.ForeignKey(
        ProviderRequest, on_delete=models.CASCADE, related_name="attempt_log", db_constraint=False
    )
    number = models.PositiveSmallIntegerField()
    result = models.CharField(max_length=12)
    status_code = models.PositiveSmallIntegerField(null=True)
    detail = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    settings = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Number of the connection's settings that it went out with; 0: as first made",
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["request", "id"], name="attempt_by_request")]

    def __str__(self) -> str:
        return f"{self.number}: {self.result}"
