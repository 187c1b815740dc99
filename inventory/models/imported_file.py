from django.db import models
from django.db.models import Q


class ImportedFile(models.Model):
    """A table that somebody sent: its content until it is taken, then what became of it. On the lowest floor, for all.

    A small one is checked and taken in the request. A large one is a job: its rows lie in chunks, which workers claim.
    The digest is unique among the files taken, so the same file is not taken twice unless somebody says so.
    """

    class State(models.TextChoices):
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    AT_WORK = (State.CHECKING, State.RUNNING)

    class Mode(models.TextChoices):
        ALL = "all", "Take nothing unless every row is good"
        GOOD = "good", "Take the good rows, leave the others"

    kind = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content")
    name = models.CharField(max_length=100, help_text="As the sender called it; never used as a path")
    content = models.BinaryField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CHECKED)
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.ALL)
    again = models.BooleanField(default=False, help_text="Taken although the same file was taken before")
    total = models.PositiveIntegerField(default=0, help_text="Rows of the file")
    report = models.JSONField(default=dict)
    actor = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "digest"],
                condition=Q(state__in=["running", "done"], again=False),
                name="file_taken_once",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state__in=["checking", "running"]), name="file_at_work")
        ]

    def __str__(self) -> str:
        return self.name


class ImportChunk(models.Model):
    """Some rows of a large file, worked on in one transaction that also keeps what became of them: once, or not at all."""

    file = models.ForeignKey(ImportedFile, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    groups = models.JSONField(help_text="Rows that belong together, each [line, cells, fault]")
    size = models.PositiveIntegerField(help_text="How many rows")
    done = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Counted before each")
    lease_until = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="chunk_once")]
        indexes = [models.Index(fields=["file", "number"], condition=Q(done=False), name="chunk_to_do")]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.number}"
