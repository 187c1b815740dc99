from django.db import models
from django.db.models import Q


class StateDefinition(models.Model):
    """A state of an entity: label, place on the progress bar, and whether people may edit a record in it."""

    entity = models.CharField(max_length=30)
    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    read_only = models.BooleanField(default=False)
    timeline_position = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Empty: not on the progress bar"
    )
    shipped = models.BooleanField(default=False)

    class Meta:
        ordering = ["entity", "timeline_position"]
        constraints = [models.UniqueConstraint(fields=["entity", "key"], name="state_once")]

    def __str__(self) -> str:
        return self.label


class StateReason(models.Model):
    entity = models.CharField(max_length=30)
    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    shipped = models.BooleanField(default=False)

    class Meta:
        ordering = ["entity", "key"]
        constraints = [models.UniqueConstraint(fields=["entity", "key"], name="state_reason_once")]

    def __str__(self) -> str:
        return self.label


class StateTransition(models.Model):
    """A transition that people made. Built-in ones are the django-fsm methods of the models; both obey `apply_event`."""

    event = models.CharField(max_length=60)
    entity = models.CharField(max_length=30)
    source_state = models.CharField(max_length=40)
    target_state = models.CharField(max_length=40)
    target_reason = models.CharField(max_length=40, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event", "entity", "source_state"], condition=Q(active=True), name="transition_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source_state} > {self.target_state} on {self.event}"
