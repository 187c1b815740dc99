from fulfillment.services import execution
from orchestration.actions.base import Action, Batch, Result, register


@register
class SendToWorklist(Action):
    """Put fulfillment orders on their source's worklist, where its people take them up."""

    key, label, level = "send_to_worklist", "Send to worklist", "fulfillment_order"

    def run(self, batch: Batch) -> dict[int, Result]:
        wave = batch.wave
        orders = {item.order.id: (item.order, wave.lines[item.order.id]) for item in batch.items}
        execution.send_known(batch.all_records(), orders=orders, actor=wave.actor, table=wave.table)
        return {}

    def output_events(self, step) -> list[str]:
        return ["fulfillment_order.sent", "order.sent_to_fulfillment"]
