"""The best cut of every order at prices, all orders at once: `scan` and `combine` of `search` as numpy over flat arrays."""

from typing import NamedTuple

import numpy as np

from .arrays import runs
from .choices import Table
from .clashes import Chosen, Clashes
from .problem import IN_LINES, IN_UNITS

FAR = 1e18
CELLS = 2_000_000
SLICE = 300_000


class Uses(NamedTuple):
    """What parcels take: parcel, stock row and units of each line in one; and by parcel its node and use of that."""

    parcel: np.ndarray
    row: np.ndarray
    units: np.ndarray
    node: np.ndarray
    use: np.ndarray


def states_of_columns(table: Table) -> np.ndarray:
    """The flat state of each column."""
    filled = _filled(table)
    return np.repeat(filled, (table.col_end - table.col_start)[filled])


def _filled(table: Table) -> np.ndarray:
    """Flat states that have columns, in the order of these."""
    filled = np.flatnonzero(table.col_end > table.col_start)
    return filled[np.argsort(table.col_start[filled], kind="stable")]


def uses_of(table: Table, order: np.ndarray, column: np.ndarray, flat: np.ndarray) -> Uses:
    """Of parcels given by order, column and flat state."""
    lines = np.diff(table.line_start)[order]
    parcel = np.repeat(np.arange(len(column)), lines)
    line = runs(table.line_start[order], lines)
    shape = table.order_shape[order]
    digits = table.shape_digit[shape] + (flat - table.state_start[order]) * table.shape_atoms[shape]
    units = table.digit[digits[parcel] + table.line_atom[line]] * table.line_unit[line]
    pair = table.col_pair[column]
    cell = runs(table.row_start[order] + (pair - table.pair_start[order]) * lines, lines)
    held = np.flatnonzero(units)
    node = table.pair_node[pair].astype(np.int64)
    kind = table.node_unit[node]
    many = np.where(kind == IN_LINES, table.state_lines[flat], 1)
    use = np.where(kind == IN_UNITS, table.state_units[flat], many)
    return Uses(parcel[held], table.pair_row[cell[held]].astype(np.int64), units[held], node, use)


def order_of(table: Table, flat: np.ndarray) -> np.ndarray:
    """The order of each flat state."""
    return np.searchsorted(table.state_start, flat, side="right") - 1


def _packed_uses(table: Table, flat: np.ndarray):
    """Of all columns: node, use, then stock rows and units end to end, and where those of each column begin."""
    found = []
    for first in range(0, max(1, len(flat)), SLICE):
        column = np.arange(first, min(first + SLICE, len(flat)))
        uses = uses_of(table, order_of(table, flat[column]), column, flat[column])
        count = np.bincount(uses.parcel, minlength=len(column))
        found.append([side.astype(np.int32) for side in (uses.node, uses.use, uses.row, uses.units, count)])
    node, use, row, units, count = (np.concatenate(side) for side in zip(*found, strict=True))
    return node, use, row, units, np.cumsum(count, dtype=np.int64) - count


class Sweep:
    """A table made ready for `best`. A sweep costs about as much as reading all columns a few times."""

    def __init__(self, table: Table) -> None:
        self.table, self.flat = table, states_of_columns(table)
        self.filled = _filled(table)
        self.first = table.col_start[self.filled]
        self.node, self.use, self.row, self.units, self.at = _packed_uses(table, self.flat)
        self.value = table.state_value[self.filled]
        complete = table.order_complete[order_of(table, self.filled)]
        self.limit = np.where(complete, FAR, self.value)
        self.cuts = [_Cuts(table, *family) for family in _families(table)]
        self.most = max((int(cuts.most.max()) for cuts in self.cuts), default=0)
        self.clashes = Clashes(table)

    def best(self, stock_price: np.ndarray, node_price: np.ndarray, *, rough: bool = False) -> Chosen:
        """The cheapest cut of each order where each unit and each use costs its price on top.

        `rough`: parcels may clash (see `clashes`); quicker, and never dearer.
        """
        orders = len(self.table.order_shape)
        gain, count = np.zeros(orders), np.zeros(orders, np.int64)
        state = np.zeros((orders, self.most), np.int64)
        cost, low = self._cheapest(stock_price, node_price)
        alone = np.full(len(self.table.state_value), FAR)
        alone[self.filled] = np.where(low < self.limit, low - self.value, FAR)
        for cuts in self.cuts:
            cuts.choose(alone, gain, count, state)
        chosen = Chosen(gain, count, self._columns(count, state, cost, low))
        return chosen if rough else self.clashes.mend(chosen, self.flat, cost, alone)

    def _cheapest(self, stock_price, node_price):
        """The cost of each column at the prices, and of the cheapest of each state."""
        cost = self.table.col_cost + self.use * node_price[self.node]
        if not len(cost):
            return cost, np.zeros(0)
        cost += np.add.reduceat(stock_price[self.row] * self.units, self.at)
        return cost, np.minimum.reduceat(cost, self.first)

    def _columns(self, count, state, cost, low) -> np.ndarray:
        """The first of the cheapest columns of each chosen state."""
        column = np.zeros(state.shape, np.int64)
        inside = np.arange(state.shape[1]) < count[:, None]
        place = np.zeros(len(self.table.state_value), np.int64)
        place[self.filled] = np.arange(len(self.filled))
        place = place[state[inside]]
        ends = np.append(self.first, len(cost))
        sizes = ends[place + 1] - ends[place]
        of, candidate = np.repeat(np.arange(len(place)), sizes), runs(ends[place], sizes)
        column[inside] = candidate[_first(of, cost[candidate] == low[place][of])]
        return column


def _families(table: Table):
    """(shape, orders) of the orders that have states, in pieces that fit in memory."""
    ranked = np.argsort(table.order_shape, kind="stable")
    ranked = ranked[np.diff(table.state_start)[ranked] > 1]
    shapes, first = np.unique(table.order_shape[ranked], return_index=True)
    for shape, orders in zip(shapes, np.split(ranked, first[1:]), strict=True):
        at, states = table.shape_state[shape], np.diff(table.state_start)[orders[0]]
        parts = int(table.part_start[at + states] - table.part_start[at])
        pieces = -(-len(orders) * parts // CELLS)
        yield from ((shape, piece) for piece in np.array_split(orders, pieces))


def _first(of: np.ndarray, good: np.ndarray) -> np.ndarray:
    """The position of the first good entry of each group; every group has one."""
    at = np.flatnonzero(good)
    return at[np.diff(of[at], prepend=-1) > 0]


class _Cuts:
    """Orders of one shape. A total is the best gain of at most j parcels within a state, by order and state."""

    def __init__(self, table: Table, shape: int, orders: np.ndarray) -> None:
        at, self.orders = table.shape_state[shape], orders
        states = int(np.diff(table.state_start)[orders[0]])
        starts = table.part_start[at : at + states + 1]
        self.begin = starts - starts[0]
        self.part = table.part[starts[0] : starts[-1]]
        self.rest = np.repeat(np.arange(states), np.diff(starts)) - self.part
        self.flat = table.state_start[orders][:, None] + np.arange(states)
        self.most = np.minimum(table.order_parcels[orders], states - 1)
        self.complete = table.order_complete[orders].astype(bool)[:, None]
        self.split = table.order_split[orders].astype(float)[:, None]

    def choose(self, alone: np.ndarray, gain, count, state) -> None:
        """Fills in gain, count and flat states of these orders, given the gain of each flat state as one parcel."""
        offered = alone[self.flat][:, self.part]
        offered = np.where(self.complete | (offered < 0), offered, FAR)
        totals = self._totals(offered)
        level = np.minimum(self.most, len(totals) - 1)
        found = totals[level, np.arange(len(level)), -1]
        gain[self.orders] = np.minimum(found, 0.0)
        self._trace(np.flatnonzero(found < 0), level, offered, totals, count, state)

    def _totals(self, offered: np.ndarray) -> np.ndarray:
        """By number of parcels, as far as more of them make a difference."""
        totals = [np.where(self.complete, FAR, np.zeros(self.flat.shape))]
        totals[0][:, 0] = 0.0
        while len(totals) <= self.most.max():
            gains = _gains(offered, totals[-1][:, self.rest], self.rest > 0, self.split, self.complete)
            more = np.minimum.reduceat(gains, self.begin[1:-1], axis=1)
            more = np.minimum(totals[-1], np.concatenate([totals[0][:, :1], more], axis=1))
            if (more == totals[-1]).all():
                break
            totals.append(more)
        return np.stack(totals)

    def _trace(self, who, level, offered, totals, count, state) -> None:
        """Read the parcels back: from the most down, those that made a total smaller."""
        left = np.full(len(who), self.flat.shape[1] - 1)
        for j in range(len(totals) - 1, 0, -1):
            now = (left > 0) & (level[who] >= j) & (totals[j, who, left] < totals[j - 1, who, left])
            row, whole = who[now], left[now]
            part = self._parts_taken(row, whole, offered, totals[j - 1], totals[j, row, whole])
            order = self.orders[row]
            state[order, count[order]] = self.flat[row, part]
            count[order] += 1
            left[now] = whole - part
            ends = ~self.complete[who, 0] & (totals[j - 1, who, left] + self.split[who, 0] >= 0.0)
            left[now & ends] = 0

    def _parts_taken(self, row, whole, offered, before, after) -> np.ndarray:
        sizes = self.begin[whole + 1] - self.begin[whole]
        of, parts = np.repeat(np.arange(len(row)), sizes), runs(self.begin[whole], sizes)
        row = row[of]
        rest, split, complete = self.rest[parts], self.split[row, 0], self.complete[row, 0]
        gains = _gains(offered[row, parts], before[row, rest], rest > 0, split, complete)
        return self.part[parts[_first(of, gains == after[of])]]


def _gains(offered, rest, is_rest, split, complete) -> np.ndarray:
    """A parcel with the best of the rest, which may stay where the order need not be whole."""
    more = rest + split
    return offered + np.where(complete, np.where(is_rest, more, 0.0), np.minimum(more, 0.0))
