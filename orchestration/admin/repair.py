"""Repairs over many rows: asked for in the exceptions inbox, kept here to be read."""

from django.contrib import admin

from iom.lib.admin.base import MachineAdmin
from iom.lib.badges import badge
from orchestration.models import RepairJob


@admin.register(RepairJob)
class RepairJobAdmin(MachineAdmin):
    list_display = (
        "created_at",
        "action",
        "title",
        "actor",
        "state_badge",
        "total",
        "changed",
        "refused",
        "finished_at",
    )
    list_filter = ("state", "action")

    @admin.display(description="state")
    def state_badge(self, record: RepairJob) -> str:
        return badge(record.state, record.get_state_display())
