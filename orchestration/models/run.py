from django.db import models
from django.db.models import Q

from orchestration.models.flow import Flow, FlowVersion
from orders.models import Order


class FlowRunQuerySet(models.QuerySet):
    def locked(self, *, skip: bool = False) -> models.QuerySet:
        """These runs to be updated, locked in id order by the same statement; `skip` leaves out what others hold.

        An UPDATE alone locks rows in whatever order it meets them, and two of them may then wait for each other.
        """
        rows = self.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=skip)
        return self.model.objects.filter(pk__in=rows.values("pk"))


class FlowRun(models.Model):
    """One order on one published version of one flow. Narrow, because it changes at every wave.

    Due: `due_at` has come and no lease holds it. Waiting: no `due_at`; an event or a deadline makes it due again.
    A run belongs to one worker at a time, so branches of one order never race.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        WAITING = "waiting", "Waiting"
        ATTENTION = "attention", "Needs attention"
        DONE = "done", "Done"
        CANCELED = "canceled", "Canceled"

    FINAL = (State.DONE, State.CANCELED)

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="runs", db_index=False)
    version = models.ForeignKey(FlowVersion, on_delete=models.PROTECT, related_name="runs", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="runs", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    start_event_id = models.BigIntegerField(
        help_text="The business event that started it; earlier events do not count for it"
    )
    due_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    claimed_by = models.BigIntegerField(
        default=0, db_default=0, help_text="Fencing token of the present claim"
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = FlowRunQuerySet.as_manager()

    class Meta:
        permissions = [("repair_run", "Can retry, skip, complete, move and cancel runs")]
        constraints = [
            models.UniqueConstraint(
                fields=["flow", "order"], condition=~Q(state__in=["done", "canceled"]), name="run_live_once"
            ),
            models.UniqueConstraint(fields=["flow", "order", "start_event_id"], name="run_once_per_event"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="run_due"),
            models.Index(fields=["order"], name="run_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.flow_id} for {self.order_id}"


class StepRun(models.Model):
    """A token: where a path of a run stands, and for which records. Gone when the path moves on."""

    class State(models.TextChoices):
        READY = "ready", "Ready"
        WAITING = "waiting", "Waiting"
        JOINING = "joining", "Waiting for other branches"
        PAUSED = "paused", "At a paused step"
        FAILED = "failed", "Needs attention"

    run = models.ForeignKey(FlowRun, on_delete=models.CASCADE, related_name="tokens", db_index=False)
    step = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=State.choices, default=State.READY)
    scope = models.CharField(
        max_length=400, blank=True, help_text="Branches entered, outermost first: `split:branch/…`"
    )
    lines = models.JSONField(null=True, help_text="Order line ids; null: all of the order")
    fulfillment_orders = models.JSONField(
        null=True, help_text="Fulfillment order ids; null: all of its lines"
    )
    custom = models.JSONField(null=True, help_text="Records of a registered entity: [entity, ids]; null: all")
    visit = models.PositiveIntegerField(
        default=0, help_text="How often this run came to this step; part of effect keys"
    )
    attempts = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Attempts that failed here and are made again"
    )
    retry_at = models.DateTimeField(null=True, help_text="When the next attempt is made")
    waiting_for = models.CharField(max_length=200, blank=True)
    deadline_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=500, blank=True)
    entered_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["run"], name="token_by_run"),
            models.Index(
                fields=["deadline_at"], condition=Q(deadline_at__isnull=False), name="token_deadline"
            ),
            models.Index(fields=["-id"], condition=Q(state="failed"), name="token_failed"),
            models.Index(fields=["step"], condition=Q(state="paused"), name="token_paused"),
        ]

    def __str__(self) -> str:
        return f"{self.step} ({self.state})"


class StepResult(models.Model):
    """Append-only: what a step did for a run, with the policies' outcomes and their actual values."""

    class Result(models.TextChoices):
        SUCCESS = "success", "Success"
        FAILURE = "failure", "Failure"
        SKIPPED = "skipped", "Skipped"
        REQUESTED = "requested", "Requested"

    # Read by order: a run's results are found by its order, too.
    run = models.ForeignKey(
        FlowRun, on_delete=models.CASCADE, related_name="results", db_constraint=False, db_index=False
    )
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="step_results", db_constraint=False, db_index=False
    )
    step = models.CharField(max_length=60)
    result = models.CharField(max_length=9, choices=Result.choices)
    code = models.CharField(max_length=60, blank=True)
    detail = models.JSONField(default=dict)
    visit = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["order", "id"], name="result_by_order")]

    def __str__(self) -> str:
        return f"{self.step}: {self.result}"
