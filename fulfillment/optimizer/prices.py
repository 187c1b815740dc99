"""Prices of shared stock and capacity, and the bound that they prove.

Source: fulfillment-optimization 1.5 and 1.6 B. After each order the stock it chose gets dearer by its share of what
there is, and all stock of its SKUs cheaper by its share of the demand; capacity likewise. The mean of the last epochs
is used. Any prices give a valid bound.
"""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .jit import kernel
from .search import combine, new_desk, node_use, scan


class Prices(NamedTuple):
    """Cents a unit by stock row, and a use by node."""

    stock: np.ndarray
    node: np.ndarray


class Market(NamedTuple):
    """Demand by SKU and in sum, and the rows of each SKU that demand could exhaust."""

    demand: np.ndarray
    total: float
    start: np.ndarray
    rows: np.ndarray
    binds: np.ndarray
    due: np.ndarray


def no_prices(table: Table) -> Prices:
    return Prices(np.zeros(len(table.row_atp)), np.zeros(len(table.node_max)))


def market_of(table: Table) -> Market:
    skus = len(table.sku_start) - 1
    demand = np.bincount(table.line_sku, table.line_quantity, minlength=skus)
    binds = demand[table.row_sku] > table.row_atp
    rows = np.flatnonzero(binds)
    start = np.searchsorted(table.row_sku[rows], np.arange(skus + 1))
    return Market(demand, float(demand.sum()), start, rows, binds, np.zeros(skus))


def find_prices(table: Table, epochs: int, seed: int, start: Prices | None = None) -> Prices:
    """Average prices of the last two fifths of `epochs`."""
    market, desk = market_of(table), new_desk(table)
    prices = no_prices(table) if start is None else Prices(start.stock.copy(), start.node.copy())
    mean, kept = no_prices(table), max(1, int(0.4 * epochs))
    step = 0.15 * usual_cost(table)
    random = np.random.default_rng([seed, 71])
    for epoch in range(epochs):
        rate = step * 0.84 ** (epoch * 16.0 / epochs)
        run_epoch(table, market, random.permutation(len(table.order_shape)), rate, prices, desk)
        if epoch >= epochs - kept:
            mean.stock[:] += prices.stock / kept
            mean.node[:] += prices.node / kept
    return mean


def usual_cost(table: Table) -> float:
    """The median over orders and states of the cheapest parcel: the scale of prices."""
    has = table.col_end > table.col_start
    return float(np.median(table.col_cost[table.col_start[has]])) if has.any() else 1.0


@kernel
def run_epoch(t, market, sequence, rate, prices, desk):
    waiting = 0.0
    for seen, o in enumerate(sequence):
        scan(t, o, prices.stock, prices.node, desk)
        _, count = combine(t, o, 1_000_000, desk)
        for j in range(count):
            raise_parcel(t, o, desk.state[j], desk.chosen[j], market, rate, prices)
        for line in range(t.line_start[o], t.line_start[o + 1]):
            lower_sku(t, t.line_sku[line], t.line_quantity[line], market, rate, prices)
            waiting += t.line_quantity[line]
        if seen % 16 == 15:
            lower_nodes(t, rate * waiting / market.total, prices)
            waiting = 0.0
    if waiting > 0.0:
        lower_nodes(t, rate * waiting / market.total, prices)


@kernel
def raise_parcel(t, o, state, c, market, rate, prices):
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines = t.line_start[o + 1] - first_line
    digit = t.shape_digit[shape] + state * t.shape_atoms[shape]
    flat, pair = t.state_start[o] + state, t.col_pair[c]
    node = t.pair_node[pair]
    use = node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
    kink = float(t.node_overtime[node])
    limit = t.node_regular[node] if prices.node[node] < kink else t.node_max[node]
    prices.node[node] += rate * use / max(1, limit)
    at = t.row_start[o] + (pair - t.pair_start[o]) * lines
    for line in range(lines):
        d = t.digit[digit + t.line_atom[first_line + line]]
        row = t.pair_row[at + line]
        if d > 0 and market.binds[row]:
            prices.stock[row] += rate * d * t.line_unit[first_line + line] / t.row_atp[row]


@kernel
def lower_sku(t, sku, quantity, market, rate, prices):
    """Less for all rows of the SKU, at once for a sixteenth of its demand: rows are many, orders too."""
    market.due[sku] += rate * quantity / market.demand[sku]
    if market.due[sku] < rate / 16.0:
        return
    for at in range(market.start[sku], market.start[sku + 1]):
        row = market.rows[at]
        prices.stock[row] = max(0.0, prices.stock[row] - market.due[sku])
    market.due[sku] = 0.0


@kernel
def lower_nodes(t, less, prices):
    for node in range(len(prices.node)):
        prices.node[node] = max(0.0, prices.node[node] - less)


@kernel
def sum_minima(t, stock_price, node_price, gains, desk):
    """The cheapest cost of each order at the prices, as gain over nothing."""
    for o in range(len(t.order_shape)):
        scan(t, o, stock_price, node_price, desk)
        gains[o], _ = combine(t, o, 1_000_000, desk)


def bound_of(table: Table, prices: Prices) -> tuple[float, np.ndarray]:
    """What no plan can be below, and the gain of each order at these prices."""
    gains = np.zeros(len(table.order_shape))
    sum_minima(table, prices.stock, prices.node, gains, new_desk(table))
    full = table.state_start[1:] - 1
    nothing = np.where(np.diff(table.state_start) > 1, table.state_value[full], 0).sum() if len(full) else 0
    return float(nothing) + float(gains.sum()) - rent(table, prices), gains


def rent(table: Table, prices: Prices) -> float:
    """What stock and capacity are worth at the prices."""
    above = np.maximum(0.0, prices.node - table.node_overtime)
    capacity = prices.node * table.node_regular + above * (table.node_max - table.node_regular)
    return float((prices.stock * table.row_atp).sum()) + float(capacity.sum())
