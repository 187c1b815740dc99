from django.db import models
from django.db.models import Q


class ImportedFile(models.Model):
    """A table that somebody sent: its content until it is taken, then what became of it. On the lowest floor, for all.

    The digest is unique among the files taken, so the same file is not taken twice unless somebody says so.
    """

    class State(models.TextChoices):
        CHECKED = "checked", "Checked"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content")
    name = models.CharField(max_length=100, help_text="As the sender called it; never used as a path")
    content = models.BinaryField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CHECKED)
    again = models.BooleanField(default=False, help_text="Taken although the same file was taken before")
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

    def __str__(self) -> str:
        return self.name
