"""The one way in: a problem and a mode, out comes a plan with its cost and its bound."""

import math
import time

import numpy as np

from .choices import Table, build
from .costing import Shipped, capacity_use, objective_of, parcel_components, shipped_of
from .exact import plan_exactly, small_enough
from .plan import Plan, new_plan, place_all, settle_again
from .prices import Prices, bound_of, find_prices, no_prices
from .problem import Problem
from .reasons import why_unfilled
from .regroup import regroup
from .search import new_desk
from .single import plan_in_turn
from .solution import Solution

MODES = ("single", "quick", "fast", "deep")
EFFORT = {"quick": (12, 2), "fast": (60, 10), "deep": (300, 60)}  # price epochs, passes of regrouping


def solve(problem: Problem, mode: str = "fast", *, seed: int = 0, prices: Prices | None = None) -> Solution:
    """Plan a batch. Equal input gives an equal plan.

    single: each order in turn, solved exactly with what the earlier ones left, at `prices` where given.
    quick: as fast with a fifth of the effort, for orders that wait in a flow.
    fast: prices of shared stock and capacity, orders placed by regret, repair. deep: a tighter bound and plan, slower.
    Lines that get nothing are in the solution with the reason; nothing raises for them.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}.")
    began = time.perf_counter()
    table, coarse = build(problem)
    plan, prices, bound = _plan(table, mode, seed, prices)
    bound = None if coarse.any() else bound
    return finish(problem, table, plan, prices, mode=mode, bound=bound, began=began)


def _plan(table: Table, mode: str, seed: int, prices: Prices | None):
    if mode == "single":
        return plan_in_turn(table, prices), prices or no_prices(table), None
    small = small_enough(table)
    epochs, passes = (20, 0) if small else EFFORT[mode]
    prices = find_prices(table, epochs, seed, prices)
    lowest, gains = bound_of(table, prices)
    if small:
        plan, lowest = plan_exactly(table)
        return plan, prices, lowest
    plan = plan_at_prices(table, prices, gains)
    regroup(table, prices, gains, plan, passes, seed)
    settle(table, prices, plan)
    return plan, prices, math.ceil(lowest - 1e-9 * abs(lowest))


def settle(table: Table, prices: Prices, plan: Plan) -> None:
    """Until no order alone is better off elsewhere: then "why here" has one answer."""
    desk, everyone = new_desk(table), np.arange(len(plan.count))
    while settle_again(table, everyone, prices.stock, prices.node, 0.0, plan, desk) > 0:
        pass


def plan_at_prices(table: Table, prices: Prices, gains: np.ndarray) -> Plan:
    """Orders with most to gain first, then each looked at again with the prices fading out."""
    plan, desk = new_plan(table), new_desk(table)
    place_all(table, np.argsort(gains, kind="stable"), prices.stock, prices.node, 1.0, plan, desk)
    for share in (0.5, 0.2, 0.0):
        settle_again(table, np.arange(len(gains)), prices.stock, prices.node, share, plan, desk)
    return plan


def finish(
    problem: Problem, table: Table, plan: Plan, prices: Prices, *, mode: str, bound, began
) -> Solution:
    """Count every cent again and say why what is left is left."""
    shipped = shipped_of(table, plan)
    columns = {"columns": len(table.col_pair)}
    return counted(
        problem, shipped, plan.stand.left, prices, mode=mode, bound=bound, began=began, sizes=columns
    )


def counted(
    problem: Problem, shipped: Shipped, left: np.ndarray, prices: Prices, *, mode: str, bound, began, sizes
) -> Solution:
    """The Solution of these parcels; `left`: what they leave of each stock row."""
    components = parcel_components(problem, shipped)
    used = capacity_use(problem, shipped)
    extra = np.maximum(0, used - problem.nodes.cap_regular)
    sent = np.zeros(problem.sizes["L"], np.int64)
    np.add.at(sent, shipped.alloc_line, shipped.alloc_quantity)
    unfilled = problem.lines.quantity - sent
    return Solution(
        mode=mode,
        parcel_order=shipped.order,
        parcel_node=shipped.node,
        parcel_service=shipped.service,
        alloc_parcel=shipped.alloc_parcel,
        alloc_line=shipped.alloc_line,
        alloc_quantity=shipped.alloc_quantity,
        components=components,
        overtime_cents=extra * problem.nodes.overtime_cents,
        unfilled_quantity=unfilled,
        unfilled_cents=unfilled * problem.lines.unfilled_cents,
        unfilled_reason=why_unfilled(problem, unfilled, left, used),
        objective=objective_of(problem, components, shipped, extra, unfilled),
        stock_price=prices.stock,
        capacity_price=prices.node,
        stock_left=left,
        capacity_used=used,
        lower_bound=bound,
        seconds=time.perf_counter() - began,
        sizes={"orders": problem.sizes["O"], "lines": problem.sizes["L"], **sizes},
    )
