"""Plan lines and hold their stock in one transaction; what went to others in between is planned again, never oversold."""

from collections.abc import Sequence

from fulfillment.services.planned import Planned
from fulfillment.services.reserving import drop_lines, reserve_lines
from fulfillment.services.sourcing import source_lines
from fulfillment.sourcing_strategy import NOT_SOURCED
from fulfillment.types import LineDemand, LineSourcing
from iom.lib import lock_order

TURNS = 3


@lock_order.unit
def optimize_lines(
    demands: Sequence[LineDemand], *, actor: str, planned: Planned | None = None, cause: str = "flow"
) -> dict[int, LineSourcing]:
    """Plan, take capacity, reserve; lines that are short are dropped and planned anew with what is left.

    A line that was short in every turn is answered as not sourced, with the sentence of the last. The caller has locked
    the orders. `planned` and `cause` as for `source_lines`. Fixed number of queries a turn; a second turn only where others were faster.
    """
    found: dict[int, LineSourcing] = {}
    for _ in range(TURNS):
        found |= source_lines(demands, actor=actor, planned=planned, cause=cause)
        ours = [d.line_id for d in demands if found[d.line_id].allocations]
        short = reserve_lines(ours, actor=actor) if ours else {}
        if not short:
            return found
        drop_lines(list(short), actor=actor)
        planned = None
        demands = [demand for demand in demands if demand.line_id in short]
    return found | {
        pk: LineSourcing(NOT_SOURCED, (), f"Not sourced: {words}", found[pk].rest)
        for pk, words in short.items()
    }
