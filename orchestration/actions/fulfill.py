from fulfillment.services import execution
from orchestration.actions.base import Action, Batch, Result, register


@register
class SendToWorklist(Action):
    """Put fulfillment orders on their source's worklist, where its people take them up."""

    key, label, level = "send_to_worklist", "Send to worklist", "fulfillment_order"

    def run(self, batch: Batch) -> dict[int, Result]:
        execution.send([record.pk for _, record in batch.records()], actor=batch.wave.actor)
        batch.wave.reload_states([item.order.pk for item in batch.items])
        return {}

    def output_events(self, step) -> list[str]:
        return ["fulfillment_order.sent", "order.sent_to_fulfillment"]
