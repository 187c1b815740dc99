"""Parcels of one order that clash: each fits at its node, together they take more of it than there is.

A sweep picks parcels apart from each other, so a line that may be split can seem to find its two units in two parcels from
the node that has one. No plan can do that; orders where the sweep did are cut again by a search that counts together.
Where that takes too long the first cut stays: it costs no more than any plan, so what it proves is valid.
"""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .search import FAR, node_use

STEPS, PARTS = 1000, 20_000  # of the search for one order; pairs of a state and a part that it may look at


class Chosen(NamedTuple):
    """By order: the gain over shipping nothing, how many parcels, and their columns (orders x most parcels)."""

    gain: np.ndarray
    count: np.ndarray
    column: np.ndarray


class Clashes:
    """Finds and mends them. Orders that took too long once are not tried again."""

    def __init__(self, table: Table) -> None:
        self.table = table
        size, at = np.diff(table.state_start), table.shape_state[table.order_shape]
        parts = table.part_start[at + size] - table.part_start[at]
        self.tried = parts * np.minimum(table.order_parcels, size) <= PARTS

    def mend(self, chosen: Chosen, flat: np.ndarray, cost: np.ndarray, alone: np.ndarray) -> Chosen:
        """`chosen` in place, where orders that clash have their best cut that does not.

        By column: `flat` state and `cost` at the prices; `alone`: the best gain of each flat state as one parcel.
        """
        for order in self._same_node_twice(chosen):
            parcels = chosen.column[order, : chosen.count[order]]
            cut = _Cut(self.table, int(order), cost, alone)
            if not cut.clash([(int(flat[column]) - cut.start, int(column)) for column in parcels]):
                continue
            self.tried[order] = cut.search()
            if self.tried[order]:
                columns = [column for _, column in cut.found]
                chosen.gain[order], chosen.count[order] = cut.best, len(columns)
                chosen.column[order, : len(columns)] = columns
        return chosen

    def _same_node_twice(self, chosen: Chosen) -> np.ndarray:
        many = np.flatnonzero((chosen.count > 1) & self.tried)
        inside = np.arange(chosen.column.shape[1]) < chosen.count[many, None]
        node = self.table.pair_node[self.table.col_pair[chosen.column[many]]]
        node = np.sort(np.where(inside, node, -1 - np.arange(inside.shape[1])), axis=1)
        return many[(np.diff(node, axis=1) == 0).any(axis=1)]


class _Cut:
    """One order at prices: the best set of parcels (state, column) that do not clash, found by branch and bound."""

    def __init__(self, table: Table, order: int, cost: np.ndarray, alone: np.ndarray) -> None:
        self.table, self.order, self.cost = table, order, cost
        self.start, self.shape = int(table.state_start[order]), int(table.order_shape[order])
        self.full = int(table.state_start[order + 1]) - self.start - 1
        self.most = min(int(table.order_parcels[order]), self.full)
        self.complete, self.split = bool(table.order_complete[order]), float(table.order_split[order])
        self.alone = alone[self.start : self.start + self.full + 1].tolist()
        self.best, self.found, self.steps = 0.0, [], 0
        self.known: dict = {}
        self.node: dict[int, int] = {}  # by column that was looked at

    def clash(self, parcels: list[tuple[int, int]]) -> bool:
        """Do those of one node take more of it or of a stock row than there is."""
        used: dict = {}
        for state, column in parcels:
            for key, amount in self._takes(state, column):
                used[key] = used.get(key, 0) + amount
        return any(amount > self._most(*key) for key, amount in used.items())

    def _clashes(self, state: int, column: int, others: list[tuple[int, int]]) -> bool:
        """Does one more parcel clash with those of its node."""
        node = self.node[column]
        same = [other for other in others if self.node[other[1]] == node]
        return bool(same) and self.clash([*same, (state, column)])

    def _takes(self, state: int, column: int) -> list[tuple[tuple[bool, int], int]]:
        """((is it a node, node or row), amount)."""
        if (known := self.known.get(column)) is not None:
            return known
        table, order, flat = self.table, self.order, self.start + state
        first, last = int(table.line_start[order]), int(table.line_start[order + 1])
        node = int(table.pair_node[table.col_pair[column]])
        at = table.row_start[order] + (table.col_pair[column] - table.pair_start[order]) * (last - first)
        use = node_use(table.node_unit[node], table.state_units[flat], table.state_lines[flat])
        digit = int(table.shape_digit[self.shape] + state * table.shape_atoms[self.shape])
        found = [((True, node), int(use))]
        for line in range(first, last):
            if units := int(table.digit[digit + table.line_atom[line]] * table.line_unit[line]):
                found.append(((False, int(table.pair_row[at + line - first])), units))
        self.known[column] = found
        return found

    def _most(self, is_node: bool, key: int) -> int:
        return int(self.table.node_max[key] if is_node else self.table.row_atp[key])

    def search(self) -> bool:
        """Fills `best` and `found`; False where the steps did not suffice."""
        self._go(self.full, self.most, self.full, [], 0.0)
        return self.steps <= STEPS

    def _go(self, rest: int, parcels: int, largest: int, chosen: list, gain: float) -> None:
        """Parcels in falling order of states, each from one of the cheapest nodes, as many as there may be parcels:

        whoever ships from another node could ship from one of these that no other parcel of the order uses.
        """
        self.steps += 1
        if gain < self.best and (rest == 0 or not self.complete):
            self.best, self.found = gain, chosen
        if not parcels or not rest or self.steps > STEPS:
            return
        before = gain + (self.split if chosen else 0.0)
        hopes = [
            (self.alone[part] + self._hope(rest - part, parcels - 1), part)
            for part in self._parts(rest)
            if part <= largest
        ]
        for hope, part in sorted(hopes):
            if before + hope >= self.best:
                return
            for column, cents in self._cheapest(part):
                if before + hope - self.alone[part] + cents >= self.best:
                    break
                if not self._clashes(part, column, chosen):
                    now = [*chosen, (part, column)]
                    self._go(rest - part, parcels - 1, part, now, before + cents)

    def _parts(self, state: int) -> list[int]:
        """Those that may be a parcel."""
        if (known := self.known.get(("parts", state))) is None:
            at = int(self.table.shape_state[self.shape]) + state
            parts = self.table.part[self.table.part_start[at] : self.table.part_start[at + 1]].tolist()
            limit = FAR if self.complete else 0.0
            known = self.known["parts", state] = [part for part in parts if self.alone[part] < limit]
        return known

    def _hope(self, rest: int, parcels: int) -> float:
        """What further parcels within `rest` gain at best, clashes aside."""
        if not rest:
            return 0.0
        if not parcels:
            return FAR if self.complete else 0.0
        if (known := self.known.get((rest, parcels))) is None:
            gains = (
                self.split + self.alone[part] + self._hope(rest - part, parcels - 1)
                for part in self._parts(rest)
            )
            known = self.known[rest, parcels] = min(gains, default=FAR)
            if not self.complete:
                known = self.known[rest, parcels] = min(0.0, known)
        return known

    def _cheapest(self, state: int) -> list[tuple[int, float]]:
        """Columns of a state and their gains, cheapest first."""
        if (known := self.known.get(("columns", state))) is None:
            flat = self.start + state
            first, last = int(self.table.col_start[flat]), int(self.table.col_end[flat])
            gains = self.cost[first:last] - self.table.state_value[flat]
            ranked = np.argsort(gains, kind="stable")[: self.most]
            known = self.known["columns", state] = [(first + int(at), float(gains[at])) for at in ranked]
            nodes = self.table.pair_node[self.table.col_pair[first + ranked]].tolist()
            self.node |= zip((column for column, _ in known), nodes, strict=True)
        return known
