from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from inventory.models import FulfillmentSource
from orders.models import Channel

LONGEST_TIMEOUT = 10  # a drain ends before its task is killed, so no call may outlast this


class ProviderConnection(models.Model):
    """One installed copy of a provider definition: where it is, with which secrets, and how hard it may be called.

    `secrets` holds one encrypted text a secret parameter (see `providers.secrets`): written by forms, never shown.
    """

    class Status(models.TextChoices):
        INSTALLED = "installed", "Installed"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    provider = models.CharField(max_length=40, help_text="Key of a provider definition")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.INSTALLED)
    sandbox = models.BooleanField(default=False)
    channel = models.ForeignKey(
        Channel, null=True, blank=True, on_delete=models.PROTECT, related_name="connections"
    )
    sources = models.ManyToManyField(
        FulfillmentSource, blank=True, related_name="connections", help_text="Sources that it runs"
    )
    parameters = models.JSONField(default=dict, blank=True)
    secrets = models.JSONField(default=dict, blank=True, editable=False)
    max_concurrency = models.PositiveSmallIntegerField(
        default=8, validators=[MinValueValidator(1), MaxValueValidator(64)]
    )
    rate_per_minute = models.PositiveIntegerField(default=6000)
    timeout_seconds = models.PositiveSmallIntegerField(
        default=LONGEST_TIMEOUT, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_TIMEOUT)]
    )
    max_attempts = models.PositiveSmallIntegerField(default=12)
    settings_number = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class ConnectionSettings(models.Model):
    """What a connection was set to, kept whenever it changes, so that each call says what it went out with.

    `document`: base parameters and limits in plain, of each secret only when it was set. Source: fault F29.
    """

    connection = models.ForeignKey(
        ProviderConnection, on_delete=models.CASCADE, related_name="settings_log", db_index=False
    )
    number = models.PositiveIntegerField()
    document = models.JSONField()
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField()

    class Meta:
        ordering = ["connection", "-number"]
        verbose_name_plural = "connection settings"
        constraints = [models.UniqueConstraint(fields=["connection", "number"], name="settings_once")]

    def __str__(self) -> str:
        return f"settings {self.number}"


class ConnectionGate(models.Model):
    """What all processes must agree on before they call: tokens of the rate limit, the breaker, how it went lately.

    Apart from the connection because it changes with every batch of calls.
    """

    class Health(models.TextChoices):
        OK = "ok", "OK"
        DEGRADED = "degraded", "Degraded"
        DOWN = "down", "Down"
        MISCONFIGURED = "misconfigured", "Needs a parameter"

    connection = models.OneToOneField(
        ProviderConnection, primary_key=True, on_delete=models.CASCADE, related_name="gate"
    )
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(null=True, blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    closed_until = models.DateTimeField(
        null=True, blank=True, help_text="No call before: breaker open or Retry-After"
    )
    health = models.CharField(max_length=14, choices=Health.choices, default=Health.OK)
    last_error = models.CharField(max_length=300, blank=True)
    in_second = models.BigIntegerField(
        default=0, db_default=0, help_text="The second that `in_count` is about"
    )
    in_count = models.PositiveIntegerField(default=0, db_default=0, help_text="Messages let in this second")
    last_in_at = models.DateTimeField(null=True, blank=True)
    last_out_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.health


class Checkpoint(models.Model):
    """How far a puller has read. Saved after the messages are stored, so at least once; the inbox drops repeats."""

    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="checkpoints")
    puller = models.CharField(max_length=40)
    value = models.CharField(max_length=100, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "puller"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.puller} at {self.value}"
