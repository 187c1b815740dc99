"""Why a line, or a part of it, got nothing: the first wall that all its nodes end at."""

import numpy as np

from .parcels import allowed
from .problem import Problem

FILLED = ""
NO_STOCK = "no_stock"
NOT_ALLOWED = "not_allowed"
STOCK_TAKEN = "stock_taken"
CAPACITY_FULL = "capacity_full"
NOT_COMPLETE = "not_complete"
NOT_WORTH_IT = "not_worth_it"


def why_unfilled(problem: Problem, unfilled: np.ndarray, left: np.ndarray, used: np.ndarray) -> list[str]:
    """By line: empty where filled, else the reason.

    no_stock: no node holds a unit (a whole line: the quantity). not_allowed: those that do are all ruled out.
    stock_taken: other orders have it. capacity_full: who has it takes no more today. not_complete: the order ships
    whole or not at all. not_worth_it: it could ship, and costs more than leaving it.
    """
    order = problem.line_order()
    reasons = [FILLED] * len(unfilled)
    starts = problem.sku_start()
    for line in np.flatnonzero(unfilled):
        rows = np.arange(*starts[problem.lines.sku[line] : problem.lines.sku[line] + 2])
        reasons[line] = _why(problem, int(line), int(order[line]), rows, left, used)
    return reasons


def _why(
    problem: Problem, line: int, order: int, rows: np.ndarray, left: np.ndarray, used: np.ndarray
) -> str:
    need = 1 if problem.lines.splittable[line] else problem.lines.quantity[line]
    rows = rows[problem.stock.atp[rows] >= need]
    if not len(rows):
        return NO_STOCK
    node, same = problem.stock.node[rows], np.ones(len(rows), np.int64)
    rows = rows[allowed(problem, order * same, line * same, node)]
    if not len(rows):
        return NOT_ALLOWED
    rows = rows[left[rows] >= need]
    if not len(rows):
        return STOCK_TAKEN
    node = problem.stock.node[rows]
    if (used[node] >= problem.nodes.cap_max[node]).all():
        return CAPACITY_FULL
    return NOT_COMPLETE if problem.orders.complete[order] else NOT_WORTH_IT
