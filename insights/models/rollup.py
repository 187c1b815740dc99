from django.db import models


class Rollup(models.Model):
    """Append-only deltas of a counter, written in the transaction of the events they count; `compact` adds them up.

    Rows with the same metric, hour, channel and label are summed by readers, so writers never wait for each other.
    """

    metric = models.CharField(max_length=40)
    hour = models.DateTimeField(help_text="Start of the hour, UTC")
    channel_id = models.BigIntegerField(default=0, help_text="0: no channel")
    label = models.CharField(
        max_length=60, blank=True, help_text="A state, a reason or a source, as the metric says"
    )
    value = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["metric", "hour"], name="rollup_read", include=["channel_id", "label", "value"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.value:+d}"
