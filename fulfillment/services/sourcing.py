"""Find sources for order lines, keep why, and instruct the chosen sources.

`sourcing_demand` reads what is known of the lines, `sourcing_plan` decides and counts days, `sourcing_record` writes it down.
"""

from collections.abc import Sequence

from django.utils import timezone

from fulfillment.services.planned import Planned
from fulfillment.services.sourcing_demand import Demanded
from fulfillment.services.sourcing_plan import Deciding
from fulfillment.services.sourcing_record import Record
from fulfillment.sourcing_strategy import SOURCED, LinePlan
from fulfillment.types import LineDemand, LineSourcing
from iom.lib.atomic import joined

# The three modes of a fulfillment request. Source: reference PBF-1.
CHECK, CREATE, CHECK_AND_CREATE = "check", "create", "check_and_create"
MODES = (CHECK, CREATE, CHECK_AND_CREATE)
COMPLETE = "Nothing left to source: every unit is on its way or canceled."


def plan_lines(demands: Sequence[LineDemand], *, actor: str, effort: str) -> Planned:
    """Plan on what there is now and write nothing: needs no lock and no transaction, and may take its time.

    `effort` is a mode of the optimizer. Raises UnknownStrategy.
    """
    known = Demanded(demands, timezone.now(), actor=actor, gives_back=False, ahead=True)
    deciding = Deciding(known, counts=False, effort=effort)
    needs = {line.line_id: order for order in known.needs() for line in order.lines}
    plans = deciding.plan(check_stock=True)
    return Planned(plans, needs, deciding.reports, deciding.ms)


@joined
def source_lines(
    demands: Sequence[LineDemand],
    *,
    actor: str,
    check_stock: bool = True,
    mode: str = CHECK_AND_CREATE,
    planned: Planned | None = None,
    cause: str = "flow",
) -> dict[int, LineSourcing]:
    """Plan lines and create their fulfillment orders in state new; the caller has locked the orders.

    Orders are planned in the order of `demands` against the same stock, so none promises what another got. A line
    that has unsent fulfillment lines gives these back first and is planned anew; units that are with a source or
    have shipped are not sourced twice, whatever quantity is asked for. Nothing is reserved: see `reserve_lines`.

    Of `planned`, orders whose lines, sources and stock are still as they were planned are kept; the others are planned
    anew beside them. `cause` is kept with the sourcing run.

    `mode` "check" writes decisions only, "create" looks at no stock (as `check_stock=False` does). The events of
    lines and orders are the caller's to raise. Fixed number of queries. Raises UnknownStrategy before any change.
    """
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if not demands:
        return {}
    creates = mode != CHECK
    known = Demanded(demands, timezone.now(), actor=actor, gives_back=creates)
    deciding = Deciding(known, counts=creates, planned=planned)
    plans = deciding.plan(check_stock=check_stock and mode != CREATE)
    record = Record(known, deciding, actor=actor, cause=cause)
    record.write_decisions(plans)
    if creates:
        record.write_sources(plans)
        record.write_orders(plans)
    return {demand.line_id: _answer(plans.get(demand.line_id)) for demand in demands}


def _answer(plan: LinePlan | None) -> LineSourcing:
    if plan is None:
        return LineSourcing(SOURCED, (), COMPLETE)
    return LineSourcing(plan.outcome, plan.allocations, plan.sentence, plan.rest)
