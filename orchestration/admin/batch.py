"""Batches of sourcing: made by steps, planned by workers, read by people."""

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from iom.lib.admin.base import MachineAdmin, ReadOnlyInline
from orchestration.models import BatchedLine, SourcingBatch


class BatchedLineInline(ReadOnlyInline):
    model = BatchedLine
    fields = ("order", "order_line", "step", "planned_at", "outcome", "sentence")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchedLine]:
        return super().get_queryset(request).select_related("order", "order_line__order")


@admin.register(SourcingBatch)
class SourcingBatchAdmin(MachineAdmin):
    list_display = ("due_at", "strategy", "waiting", "lease_until", "attempts", "planned_at")
    fields = (("strategy", "due_at"), ("planned_at", "lease_until", "attempts"))
    inlines = (BatchedLineInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourcingBatch]:
        waiting = Count("lines", filter=Q(lines__planned_at__isnull=True))
        return super().get_queryset(request).annotate(lines_waiting=waiting)

    @admin.display(description="lines that wait")
    def waiting(self, batch: SourcingBatch) -> int:
        return batch.lines_waiting
