"""Runs, their tokens and results: written by the engine, read by people."""

from django.contrib import admin

from iom.lib.admin.base import MachineAdmin, ReadOnlyInline, pretty_json
from iom.lib.badges import badge
from orchestration.models import FlowRun, StepResult, StepRun


class TokenInline(ReadOnlyInline):
    model = StepRun
    fields = ("step", "state", "waiting_for", "deadline_at", "attempts", "error_code", "error", "entered_at")


class StateBadge:
    @admin.display(description="state")
    def state_badge(self, record) -> str:
        return badge(record.state, record.get_state_display())


@admin.register(FlowRun)
class FlowRunAdmin(StateBadge, MachineAdmin):
    list_display = (
        "order",
        "flow",
        "version",
        "state_badge",
        "started_at",
        "finished_at",
        "due_at",
        "attempts",
    )
    list_select_related = ("order", "flow", "version__flow")
    list_filter = ("state",)
    inlines = (TokenInline,)
    exclude = ("claimed_by", "lease_until")


@admin.register(StepRun)
class StepRunAdmin(StateBadge, MachineAdmin):
    list_display = ("order", "step", "state_badge", "waiting_for", "deadline_at", "error", "entered_at")
    list_select_related = ("run__order",)
    list_filter = ("state",)

    @admin.display(description="order")
    def order(self, token: StepRun) -> str:
        return token.run.order.number


@admin.register(StepResult)
class StepResultAdmin(MachineAdmin):
    list_display = ("at", "order", "step", "result_badge", "code", "visit", "duration_ms")
    list_select_related = ("order",)
    fields = ("at", "order", "run", "step", "result", "code", "visit", "duration_ms", "detail_text")
    readonly_fields = ("detail_text",)

    @admin.display(description="result")
    def result_badge(self, result: StepResult) -> str:
        return badge(result.result, result.get_result_display())

    @admin.display(description="detail")
    def detail_text(self, result: StepResult) -> str:
        return pretty_json(result.detail)
