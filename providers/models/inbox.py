from django.db import models
from django.db.models import Q
from django.utils import timezone

from orders.models import Order
from providers.models.connection import ProviderConnection


class InboxMessage(models.Model):
    """A message as it came, stored before anything else is done with it; unique, so a repeat changes nothing."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        PARKED = "parked", "Parked for a person"
        IGNORED = "ignored", "Ignored by rule"

    connection = models.ForeignKey(ProviderConnection, on_delete=models.PROTECT, related_name="inbox")
    external_message_id = models.CharField(max_length=200)
    topic = models.CharField(max_length=80)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    code = models.CharField(max_length=40, blank=True, help_text="Why it is parked, for machines")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it is parked, for people")
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="inbox_messages"
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.BigIntegerField(
        default=0, db_default=0, help_text="Fencing token of the present claim"
    )
    received_at = models.DateTimeField()
    waiting_since = models.DateTimeField(default=timezone.now, help_text="When it came, or was last replayed")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_message_id"], name="inbox_message_once")
        ]
        indexes = [
            models.Index(fields=["connection", "due_at"], condition=Q(state="waiting"), name="inbox_due"),
            models.Index(fields=["state", "-id"], condition=Q(state="parked"), name="inbox_parked"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.external_message_id}"
