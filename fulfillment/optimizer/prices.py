"""Prices of shared stock and capacity, and the bound that they prove.

Source: fulfillment-optimization 1.5 and 1.6 B. After each sweep over all orders the stock that they chose gets dearer
by its share of what there is, and all stock of their SKUs cheaper by its share of the demand; capacity likewise. The
mean of the last epochs is used. Any prices give a valid bound.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .choices import Table
from .sweep import Chosen, Sweep, uses_of

LAST = 0.4  # the share of epochs that the mean is taken over


class Prices(NamedTuple):
    """Cents a unit by stock row, and a use by node."""

    stock: np.ndarray
    node: np.ndarray


def no_prices(table: Table) -> Prices:
    return Prices(np.zeros(len(table.row_atp)), np.zeros(len(table.node_max)))


def find_prices(sweep: Sweep, epochs: int, start: Prices | None = None) -> Prices:
    """Average prices of the last epochs."""
    mean, kept = no_prices(sweep.table), 0
    for epoch, prices, _ in run_epochs(sweep, epochs, start):
        if is_late(epoch, epochs):
            kept += 1
            mean.stock[:] += (prices.stock - mean.stock) / kept
            mean.node[:] += (prices.node - mean.node) / kept
    return mean


def is_late(epoch: int, epochs: int) -> bool:
    return epoch >= epochs - max(1, int(LAST * epochs))


def run_epochs(
    sweep: Sweep, epochs: int, start: Prices | None = None
) -> Iterator[tuple[int, Prices, Chosen]]:
    """Yields the epoch, the prices after it and what the orders chose at those before it."""
    market, prices = _Market(sweep), start or no_prices(sweep.table)
    step = 0.15 * usual_cost(sweep.table)
    for epoch in range(epochs):
        chosen = sweep.best(prices.stock, prices.node, rough=True)
        prices = market.after(prices, chosen, step * 0.84 ** (epoch * 16.0 / epochs))
        yield epoch, prices, chosen


def usual_cost(table: Table) -> float:
    """The median over orders and states of the cheapest parcel: the scale of prices."""
    has = table.col_end > table.col_start
    return float(np.median(table.col_cost[table.col_start[has]])) if has.any() else 1.0


class _Market:
    """Demand against what there is. Stock rows that all demand together cannot exhaust stay free."""

    def __init__(self, sweep: Sweep) -> None:
        table = sweep.table
        demand = np.bincount(table.line_sku, table.line_quantity, minlength=len(table.sku_start) - 1)
        self.table, self.flat = table, sweep.flat
        self.rows = np.flatnonzero(demand[table.row_sku] > table.row_atp)
        self.size = table.row_atp[self.rows]

    def after(self, prices: Prices, chosen: Chosen, rate: float) -> Prices:
        table, (units, uses) = self.table, self._taken(chosen)
        stock = np.zeros_like(prices.stock)
        rise = units[self.rows] / np.maximum(1, self.size) - 1.0
        stock[self.rows] = np.maximum(0.0, prices.stock[self.rows] + rate * rise)
        limit = np.where(prices.node < table.node_overtime, table.node_regular, table.node_max)
        node = np.maximum(0.0, prices.node + rate * (uses / np.maximum(1, limit) - 1.0))
        return Prices(stock, node)

    def _taken(self, chosen: Chosen):
        """Units by stock row and uses by node."""
        order = np.repeat(np.arange(len(chosen.count)), chosen.count)
        column = chosen.column[np.arange(chosen.column.shape[1]) < chosen.count[:, None]]
        uses = uses_of(self.table, order, column, self.flat[column])
        units = np.bincount(uses.row, uses.units, minlength=len(self.table.row_atp))
        return units, np.bincount(uses.node, uses.use, minlength=len(self.table.node_max))


def bound_of(sweep: Sweep, prices: Prices) -> tuple[float, Chosen]:
    """What no plan can be below, and what each order alone would choose at these prices."""
    chosen = sweep.best(prices.stock, prices.node)
    return float(nothing_of(sweep.table).sum()) + float(chosen.gain.sum()) - rent(sweep.table, prices), chosen


def nothing_of(table: Table) -> np.ndarray:
    """What each order costs when nothing of it ships."""
    has = np.diff(table.state_start) > 1
    nothing = np.zeros(len(has), np.int64)
    nothing[has] = table.state_value[table.state_start[1:][has] - 1]
    return nothing


def rent(table: Table, prices: Prices) -> float:
    """What stock and capacity are worth at the prices."""
    above = np.maximum(0.0, prices.node - table.node_overtime)
    capacity = prices.node * table.node_regular + above * (table.node_max - table.node_regular)
    return float((prices.stock * table.row_atp).sum()) + float(capacity.sum())
