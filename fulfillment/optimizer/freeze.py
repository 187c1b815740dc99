"""Plan again with everything else frozen: only the orders that a change hits get a new plan, all others stay to the unit."""

import time
from dataclasses import replace

import numpy as np

from .costing import Shipped, capacity_use, stock_rows
from .part import lines_of, part_of
from .prices import Prices
from .problem import IN_LINES, IN_UNITS, Problem
from .solution import Solution
from .solve import counted, solve


def replan_frozen(
    problem: Problem, solution: Solution, affected: np.ndarray, *, mode: str = "fast", seed: int = 0
) -> Solution:
    """A Solution of `problem` as it is now (same orders, lines, nodes and stock rows as those of `solution`).

    `affected` orders are planned anew, together, with the stock and capacity that the others leave; so is every order
    with a parcel that cannot be any more: its node is off or offers the service no longer, or it is one of the last of
    those that share a stock row or a node which has become too small. The bound is what no plan can be below that leaves
    the others as they are: far above that of `solve` where they hold what is scarce.
    """
    began = time.perf_counter()
    old = Shipped(
        solution.parcel_order, solution.parcel_node, solution.parcel_service, solution.alloc_parcel,
        solution.alloc_line, solution.alloc_quantity,
    )  # fmt: skip
    anew = _anew(problem, old, np.asarray(affected, np.int64))
    kept = _without(old, anew)
    left = _left(problem, kept)
    part = part_of(problem, anew, left, capacity_use(problem, kept))
    prices = Prices(solution.stock_price, solution.capacity_price)
    found = solve(part, mode, seed=seed, prices=prices)
    whole = _joined(kept, found, anew, lines_of(problem, anew))
    again = counted(
        problem,
        whole,
        found.stock_left,
        prices,
        mode="replan",
        bound=None,
        began=began,
        sizes={"anew": len(anew)},
    )
    if found.lower_bound is None:
        return again
    return replace(again, lower_bound=again.objective - found.objective + found.lower_bound)


def _anew(problem: Problem, old: Shipped, affected: np.ndarray) -> np.ndarray:
    """Rising order numbers."""
    nodes, offered = problem.nodes, problem.offered[old.node, old.service]
    gone = np.unique(np.concatenate([affected, old.order[~(nodes.active[old.node] & offered)]]))
    kept = _without(old, gone)
    row = stock_rows(problem, kept.alloc_line, kept.node[kept.alloc_parcel])
    over = _beyond(row, kept.alloc_quantity, problem.stock.atp)
    more = kept.order[kept.alloc_parcel[over]]
    uses = _uses(problem, kept)
    return np.unique(np.concatenate([gone, more, kept.order[_beyond(kept.node, uses, nodes.cap_max)]]))


def _beyond(key: np.ndarray, amount: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Which entries come after their key has given all it has; entries in their order."""
    ranked = np.argsort(key, kind="stable")
    total = np.cumsum(amount[ranked])
    first = np.searchsorted(key[ranked], key[ranked], side="left")
    before = np.concatenate([[0], total])[first]
    over = np.zeros(len(key), bool)
    over[ranked] = total - before > most[key[ranked]]
    return over


def _uses(problem: Problem, shipped: Shipped) -> np.ndarray:
    """What each parcel takes of its node."""
    unit = problem.nodes.cap_unit[shipped.node]
    units = np.bincount(shipped.alloc_parcel, shipped.alloc_quantity, minlength=len(unit)).astype(np.int64)
    lines = np.bincount(shipped.alloc_parcel, minlength=len(unit))
    return np.where(unit == IN_UNITS, units, np.where(unit == IN_LINES, lines, 1))


def _without(shipped: Shipped, orders: np.ndarray) -> Shipped:
    stays = ~np.isin(shipped.order, orders)
    number = np.cumsum(stays) - 1
    inside = stays[shipped.alloc_parcel]
    return Shipped(
        shipped.order[stays], shipped.node[stays], shipped.service[stays], number[shipped.alloc_parcel[inside]],
        shipped.alloc_line[inside], shipped.alloc_quantity[inside],
    )  # fmt: skip


def _left(problem: Problem, kept: Shipped) -> np.ndarray:
    left = problem.stock.atp.astype(np.int64).copy()
    row = stock_rows(problem, kept.alloc_line, kept.node[kept.alloc_parcel])
    np.subtract.at(left, row, kept.alloc_quantity)
    return left


def _joined(kept: Shipped, found: Solution, anew: np.ndarray, lines: np.ndarray) -> Shipped:
    """Parcels of both, in the order of orders."""
    order = np.concatenate([kept.order, anew[found.parcel_order]])
    ranked = np.argsort(order, kind="stable")
    number = np.argsort(ranked, kind="stable")
    parcel = number[np.concatenate([kept.alloc_parcel, found.alloc_parcel + len(kept.order)])]
    inside = np.argsort(parcel, kind="stable")
    return Shipped(
        order[ranked],
        np.concatenate([kept.node, found.parcel_node])[ranked],
        np.concatenate([kept.service, found.parcel_service])[ranked],
        parcel[inside],
        np.concatenate([kept.alloc_line, lines[found.alloc_line]])[inside],
        np.concatenate([kept.alloc_quantity, found.alloc_quantity])[inside],
    )
