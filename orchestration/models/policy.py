from django.db import models

from orchestration.entities import policy_entities


class Policy(models.Model):
    """A filter policy says for which records a step runs; an execution policy checks or sets values."""

    class Type(models.TextChoices):
        FILTER = "filter", "Filter policy"
        EXECUTION = "execution", "Execution policy"

    class Criticality(models.TextChoices):
        INFORMATION = "information", "Information: record it and go on"
        CRITICAL = "critical", "Critical: stop this record's path"

    class Combine(models.TextChoices):
        ALL = "all", "All rules must hold"
        ANY = "any", "One rule is enough"
        FIRST = "first", "First match acts"
        EVERY = "every", "Every match acts"

    class Otherwise(models.TextChoices):
        PASS = "pass", "Pass"
        FAIL = "fail", "Fail"

    class Entity(models.TextChoices):
        ORDER = "order", "Order"
        ORDER_LINE = "order_line", "Order line"
        FULFILLMENT_ORDER = "fulfillment_order", "Fulfillment order"
        FULFILLMENT_LINE = "fulfillment_line", "Fulfillment line"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=10, choices=Type.choices)
    entity = models.CharField(max_length=20, choices=policy_entities, default=Entity.ORDER)
    criticality = models.CharField(max_length=12, choices=Criticality.choices, default=Criticality.CRITICAL)
    combine = models.CharField(max_length=6, choices=Combine.choices, default=Combine.ALL)
    otherwise = models.CharField(
        max_length=4, choices=Otherwise.choices, default=Otherwise.PASS, help_text="When no rule matched"
    )
    status = models.CharField(
        max_length=12,
        choices=[("unpublished", "Unpublished"), ("published", "Published")],
        default="unpublished",
        editable=False,
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class Rule(models.Model):
    """A condition and, in an assignment, what is set where it holds."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=120)
    condition = models.JSONField(default=dict, help_text="Tree of the rule language; empty: always")
    actions = models.JSONField(default=list, blank=True, help_text='[{"set": field, "value": …}]')

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """A policy as it was published; flow versions carry a copy, so a later edit changes no running order."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    published_by = models.CharField(max_length=150, blank=True)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class ValueList(models.Model):
    """Values that rules name by the key of their list. A published policy carries them as they were then."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    values = models.JSONField(default=list, help_text="Texts or numbers, at most 1,000")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name
