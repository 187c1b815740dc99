"""Lines that wait for stock: on a backorder hold of their order, each with the units that it lacks."""

from collections.abc import Sequence

from orchestration.engine.wave import Wave
from orders.models import Hold, OrderLine
from orders.services.backorders import note_backordered
from orders.services.events import apply_event
from orders.services.holds import hold_orders

WAITS_FOR = "release of the backorder hold"


def place(
    wave: Wave, lines: Sequence[OrderLine], *, reason: str, blocks: Sequence[str], part: Sequence[int] = ()
) -> None:
    """Hold the orders, note what each line lacks beside what is planned; lines of `part` keep their state: some units go."""
    orders = sorted({line.order_id for line in lines})
    hold_orders(orders, type=Hold.Type.BACKORDER, reason=reason, actor=wave.actor, blocks=blocks)
    missing = {pk: wave.units_to_find(pk) for pk in orders}
    note_backordered({line.pk: missing[line.order_id].get(line.pk, 0) for line in lines})
    whole = [line for line in lines if line.pk not in part]
    apply_event("order_line.backordered", whole, actor=wave.actor, table=wave.table)
    wave.reload_states(orders)


def release(wave: Wave, lines: Sequence[OrderLine]) -> None:
    """They wait no more."""
    note_backordered({line.pk: 0 for line in lines})
    held = [line for line in lines if line.state == OrderLine.State.ON_HOLD]
    apply_event("order_line.released", held, actor=wave.actor, table=wave.table)
