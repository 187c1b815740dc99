"""Runs, their tokens and results: written by the engine, read by people."""

from django.contrib import admin

from iom.lib.admin.base import MachineAdmin, ReadOnlyInline, pretty_json
from iom.lib.badges import badge
from orchestration.models import FlowRun, StepResult, StepRun
from orders.admin.links import OrderLink, order_page


class TokenInline(ReadOnlyInline):
    model = StepRun
    fields = ("step", "state", "waiting_for", "deadline_at", "attempts", "error_code", "error", "entered_at")


class StateBadge:
    @admin.display(description="state")
    def state_badge(self, record) -> str:
        return badge(record.state, record.get_state_display())


@admin.register(FlowRun)
class FlowRunAdmin(OrderLink, StateBadge, MachineAdmin):
    list_display = (
        "order_link",
        "flow",
        "version_text",
        "state_badge",
        "started_at",
        "finished_at",
        "due_at",
        "attempts",
    )
    list_display_links = ("started_at",)
    list_select_related = ("order", "flow", "version__flow")
    list_filter = ("state",)
    inlines = (TokenInline,)
    fields = (
        ("order_link", "state_badge"), ("flow", "version"), ("started_at", "finished_at"), ("due_at", "attempts"),
        "start_event_id",
    )  # fmt: skip
    readonly_fields = ("order_link", "state_badge")

    @admin.display(description="version")
    def version_text(self, run: FlowRun) -> str:
        return f"v{run.version.number}"


@admin.register(StepRun)
class StepRunAdmin(StateBadge, MachineAdmin):
    list_display = ("order", "step", "state_badge", "waiting_for", "deadline_at", "error", "entered_at")
    list_display_links = ("step",)
    list_select_related = ("run",)
    list_filter = ("state",)

    @admin.display(description="order")
    def order(self, token: StepRun) -> str:
        return order_page(token.run.order_id)


@admin.register(StepResult)
class StepResultAdmin(OrderLink, MachineAdmin):
    list_display = ("at", "order_link", "step", "result_badge", "code", "visit", "took")
    list_select_related = ("order",)
    fields = ("at", "order", "run", "step", "result", "code", "visit", "duration_ms", "detail_text")
    readonly_fields = ("detail_text",)

    @admin.display(description="ms")
    def took(self, result: StepResult) -> int:
        return result.duration_ms

    @admin.display(description="result")
    def result_badge(self, result: StepResult) -> str:
        return badge(result.result, result.get_result_display())

    @admin.display(description="detail")
    def detail_text(self, result: StepResult) -> str:
        return pretty_json(result.detail)
