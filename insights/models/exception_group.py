from django.db import models


class ExceptionGroup(models.Model):
    """What people said about one cause of exceptions: who cares for it, until when it sleeps, a note.

    The group itself is counted, not stored: it is there while a row has its cause, and gone when none has.
    """

    cause = models.CharField(max_length=64, unique=True, help_text="Key of kind, code and place")
    title = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(
        "auth.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="exception_groups"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.title or self.cause
