from django.db import models


class Flow(models.Model):
    """A drawing of what happens to an order. `draft` is what people edit; runs follow a published version."""

    class Status(models.TextChoices):
        UNPUBLISHED = "unpublished", "Unpublished"
        PUBLISHED = "published", "Published"
        PAUSED = "paused", "Paused"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=20, default="order", choices=[("order", "Order orchestration")])
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UNPUBLISHED)
    paused_steps = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Key of a paused step: who paused it, when and why",
    )
    draft = models.JSONField(default=dict, blank=True)
    live_version = models.ForeignKey(
        "FlowVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    needs_golden = models.BooleanField(
        default=False, help_text="Published only while every golden order goes as expected"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        permissions = [("publish_flow", "Can publish, pause and stop flows")]

    def __str__(self) -> str:
        return self.name


class FlowVersion(models.Model):
    """What was published: the drawing compiled, with the policies as they were. Never changed; runs end on it."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text="The drawing, as it was published")
    compiled = models.JSONField(help_text="Steps by key, with their policies")
    comment = models.CharField(max_length=300, blank=True)
    published_by = models.CharField(max_length=150, blank=True)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="flow_version_once")]

    def __str__(self) -> str:
        return f"{self.flow} v{self.number}"
