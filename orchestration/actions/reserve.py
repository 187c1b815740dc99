from fulfillment.services import execution
from inventory.locks import POSITIONS
from orchestration.actions.base import Action, Batch, Result, failed, register


@register
class SoftReserve(Action):
    """Take the stock that sourcing found. What went in between fails, and is taken back so that it can be sourced anew."""

    key, label, level = "soft_reserve", "Soft reserve inventory", "order_line"
    locks = POSITIONS
    success, failure = "order_line.reserved", "order_line.not_reserved"
    all_success, any_failure = "order.reserved", "order.not_reserved"
    done_reasons = frozenset({"reserved", "sent", "shipped", "invoiced"})

    def run(self, batch: Batch) -> dict[int, Result]:
        short = execution.reserve_lines([line.id for _, line in batch.records()], actor=batch.wave.actor)
        if short:
            execution.drop_lines(list(short), actor=batch.wave.actor)
            batch.wave.forget_fulfillment_orders()
        return {pk: failed("stock_gone", sentence) for pk, sentence in short.items()}
