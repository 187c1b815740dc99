"""Plan again after something changed: the affected orders anew, the others move only where that pays for the move.

A change that hits few orders leaves a plan that is worth mending. After one that hits many, what the others hold is in
the way (with all of them frozen no plan comes near one from scratch): then all are laid anew, at prices and with a cost
for the move. Whichever begins cheaper is made better. Source: fulfillment-optimization 1.6 D.
"""

import time
from dataclasses import replace

import numpy as np

from .choices import Table, build
from .plan import Plan, cost_of, lift, new_plan, place_all, plan_at_prices, put, settle
from .prices import Prices, bound_of, find_prices
from .problem import Problem
from .regroup import regroup
from .search import new_desk
from .solution import Solution
from .solve import EFFORT, finish
from .sweep import Sweep

STICKY = 30


def replan(
    problem: Problem, solution: Solution, affected: np.ndarray, *, sticky_cents: int = STICKY, seed: int = 0
):
    """A Solution of `problem` as it is now, near the plan of `solution` (same orders, lines, nodes and stock rows).

    Of `affected` orders nothing is kept, nor of an order with a parcel that cannot be any more. For the rest a unit pays
    `sticky_cents` to leave its node; that steers the choice and is not in the costs that come back.
    """
    began = time.perf_counter()
    table, _ = build(_sticky(problem, solution, sticky_cents))
    epochs, passes = EFFORT["fast"]
    sweep = Sweep(table)
    prices = find_prices(sweep, epochs, Prices(solution.stock_price, solution.capacity_price))
    gains = bound_of(sweep, prices)[1].gain
    mended = _mended(table, solution, np.asarray(affected), prices, gains)
    plan = min(mended, plan_at_prices(table, prices, gains), key=lambda one: cost_of(table, one))
    regroup(table, prices, gains, plan, passes, seed)
    settle(table, prices, plan)
    return finish(problem, table, plan, prices, mode="replan", bound=None, began=began)


def _mended(
    table: Table, solution: Solution, affected: np.ndarray, prices: Prices, gains: np.ndarray
) -> Plan:
    """What can be kept, and the rest laid into what that leaves."""
    plan = _kept(table, solution, affected)
    anew = np.flatnonzero(plan.count == 0)
    anew = anew[np.argsort(gains[anew], kind="stable")]
    place_all(table, anew, prices.stock, prices.node, 1.0, plan, new_desk(table))
    return plan


def _sticky(problem: Problem, solution: Solution, cents: int) -> Problem:
    """Lines know the node they have (one of them, where they have several)."""
    current = problem.lines.current.copy()
    current[solution.alloc_line] = solution.parcel_node[solution.alloc_parcel]
    stay = np.maximum(problem.orders.sticky_cents, cents)
    return replace(
        problem,
        lines=replace(problem.lines, current=current),
        orders=replace(problem.orders, sticky_cents=stay),
    )


def _kept(table: Table, solution: Solution, affected: np.ndarray) -> Plan:
    plan = new_plan(table)
    anew = set(affected.tolist())
    goods: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for parcel, line, units in zip(
        solution.alloc_parcel.tolist(),
        solution.alloc_line.tolist(),
        solution.alloc_quantity.tolist(),
        strict=True,
    ):
        order = int(solution.parcel_order[parcel])
        goods.setdefault(order, {}).setdefault(parcel, []).append((line, units))
    for order, parcels in goods.items():
        if order not in anew:
            _keep(table, order, [(solution.parcel_node[one], lines) for one, lines in parcels.items()], plan)
    return plan


def _keep(table: Table, order: int, parcels, plan: Plan) -> None:
    """Lay an order as it was; where one of its parcels cannot be any more, nothing of it."""
    found = [_column(table, order, int(node), lines) for node, lines in parcels]
    if None in found:
        return
    states, columns = (np.array(side, np.int64) for side in zip(*found, strict=True))
    _, laid = put(table, order, len(found), states, columns, plan)
    if laid < len(found):
        lift(table, order, plan)


def _column(table: Table, order: int, node: int, lines) -> tuple[int, int] | None:
    """(state, column) of a parcel that was, None where there is none now."""
    shape, start = table.order_shape[order], table.state_start[order]
    atoms, states = table.shape_atoms[shape], table.state_start[order + 1] - start
    digits = table.digit[table.shape_digit[shape] :][: states * atoms].reshape(states, atoms)
    wanted = np.zeros(atoms, np.int64)
    for line, units in lines:
        wanted[table.line_atom[line]] = units // table.line_unit[line]
    state = int(np.flatnonzero((digits == wanted).all(axis=1))[0])
    columns = slice(table.col_start[start + state], table.col_end[start + state])
    at = np.flatnonzero(table.pair_node[table.col_pair[columns]] == node)
    return (state, int(columns.start + at[0])) if len(at) else None
