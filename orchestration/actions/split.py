from orchestration.actions.base import Action, Batch, Result, failed, register
from orders.services.splitting import split_orders


@register
class SplitOrder(Action):
    """Child orders by the split groups of the lines, set by policies. The parent ends here; its children begin anew.

    An order with one group goes on. A policy of this very step may set the groups. Source: reference ORC-16.
    """

    key, label = "split_order", "Split order"

    def run(self, batch: Batch) -> dict[int, Result]:
        wave = batch.wave
        busy = {item.order.id for item in batch.items if any(wave.units_under_way(item.order.id).values())}
        done = split_orders([i.order.id for i in batch.items if i.order.id not in busy], actor=wave.actor)
        wave.reload_states(list(done.children))
        wave.end_paths(done.children.keys())
        refused = dict.fromkeys(busy, "Lines of the order are with a source already.") | done.refused
        return {pk: failed("cannot_split", sentence) for pk, sentence in refused.items()}

    def output_events(self, step) -> list[str]:
        return ["order.split", "order_line.split", "order.new"]
