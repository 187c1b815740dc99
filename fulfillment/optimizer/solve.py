"""The one way in: a problem and a mode, out comes a plan with its cost and its bound."""

import math
import time

import numpy as np

from .choices import Table, build
from .costing import Shipped, capacity_use, objective_of, parcel_components, shipped_of
from .deep import plan_deeply
from .exact import Together, plan_exactly, small_enough
from .plan import Plan, plan_at_prices, settle
from .prices import Prices, bound_of, find_prices, no_prices
from .problem import Problem
from .reasons import why_unfilled
from .regroup import regroup
from .single import plan_in_turn
from .solution import Solution
from .sweep import Sweep

MODES = ("single", "quick", "fast", "deep")
EFFORT = {"quick": (12, 2), "fast": (60, 10)}  # price epochs, passes of regrouping


def solve(problem: Problem, mode: str = "fast", *, seed: int = 0, prices: Prices | None = None) -> Solution:
    """Plan a batch. Equal input gives an equal plan.

    single: each order in turn, solved exactly with what the earlier ones left, at `prices` where given.
    quick: as fast with a fifth of the effort, for orders that wait in a flow.
    fast: prices of shared stock and capacity, orders placed by regret, repair.
    deep: columns and prices from a linear program, then the best choice among them: a tighter bound and a better plan.
    Lines that get nothing are in the solution with the reason; nothing raises for them.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}.")
    began = time.perf_counter()
    table, coarse = build(problem)
    limits = Together(problem.together, problem.together_lines) if problem.sizes["G"] else None
    plan, prices, bound = _plan(table, mode, seed, prices, limits)
    bound = None if coarse.any() else bound
    return finish(problem, table, plan, prices, mode=mode, bound=bound, began=began)


def _plan(table: Table, mode: str, seed: int, prices: Prices | None, together: Together | None):
    if mode == "single" and not (together and small_enough(table)):
        return plan_in_turn(table, prices), prices or no_prices(table), None
    sweep = Sweep(table)
    if small_enough(table):
        plan, lowest = plan_exactly(table, together)
        return plan, find_prices(sweep, 20, prices), lowest
    if mode == "deep":
        plan, prices, lowest = plan_deeply(sweep, seed, prices)
        return plan, prices, _certified(lowest)
    epochs, passes = EFFORT[mode]
    prices = find_prices(sweep, epochs, prices)
    lowest, chosen = bound_of(sweep, prices)
    plan = plan_at_prices(table, prices, chosen.gain)
    regroup(table, prices, chosen.gain, plan, passes, seed)
    settle(table, prices, plan)
    return plan, prices, _certified(lowest)


def _certified(lowest: float) -> int:
    """The bound in whole cents, safe from what adding up rounds."""
    return math.ceil(lowest - 1e-9 * abs(lowest))


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
