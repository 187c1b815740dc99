from django.db import models

from orchestration.models.flow import Flow


class GoldenOrder(models.Model):
    """An order kept with a flow, and how the flow must treat it. The world it needs comes along: its stock by source.

    `last` is what the newest check found: {"revision", "at", "by", "differences"}; empty until the first.
    """

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="golden_orders")
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    document = models.JSONField(help_text="An order as the API takes it")
    stock = models.JSONField(
        default=list, help_text="[[sku, source, units to take]]; what is not named has none"
    )
    choices = models.JSONField(
        default=dict, help_text="What the world outside does: failing, events_happen, …"
    )
    expected = models.JSONField(help_text="Path by step, state of the order, where it stands, what is sent")
    last = models.JSONField(default=dict, blank=True, editable=False)
    made_by = models.CharField(max_length=150, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["flow", "key"], name="golden_order_once")]

    def __str__(self) -> str:
        return self.name
