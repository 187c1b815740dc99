"""Patterns: whole plans of single orders (parcels; what is in none stays), the columns of a program over many orders."""

from typing import NamedTuple

import numpy as np

from .arrays import runs
from .prices import Prices, nothing_of
from .sweep import Sweep, uses_of


class Entries(NamedTuple):
    """What patterns take, as `Patterns` says."""

    pattern: np.ndarray
    key: np.ndarray
    units: np.ndarray


class Patterns:
    """A growing list without repeats.

    By pattern `order` and `cost` (all but overtime, unfilled units included). Entries (`entry_pattern`, `entry_key`,
    `entry_units`) say what patterns take; a key is a stock row, or a node after `rows`.
    """

    def __init__(self, sweep: Sweep) -> None:
        table = sweep.table
        self.table, self.rows = table, len(table.row_atp)
        self.keys = self.rows + len(table.node_max)
        self.supply = np.concatenate([table.row_atp, table.node_max])
        self.nothing, self.flat = nothing_of(table), sweep.flat
        self.order, self.cost = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.start, self.column = np.zeros(1, np.int64), np.zeros(0, np.int64)
        self.entry_pattern, self.entry_key, self.entry_units = (np.zeros(0, np.int64) for _ in range(3))
        self._hashes = np.zeros(0, np.uint64)

    def __len__(self) -> int:
        return len(self.order)

    def add_nothing(self) -> None:
        """For each order the pattern that ships nothing: with it a program over patterns always has a solution."""
        orders = len(self.nothing)
        self.add(np.zeros(orders, np.int64), np.zeros((orders, 0), np.int64))

    def add(self, count: np.ndarray, column: np.ndarray) -> int:
        """One pattern for each order, as `Chosen` and `Plan` have them; returns how many are new.

        Those that take more of something than there is are left out.
        """
        inside = np.arange(column.shape[1]) < count[:, None]
        hashes = _hash(column, inside, np.arange(len(count)))
        new = np.flatnonzero(~np.isin(hashes, self._hashes))
        entries = self._entries(new, count[new], column[new][inside[new]])
        broken = entries.pattern[entries.units > self.supply[entries.key]]
        if len(broken):
            new = np.delete(new, broken)
            entries = self._entries(new, count[new], column[new][inside[new]])
        self._hashes = np.concatenate([self._hashes, hashes[new]])
        self._append(new, count[new], column[new][inside[new]], entries)
        return len(new)

    def find(self, count: np.ndarray, column: np.ndarray) -> np.ndarray:
        """The pattern that each order has in a plan; all of them must have been added."""
        inside = np.arange(column.shape[1]) < count[:, None]
        hashes, ranked = _hash(column, inside, np.arange(len(count))), np.argsort(self._hashes, kind="stable")
        return ranked[np.searchsorted(self._hashes, hashes, sorter=ranked)]

    def _append(self, order: np.ndarray, count: np.ndarray, column: np.ndarray, entries: Entries) -> None:
        table, at = self.table, np.repeat(np.arange(len(order)), count)
        saved = table.state_value[self.flat[column]] - table.col_cost[column]
        saved = np.bincount(at, saved, minlength=len(order))
        split = table.order_split[order] * np.maximum(0, count - 1)
        self.entry_pattern = np.concatenate([self.entry_pattern, entries.pattern + len(self.order)])
        self.entry_key = np.concatenate([self.entry_key, entries.key])
        self.entry_units = np.concatenate([self.entry_units, entries.units])
        self.order = np.concatenate([self.order, order])
        self.cost = np.concatenate([self.cost, self.nothing[order] + split - saved.astype(np.int64)])
        self.start = np.concatenate([self.start, self.start[-1] + np.cumsum(count)])
        self.column = np.concatenate([self.column, column])

    def _entries(self, order: np.ndarray, count: np.ndarray, column: np.ndarray) -> Entries:
        """What each of these patterns takes. Two parcels of one may share a node or a stock row: one entry."""
        at = np.repeat(np.arange(len(order)), count)
        uses = uses_of(self.table, order[at], column, self.flat[column])
        stock = at[uses.parcel] * self.keys + uses.row
        entries, where = np.unique(
            np.concatenate([stock, at * self.keys + self.rows + uses.node]), return_inverse=True
        )
        units = np.bincount(where, np.concatenate([uses.units, uses.use]), minlength=len(entries))
        pattern, key = np.divmod(entries, self.keys)
        return Entries(pattern, key, units.astype(np.int64))

    def parcels(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the parcels of these patterns end to end, and how many each has."""
        count = (self.start[1:] - self.start[:-1])[chosen]
        return self.column[runs(self.start[chosen], count)], count

    def reduced_cost(self, prices: Prices) -> np.ndarray:
        """How much dearer each pattern is, at the prices, than the best known one of its order."""
        price = np.concatenate([prices.stock, prices.node])
        taken = np.bincount(self.entry_pattern, self.entry_units * price[self.entry_key], minlength=len(self))
        cost = self.cost + taken
        best = np.full(len(self.nothing), np.inf)
        np.minimum.at(best, self.order, cost)
        return cost - best[self.order]


def _hash(column: np.ndarray, inside: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The same for the same parcels in any sequence. Unequal patterns that meet cost us one of them, no more."""
    return np.where(inside, _mixed(column), np.uint64(0)).sum(axis=1, dtype=np.uint64) + _mixed(~order)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Scattered 64-bit numbers (the finalizer of splitmix64)."""
    mixed = numbers.astype(np.int64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
