"""Validation: the policies of the step decide; the engine has evaluated them before these run."""

from orchestration.actions.base import Action, Batch, Result, failed, register


@register
class ValidateOrderHeader(Action):
    key, label, level = "validate_order_header", "Validate order header", "order"
    success, failure = "order.validated", "order.validation_failed"

    def run(self, batch: Batch) -> dict[int, Result]:
        return {
            order.pk: failed("no_lines", "The order has no line that is not canceled.")
            for _, order in batch.records()
            if not batch.wave.live_lines(order.pk)
        }


@register
class ValidateOrderLine(Action):
    key, label, level = "validate_order_line", "Validate order lines", "order_line"
    success, failure = "order_line.validated", "order_line.validation_failed"
    all_success, any_failure = "order.lines_validated", "order.lines_validation_failed"
    done_reasons = frozenset({"validated", "sourced", "reserved", "sent", "shipped", "invoiced"})

    def run(self, batch: Batch) -> dict[int, Result]:
        return {}
