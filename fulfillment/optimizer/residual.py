"""The residual program: the best choice among patterns nearly as cheap as their order's best, in whole numbers.

Orders with one such pattern only keep what they have. The others are cut into blocks of orders that want the same stock
and capacity; each block shares what the rest of the plan leaves, in one program solved by HiGHS. That ends where the gap is
small or the first branching would begin, never by the clock, so that equal input gives an equal plan.
"""

import highspy
import numpy as np

from .blocks import blocks_of
from .choices import Table
from .patterns import Patterns
from .plan import Plan, lift, put
from .search import Stand

BRANCHES = 1
SMALL = 2000  # orders: larger blocks that did not get better are tried in halves


def choose_patterns(
    table: Table, patterns: Patterns, plan: Plan, near: np.ndarray, *, slack: float, seed: int
) -> None:
    """Make `plan` cheaper in place, with patterns marked `near` and its own; `slack`: cents not worth the work."""
    now = patterns.find(plan.count, plan.column)
    near = near.copy()
    near[now] = True
    many = np.bincount(patterns.order[near], minlength=len(now)) > 1
    kept = np.flatnonzero(near & many[patterns.order])
    blocks = blocks_of(patterns, kept, seed)
    while blocks:  # each block is laid before the next is written
        orders = blocks.pop()
        inside = np.zeros(len(now), bool)
        inside[orders] = True
        for order in orders:
            lift(table, order, plan)
        mine = kept[inside[patterns.order[kept]]]
        chosen = _Program(table, patterns, mine, plan.stand).solve(now[orders], slack)
        _lay(table, patterns, chosen, plan)
        if len(orders) > SMALL and np.array_equal(chosen, now[orders]):  # too large to find anything
            blocks += [orders[::2], orders[1::2]]


def _lay(table: Table, patterns: Patterns, chosen: np.ndarray, plan: Plan) -> None:
    columns, counts = patterns.parcels(chosen)
    orders, ends = patterns.order[chosen], np.cumsum(counts)
    states = patterns.flat[columns] - np.repeat(table.state_start[orders], counts)
    for order, last, count in zip(orders, ends, counts, strict=True):
        mine = slice(last - count, last)
        _, laid = put(table, order, count, states[mine], columns[mine], plan)
        assert laid == count, "the program broke a limit"


class _Program:
    """Rows: one pattern an order; what is left of each stock row and node that the patterns together could exceed."""

    def __init__(self, table: Table, patterns: Patterns, kept: np.ndarray, stand: Stand) -> None:
        self.table, self.patterns, self.kept, self.stand = table, patterns, kept, stand
        self.orders, self.order = np.unique(patterns.order[kept], return_inverse=True)
        place = np.full(len(patterns), -1)
        place[kept] = np.arange(len(kept))
        at = np.flatnonzero(place[patterns.entry_pattern] >= 0)
        self.column, self.key = place[patterns.entry_pattern[at]], patterns.entry_key[at]
        self.units = patterns.entry_units[at]
        self.left = np.concatenate([stand.left, np.maximum(0, table.node_regular - stand.used)])
        self.bound = np.flatnonzero(self._most_units() > self.left)
        self.nodes = self.bound[self.bound >= patterns.rows] - patterns.rows

    def _most_units(self) -> np.ndarray:
        """By key, if each order took as much of it as any of its patterns does."""
        pairs, where = np.unique(self.order[self.column] * self.patterns.keys + self.key, return_inverse=True)
        most = np.zeros(len(pairs))
        np.maximum.at(most, where, self.units)
        return np.bincount(pairs % self.patterns.keys, most, minlength=self.patterns.keys)

    def solve(self, start: np.ndarray, slack: float) -> np.ndarray:
        """The chosen pattern of each order; `start` is what they had."""
        solver = _solver(slack)
        solver.passModel(self._model())
        solver.setSolution(self._solution(start))
        solver.run()
        taken = np.array(solver.getSolution().col_value)[: len(self.kept)]
        chosen = self.kept[taken > 0.5]
        chosen = chosen[np.argsort(self.patterns.order[chosen], kind="stable")]
        return chosen if np.array_equal(self.patterns.order[chosen], self.orders) else start

    def _model(self) -> highspy.HighsLp:
        table, kept, nodes = self.table, len(self.kept), self.nodes
        model, orders, bound = highspy.HighsLp(), len(self.orders), self.bound
        model.num_col_, model.num_row_ = kept + len(nodes), orders + len(bound)
        model.col_cost_ = np.concatenate([self.patterns.cost[self.kept], table.node_overtime[nodes]])
        model.col_lower_ = np.zeros(model.num_col_)
        used = np.maximum(self.stand.used, table.node_regular)[nodes]
        model.col_upper_ = np.concatenate([np.ones(kept), np.maximum(0, table.node_max[nodes] - used)])
        model.row_lower_ = np.concatenate([np.ones(orders), np.full(len(bound), -np.inf)])
        model.row_upper_ = np.concatenate([np.ones(orders), self.left[bound]])
        whole, real = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        model.integrality_ = [whole] * kept + [real] * len(nodes)
        self._fill(model.a_matrix_)
        return model

    def _fill(self, matrix) -> None:
        """By column: patterns, then overtime uses of nodes."""
        kept, orders = len(self.kept), len(self.orders)
        row = np.full(self.patterns.keys, -1)
        row[self.bound] = orders + np.arange(len(self.bound))
        at = np.flatnonzero(row[self.key] >= 0)
        over = row[self.patterns.rows + self.nodes]
        columns = np.concatenate([np.arange(kept), self.column[at], kept + np.arange(len(over))])
        rows = np.concatenate([self.order, row[self.key[at]], over])
        units = np.concatenate([np.ones(kept), self.units[at], -np.ones(len(over))])
        ranked = np.lexsort((rows, columns))
        matrix.format_ = highspy.MatrixFormat.kColwise
        matrix.start_ = np.searchsorted(columns[ranked], np.arange(kept + len(over) + 1))
        matrix.index_, matrix.value_ = rows[ranked], units[ranked]

    def _solution(self, start: np.ndarray) -> highspy.HighsSolution:
        taken = np.isin(self.kept, start)
        uses = np.bincount(self.key, self.units * taken[self.column], minlength=self.patterns.keys)
        over = np.maximum(0, uses - self.left)[self.patterns.rows + self.nodes]
        solution = highspy.HighsSolution()
        solution.col_value = np.concatenate([taken, over]).tolist()
        return solution


def _solver(slack: float) -> highspy.Highs:
    solver = highspy.Highs()
    options = {
        "output_flag": False, "threads": 1, "mip_rel_gap": 0.0, "mip_abs_gap": slack,
        "mip_max_nodes": BRANCHES, "mip_allow_restart": False,
    }  # fmt: skip
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver
