from django.db import models
from django.db.models import Q


class RepairJob(models.Model):
    """One repair of everything that a filter matched when it was asked for, done chunk by chunk by the bell `repair`.

    Each chunk is one transaction that also moves `cursor`, so a killed worker leaves nothing half done or done twice.
    """

    class Action(models.TextChoices):
        RETRY = "retry", "Retry"
        SKIP = "skip", "Skip"
        SUCCEED = "succeed", "Complete as success"
        FAIL = "fail", "Complete as failure"
        REPROCESS = "reprocess", "Reprocess from a step"
        CANCEL = "cancel", "Cancel the runs"
        MOVE = "move", "Move to the newest version"
        REPLAY = "replay", "Replay"
        RESEND = "resend", "Send again"
        RELEASE = "release", "Release"
        BEGIN = "begin", "Orchestrate"
        WAKE = "wake", "Look again"

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"

    action = models.CharField(max_length=10, choices=Action.choices)
    target = models.CharField(
        max_length=10, help_text="Kind of rows: token, run, message, request, hold or order"
    )
    filter = models.JSONField(default=dict)
    step = models.CharField(max_length=60, blank=True, help_text="Where to reprocess from")
    fix = models.JSONField(
        default=dict, blank=True, help_text="What is mended of each row before it is repaired"
    )
    reason = models.CharField(max_length=300, blank=True)
    title = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0, help_text="It was so already")
    cursor = models.BigIntegerField(default=0, help_text="Rows up to this id are done")
    until = models.BigIntegerField(default=0, help_text="The newest row when it was asked for")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(state="running"), name="repair_running")]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.title}"

    @property
    def worked(self) -> int:
        return self.changed + self.refused + self.unchanged


class RepairRow(models.Model):
    """What a job did to one row; what stayed as it was has none."""

    job = models.ForeignKey(RepairJob, on_delete=models.CASCADE, related_name="rows", db_index=False)
    record_id = models.BigIntegerField()
    order_id = models.BigIntegerField(null=True)
    changed = models.BooleanField()
    sentence = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "record_id"], name="repair_row_once")]
        indexes = [models.Index(fields=["job", "changed", "id"], name="repair_row_by_result")]

    def __str__(self) -> str:
        return f"{self.record_id}: {'changed' if self.changed else self.sentence}"
