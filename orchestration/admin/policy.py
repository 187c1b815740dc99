"""Policies with their rules; publishing freezes them as the next version."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminTextareaWidget

from iom.lib.admin.actions import selected_ids
from iom.lib.admin.base import HouseAdmin, MachineAdmin, actor_of, pretty_json
from iom.lib.badges import badge
from orchestration.errors import BadRule, NotPublishable
from orchestration.models import Policy, PolicyVersion, Rule, ValueList
from orchestration.policies.compile import compile_tree
from orchestration.policies.lists import resolve
from orchestration.services.publishing import publish_policy


class TreeField(forms.JSONField):
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false", "class": "font-mono text-xs"})

    def prepare_value(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


class RuleForm(forms.ModelForm):
    condition = TreeField(required=False, help_text="Tree of the rule language; {} is always")
    actions = TreeField(required=False, help_text='What is set where it holds: [{"set": field, "value": …}]')

    class Meta:
        model = Rule
        fields = ("position", "name", "condition", "actions")

    def clean_condition(self) -> dict:
        return self.cleaned_data["condition"] or {}

    def clean_actions(self) -> list:
        actions = self.cleaned_data["actions"] or []
        if not isinstance(actions, list):
            raise forms.ValidationError("A list, even of one.")
        return actions


class RuleFormSet(forms.BaseInlineFormSet):
    """Each condition must compile against the policy's kind of record; the fault is shown at its rule."""

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            cleaned = getattr(form, "cleaned_data", None)
            if not cleaned or cleaned.get("DELETE") or "condition" not in cleaned:
                continue
            try:
                compile_tree(self.instance.entity, resolve(cleaned["condition"]), "condition")
            except BadRule as fault:
                form.add_error("condition", str(fault))


class RuleInline(StackedInline):
    model = Rule
    form, formset = RuleForm, RuleFormSet
    extra = 0
    fields = (("position", "name"), "condition", "actions")


@admin.register(Policy)
class PolicyAdmin(HouseAdmin):
    list_display = ("name", "key", "type", "entity", "criticality", "combine", "status_badge", "updated_at")
    list_filter = ("type", "entity", "criticality")
    search_fields = ("name__icontains", "key__istartswith")
    ordering = ("key",)
    inlines = (RuleInline,)
    actions = ("publish",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "key"),
                    ("type", "entity"),
                    ("criticality", "combine"),
                    ("otherwise", "status"),
                )
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        return ("key", "status") if obj else ("status",)

    @admin.display(description="status")
    def status_badge(self, policy: Policy) -> str:
        return badge(policy.status, policy.get_status_display())

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orchestration.publish_flow")

    @admin.action(description="Publish", permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet) -> None:
        for policy in queryset.filter(pk__in=selected_ids(self, request, queryset)):
            try:
                version = publish_policy(policy.pk, actor=actor_of(request))
                self.message_user(
                    request, f"{policy.name} is published as version {version.number}.", messages.SUCCESS
                )
            except NotPublishable as error:
                for where, sentence in error.problems:
                    self.message_user(
                        request, f"{policy.name} not published: {where}: {sentence}", messages.ERROR
                    )


@admin.register(PolicyVersion)
class PolicyVersionAdmin(MachineAdmin):
    list_display = ("policy", "number", "published_by", "published_at")
    list_select_related = ("policy",)
    fields = ("policy", "number", "published_by", "published_at", "definition_text")
    readonly_fields = ("definition_text",)

    @admin.display(description="definition")
    def definition_text(self, version: PolicyVersion) -> str:
        return pretty_json(version.definition)


@admin.register(ValueList)
class ValueListAdmin(HouseAdmin):
    list_display = ("name", "key", "length", "updated_at")
    search_fields = ("name__icontains", "key__istartswith")
    fields = (("name", "key"), "values")

    @admin.display(description="values")
    def length(self, found: ValueList) -> int:
        return len(found.values)
