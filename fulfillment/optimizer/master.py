"""The restricted master: the linear program over the patterns known so far, solved by HiGHS, which gives their prices.

Rows: one pattern (in parts) for each order; uses of a node, with overtime above the regular part; units of a stock row,
written only once a solution breaks it.
"""

import highspy
import numpy as np

from .choices import Table
from .patterns import Patterns
from .prices import Prices

LOOSE = 1e-6


class OutOfWork(Exception):
    """The program took more steps than it may."""


class Master:
    """Grows with its patterns; each solution starts from the one before. `taken`: by pattern, the part in use."""

    def __init__(self, table: Table, patterns: Patterns, stock: np.ndarray, steps: int) -> None:
        """`stock`: rows to write at once. `steps`: simplex iterations that all solutions together may take."""
        self.table, self.patterns, self.steps = table, patterns, steps
        orders, self.nodes = len(table.order_shape), np.flatnonzero(_may_bind(table))
        self.row = np.full(patterns.keys, -1)
        self.row[patterns.rows + self.nodes] = orders + np.arange(len(self.nodes))
        self.rows, self.known = orders + len(self.nodes), 0
        self.taken = np.zeros(0)
        self.solver = _solver()
        self._write_frame(orders)
        self._write_stock(stock)

    def _write_frame(self, orders: int) -> None:
        table, nodes = self.table, self.nodes
        low = np.concatenate([np.ones(orders), np.full(len(nodes), -np.inf)])
        high = np.concatenate([np.ones(orders), table.node_regular[nodes]])
        none = np.zeros(0)
        self.solver.addRows(self.rows, low, high, 0, np.zeros(self.rows), none, none)
        more = table.node_max[nodes] - table.node_regular[nodes]
        size, at = len(nodes), np.arange(len(nodes))
        self.solver.addCols(
            size, table.node_overtime[nodes], np.zeros(size), more, size, at, orders + at, -np.ones(size)
        )

    def _write_stock(self, stock: np.ndarray) -> None:
        """Rows for stock that have none yet."""
        patterns = self.patterns
        self.row[stock] = self.rows + np.arange(len(stock))
        at = np.flatnonzero(
            (patterns.entry_pattern < self.known) & (self.row[patterns.entry_key] >= self.rows)
        )
        at = at[np.argsort(self.row[patterns.entry_key[at]], kind="stable")]
        start = np.searchsorted(self.row[patterns.entry_key[at]], self.rows + np.arange(len(stock)))
        column = patterns.entry_pattern[at] + len(self.nodes)
        low, high = np.full(len(stock), -np.inf), self.table.row_atp[stock]
        self.solver.addRows(len(stock), low, high, len(at), start, column, patterns.entry_units[at])
        self.rows += len(stock)

    def _write_patterns(self) -> None:
        patterns, first = self.patterns, self.known
        size = len(patterns) - first
        at = np.flatnonzero((patterns.entry_pattern >= first) & (self.row[patterns.entry_key] >= 0))
        column = np.concatenate([np.arange(size), patterns.entry_pattern[at] - first])
        row = np.concatenate([patterns.order[first:], self.row[patterns.entry_key[at]]])
        units = np.concatenate([np.ones(size), patterns.entry_units[at]])
        ranked = np.lexsort((row, column))
        start = np.searchsorted(column[ranked], np.arange(size))
        self.solver.addCols(
            size, patterns.cost[first:], np.zeros(size), np.full(size, np.inf),
            len(ranked), start, row[ranked], units[ranked],
        )  # fmt: skip
        self.known = len(patterns)

    def solve(self) -> tuple[float, Prices]:
        """The cost over all patterns known now, and the prices there. Raises OutOfWork."""
        self._write_patterns()
        while True:
            cost = self._run()
            broken = self._broken_stock()
            if not len(broken):
                return cost, self._prices()
            self._write_stock(broken)

    def _run(self) -> float:
        self.solver.setOptionValue("simplex_iteration_limit", max(0, self.steps))
        self.solver.run()
        info = self.solver.getInfo()
        self.steps -= info.simplex_iteration_count
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise OutOfWork(f"HiGHS ended with {self.solver.getModelStatus()}.")
        self.taken = np.array(self.solver.getSolution().col_value)[len(self.nodes) :]
        return info.objective_function_value

    def _broken_stock(self) -> np.ndarray:
        patterns = self.patterns
        units = patterns.entry_units * self.taken[patterns.entry_pattern]
        units = np.bincount(patterns.entry_key, units, minlength=patterns.keys)[: patterns.rows]
        return np.flatnonzero((units > self.table.row_atp + LOOSE) & (self.row[: patterns.rows] < 0))

    def _prices(self) -> Prices:
        dual = np.append(-np.array(self.solver.getSolution().row_dual), 0.0)  # row -1: no price
        price = np.maximum(0.0, dual[self.row])
        return Prices(price[: self.patterns.rows], price[self.patterns.rows :])


def _may_bind(table: Table) -> np.ndarray:
    """Nodes whose regular capacity all demand together could exceed."""
    return table.node_regular < table.line_quantity.sum()


def _solver() -> highspy.Highs:
    solver = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1)):
        solver.setOptionValue(name, value)
    return solver
