"""The columns of a record whose state is moved by business events, for models of other apps."""

from django.db import models
from django.utils import timezone
from django_fsm import FSMField


class Stateful(models.Model):
    """Only `orders.services.events.apply_event` writes these; transitions are rows, or decorated methods of the model."""

    state = FSMField(max_length=40, default="new", protected=True)
    state_reason = models.CharField(max_length=40, blank=True)
    state_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
