"""A few orders together, exactly: a mixed integer program over their parcels, solved by HiGHS.

Whole numbers of parcels; rows say that no atom ships twice, that an order has not too many parcels, that ship-complete
orders ship whole, and what is left of stock and capacity, with overtime above the regular part.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from .choices import Table
from .plan import Plan, cost_of, lift, new_plan, put
from .prices import Prices, no_prices
from .search import node_use, parcel_fits

SMALL_ORDERS, SMALL_COLUMNS = 24, 3000
TURN = 1e-4  # cents: of equal plans that one in which who came first gets the place; all of them are less than a cent


def small_enough(table: Table) -> bool:
    """May the whole problem be one program."""
    return len(table.order_shape) <= SMALL_ORDERS and len(table.col_pair) <= SMALL_COLUMNS


@dataclass(frozen=True)
class Together:
    """Limits of nodes together: `nodes` by limit, and the `lines` in parcels that they may send."""

    nodes: np.ndarray
    lines: np.ndarray

    def of(self, node: int) -> list[int]:
        return np.flatnonzero(self.nodes[:, node]).tolist()


def plan_exactly(table: Table, together: Together | None = None) -> tuple[Plan, int]:
    """The best plan of all orders, and its cost, which is then the bound."""
    plan = new_plan(table)
    orders = np.arange(len(table.order_shape))
    improve_exactly(table, orders, plan, no_prices(table), together)
    return plan, cost_of(table, plan)


def improve_exactly(
    table: Table, orders: np.ndarray, plan: Plan, prices: Prices, together: Together | None = None
) -> None:
    """Lay `orders` anew, as well as can be with what the others leave."""
    for order in orders:
        lift(table, order, plan)
    model = _Model(table, plan, prices, together)
    alone = len(orders) == 1 and together is None and not prices.stock.any() and not prices.node.any()
    for order in orders:
        model.add_order(int(order), alone=alone)
    for order, states, columns in model.solve():
        _, laid = put(table, order, len(states), np.array(states), np.array(columns), plan)
        assert laid == len(states), "the program broke a limit"


class _Model:
    """The program while it is written: columns with their entries, rows by name."""

    def __init__(self, table: Table, plan: Plan, prices: Prices, together: Together | None) -> None:
        self.table, self.plan, self.prices, self.together = table, plan, prices, together
        self.cost, self.most, self.entries, self.what = [], [], [], []
        self.rows: dict[tuple, tuple[float, float]] = {}

    def add_order(self, order: int, *, alone: bool = False) -> None:
        """`alone`: no other order is in the program, and stock and capacity have no prices; then few nodes are enough."""
        table = self.table
        shape, start = table.order_shape[order], table.state_start[order]
        atoms, full = table.shape_atoms[shape], table.state_start[order + 1] - start - 1
        if full < 1:
            return
        digits = table.digit[table.shape_digit[shape] :][: (full + 1) * atoms].reshape(full + 1, atoms)
        complete = bool(table.order_complete[order])
        for atom in range(atoms):
            self.rows["atom", order, atom] = (
                0.0 if complete else -np.inf,
                0.0 if complete else digits[full, atom],
            )
        self.rows["parcels", order] = (-np.inf, float(table.order_parcels[order]))
        self._add_shipped(order, digits[full], complete)
        for state in range(1, full + 1):
            columns = range(table.col_start[start + state], table.col_end[start + state])
            for column in self._few(order, state, columns) if alone else columns:
                self._add_parcel(order, state, digits[state], column)

    def _few(self, order: int, state: int, columns: range) -> list[int]:
        """Cheapest first, until as many fit without overtime as the order may have parcels.

        A parcel elsewhere could move to one of these nodes that no other parcel of the order uses, for no more.
        """
        table, kept, free = self.table, [], 0
        flat = table.state_start[order] + state
        for column in columns:
            if free >= table.order_parcels[order]:
                break
            if parcel_fits(table, order, state, column, self.plan.stand):
                node = int(table.pair_node[table.col_pair[column]])
                use = node_use(table.node_unit[node], table.state_units[flat], table.state_lines[flat])
                kept.append(column)
                free += self.plan.stand.used[node] + use <= table.node_regular[node]
        return kept

    def _add_shipped(self, order: int, full: np.ndarray, complete: bool) -> None:
        """One where the order ships at all: it makes complete orders whole and gives back the first split's price."""
        split = float(self.table.order_split[order])
        if not complete and not split:
            return
        entries = {("shipped", order): 1.0}
        self.rows["shipped", order] = (-np.inf, 0.0)
        if complete:
            entries |= {("atom", order, atom): -float(digit) for atom, digit in enumerate(full)}
        self._add(-split, 1, entries, None)

    def _add_parcel(self, order: int, state: int, digits: np.ndarray, column: int) -> None:
        table = self.table
        flat, node = table.state_start[order] + state, int(table.pair_node[table.col_pair[column]])
        use = node_use(table.node_unit[node], table.state_units[flat], table.state_lines[flat])
        entries = {("atom", order, atom): float(digit) for atom, digit in enumerate(digits) if digit}
        entries |= {("parcels", order): 1.0, ("node", node): float(use)}
        if ("shipped", order) in self.rows:
            entries["shipped", order] = -1.0
        cost = float(table.col_cost[column] - table.state_value[flat] + table.order_split[order])
        cost += use * self.prices.node[node]
        for row, units in self._stock(order, digits, column).items():
            entries["row", row] = float(units)
            self.rows["row", row] = (-np.inf, float(self.plan.stand.left[row]))
            cost += units * self.prices.stock[row]
        for limit in self.together.of(node) if self.together else ():
            entries["together", limit] = float(table.state_lines[flat])
            self.rows["together", limit] = (-np.inf, float(self.together.lines[limit]))
        if self.together:
            cost += TURN * order
        self._add_node(node)
        self._add(cost, int(table.order_parcels[order]), entries, (order, state, column))

    def _stock(self, order: int, digits: np.ndarray, column: int) -> dict[int, int]:
        table, units = self.table, {}
        first, last = table.line_start[order : order + 2]
        at = table.row_start[order] + (table.col_pair[column] - table.pair_start[order]) * (last - first)
        for line in range(first, last):
            if wanted := int(digits[table.line_atom[line]] * table.line_unit[line]):
                row = int(table.pair_row[at + line - first])
                units[row] = units.get(row, 0) + wanted
        return units

    def _add_node(self, node: int) -> None:
        """Free uses, then overtime ones. Without overtime, what is beyond the regular part costs nothing."""
        if ("node", node) in self.rows:
            return
        table, used = self.table, int(self.plan.stand.used[node])
        regular = max(0, int(table.node_regular[node]) - used)
        self.rows["node", node] = (-np.inf, float(regular))
        more = int(table.node_max[node]) - max(used, int(table.node_regular[node]))
        if more > 0:
            price = max(0.0, float(table.node_overtime[node]) - self.prices.node[node])
            self._add(price, more, {("node", node): -1.0}, None)

    def _add(self, cost: float, most: int, entries: dict, what) -> None:
        self.cost.append(cost)
        self.most.append(float(most))
        self.entries.append(entries)
        self.what.append(what)

    def solve(self) -> list[tuple[int, list[int], list[int]]]:
        """Parcels by order as (order, states, columns)."""
        if not self.cost:
            return []
        solver = _solver(TURN / 100 if self.together else 0.5)
        solver.passModel(self._program())
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS ended with {solver.getModelStatus()}.")
        return self._parcels(np.rint(solver.getSolution().col_value).astype(int))

    def _program(self) -> highspy.HighsLp:
        names = {name: index for index, name in enumerate(self.rows)}
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(self.cost), len(names)
        program.col_cost_, program.col_upper_ = np.array(self.cost), np.array(self.most)
        program.col_lower_ = np.zeros(len(self.cost))
        limits = np.array(list(self.rows.values()), float)
        program.row_lower_, program.row_upper_ = limits[:, 0], limits[:, 1]
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_ = np.cumsum([0, *map(len, self.entries)])
        program.a_matrix_.index_ = np.array([names[key] for entry in self.entries for key in entry])
        program.a_matrix_.value_ = np.array([value for entry in self.entries for value in entry.values()])
        whole, real = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        program.integrality_ = [
            real if self._is_overtime(index) else whole for index in range(len(self.cost))
        ]
        return program

    def _is_overtime(self, index: int) -> bool:
        return self.what[index] is None and next(iter(self.entries[index]))[0] == "node"

    def _parcels(self, counts: np.ndarray) -> list[tuple[int, list[int], list[int]]]:
        found: dict[int, tuple[list[int], list[int]]] = {}
        for what, count in zip(self.what, counts, strict=True):
            if what and count:
                order, state, column = what
                states, columns = found.setdefault(order, ([], []))
                states.extend([state] * count)
                columns.extend([column] * count)
        return [(order, states, columns) for order, (states, columns) in found.items()]


def _solver(gap: float) -> highspy.Highs:
    solver = highspy.Highs()
    for name, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", gap)):
        solver.setOptionValue(name, value)
    return solver
