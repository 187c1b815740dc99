"""What came in, what went out, and which ids mean which record. Written by the adapters, read by people."""

from django.contrib import admin

from iom.lib.admin.base import HouseAdmin, MachineAdmin, ReadOnlyInline, pretty_json
from iom.lib.badges import badge
from orders.admin.links import OrderLink
from providers.models import (
    Checkpoint,
    ConnectionGate,
    ExternalId,
    InboxMessage,
    ProviderRequest,
    RequestAttempt,
)

SHOWN_BYTES = 20_000


@admin.register(InboxMessage)
class InboxMessageAdmin(OrderLink, MachineAdmin):
    list_display = (
        "received_at",
        "connection",
        "topic",
        "external_message_id",
        "state_badge",
        "reason",
        "order_link",
    )
    list_select_related = ("connection",)
    list_filter = ("state",)
    search_fields = ("external_message_id__exact",)
    search_help_text = "Whole message id"
    fields = (
        ("connection", "topic"), ("external_message_id", "state"), ("code", "reason"), ("order", "attempts"),
        ("received_at", "done_at"), "body_text",
    )  # fmt: skip
    readonly_fields = ("body_text",)

    @admin.display(description="state")
    def state_badge(self, message: InboxMessage) -> str:
        return badge(message.state, message.get_state_display())

    @admin.display(description="body")
    def body_text(self, message: InboxMessage) -> str:
        return bytes(message.body[:SHOWN_BYTES]).decode("utf-8", "replace")


class AttemptInline(ReadOnlyInline):
    model = RequestAttempt
    fields = ("number", "result", "status_code", "detail", "duration_ms", "settings", "at")


@admin.register(ProviderRequest)
class ProviderRequestAdmin(OrderLink, MachineAdmin):
    list_display = (
        "key",
        "connection",
        "action",
        "order_link",
        "state_badge",
        "attempts",
        "error",
        "created_at",
        "done_at",
    )
    list_select_related = ("connection",)
    list_filter = ("state",)
    search_fields = ("key__exact",)
    search_help_text = "Whole key"
    inlines = (AttemptInline,)
    fields = (
        ("key", "connection"), ("action", "state"), ("entity", "record_id"), ("order", "attempts"),
        ("status_code", "error_code"), "error", ("created_at", "done_at"), "payload_text", "response_text",
    )  # fmt: skip
    readonly_fields = ("payload_text", "response_text")

    @admin.display(description="state")
    def state_badge(self, request: ProviderRequest) -> str:
        return badge(request.state, request.get_state_display())

    @admin.display(description="payload")
    def payload_text(self, request: ProviderRequest) -> str:
        return pretty_json(request.payload)

    @admin.display(description="response")
    def response_text(self, request: ProviderRequest) -> str:
        return pretty_json(request.response)


@admin.register(ConnectionGate)
class ConnectionGateAdmin(MachineAdmin):
    list_display = (
        "connection",
        "health_badge",
        "failures_in_a_row",
        "closed_until",
        "last_in_at",
        "last_out_at",
    )
    list_select_related = ("connection",)
    list_filter = ("health",)

    @admin.display(description="health")
    def health_badge(self, gate: ConnectionGate) -> str:
        return badge(gate.health, gate.get_health_display())


@admin.register(Checkpoint)
class CheckpointAdmin(MachineAdmin):
    list_display = ("connection", "puller", "value", "due_at", "updated_at")
    list_select_related = ("connection",)


@admin.register(ExternalId)
class ExternalIdAdmin(HouseAdmin):
    list_display = ("connection", "entity", "record_id", "external_id", "created_at")
    list_select_related = ("connection",)
    search_fields = ("external_id__exact",)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
