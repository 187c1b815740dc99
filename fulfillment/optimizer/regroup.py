"""Large neighborhood search: an order that paid more than its prices say is laid anew with those who stand in its way."""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .costing import shipped_of
from .jit import kernel
from .plan import Plan, lift, place, put
from .prices import Prices
from .search import combine, new_desk, node_use, parcel_fits, scan

GROUP = 10
LCG_FACTOR, LCG_STEP, LCG_SIZE = 1_103_515_245, 12_345, 2**31


class Users(NamedTuple):
    """Who ships from a stock row, and from a node; as it was when the pass began."""

    row_start: np.ndarray
    row_order: np.ndarray
    node_start: np.ndarray
    node_order: np.ndarray


class Bench(NamedTuple):
    """Scratch: the orders taken out, whether an order is among them, what they had, a random number."""

    group: np.ndarray
    inside: np.ndarray
    count: np.ndarray
    state: np.ndarray
    column: np.ndarray
    random: np.ndarray


def regroup(table: Table, prices: Prices, gains: np.ndarray, plan: Plan, passes: int, seed: int) -> None:
    """Make `plan` cheaper in place; it never gets dearer. `gains` are those of the orders alone at the prices."""
    desk, bench, random = new_desk(table), _new_bench(plan, seed), np.random.default_rng([seed, 73])
    for _ in range(passes):
        excess = np.zeros(len(plan.count))
        measure_excess(table, prices.stock, prices.node, gains, plan, excess)
        late = random.permutation(np.flatnonzero(excess > 1.0))
        regroup_around(table, late, prices.stock, prices.node, users_of(table, plan), plan, desk, bench)


def _new_bench(plan: Plan, seed: int) -> Bench:
    shape = (GROUP, plan.state.shape[1])
    whole = np.int64
    return Bench(
        np.zeros(GROUP, whole),
        np.zeros(len(plan.count), np.bool_),
        np.zeros(GROUP, whole),
        np.zeros(shape, whole),
        np.zeros(shape, whole),
        np.array([seed * 7919 % LCG_SIZE + 1], whole),
    )


def users_of(table: Table, plan: Plan) -> Users:
    shipped = shipped_of(table, plan)
    node = shipped.node[shipped.alloc_parcel]
    order = shipped.order[shipped.alloc_parcel]
    size = len(table.node_max)
    keys = table.row_sku * size + table.row_node
    row = np.searchsorted(keys, table.line_sku[shipped.alloc_line] * size + node)
    return Users(*_grouped(row, order, len(keys)), *_grouped(shipped.node, shipped.order, size))


def _grouped(key: np.ndarray, order: np.ndarray, size: int):
    ranked = np.argsort(key, kind="stable")
    return np.searchsorted(key[ranked], np.arange(size + 1)), order[ranked]


@kernel
def charge(t, o, state, c, stock_price, node_price):
    """What a parcel takes, at the prices."""
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines = t.line_start[o + 1] - first_line
    digit = t.shape_digit[shape] + state * t.shape_atoms[shape]
    flat, pair = t.state_start[o] + state, t.col_pair[c]
    node = t.pair_node[pair]
    total = node_price[node] * node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
    at = t.row_start[o] + (pair - t.pair_start[o]) * lines
    for line in range(lines):
        d = t.digit[digit + t.line_atom[first_line + line]]
        if d > 0:
            total += d * t.line_unit[first_line + line] * stock_price[t.pair_row[at + line]]
    return total


@kernel
def measure_excess(t, stock_price, node_price, gains, plan, excess):
    """How much more each order pays, at the prices, than it would alone."""
    for o in range(len(plan.count)):
        full = t.state_start[o + 1] - 1
        nothing = t.state_value[full] if full > t.state_start[o] else 0
        paid = float(plan.cost[o] - nothing)
        for j in range(plan.count[o]):
            paid += charge(t, o, plan.state[o, j], plan.column[o, j], stock_price, node_price)
        excess[o] = paid - gains[o]


@kernel
def draw(bench, size):
    """A random number below `size`, the same with and without numba."""
    bench.random[0] = (bench.random[0] * LCG_FACTOR + LCG_STEP) % LCG_SIZE
    return (bench.random[0] >> 8) % size


@kernel
def invite(start, order, key, most, size, bench):
    """Up to `most` random users of a row or node join the group; returns its new size."""
    users = start[key + 1] - start[key]
    for _ in range(min(most, users)):
        other = order[start[key] + draw(bench, users)]
        if size < GROUP and not bench.inside[other]:
            bench.group[size], bench.inside[other] = other, True
            size += 1
    return size


@kernel
def gather(t, o, stock_price, node_price, users, plan, desk, bench):
    """The order and those who hold what it would take at the prices."""
    bench.group[0], bench.inside[o] = o, True
    size = 1
    scan(t, o, stock_price, node_price, desk)
    _, count = combine(t, o, 1_000_000, desk)
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines = t.line_start[o + 1] - first_line
    for j in range(count):
        state, c = desk.state[j], desk.chosen[j]
        pair = t.col_pair[c]
        node = t.pair_node[pair]
        digit = t.shape_digit[shape] + state * t.shape_atoms[shape]
        at = t.row_start[o] + (pair - t.pair_start[o]) * lines
        if not parcel_fits(t, o, state, c, plan.stand) or plan.stand.used[node] >= t.node_regular[node]:
            size = invite(users.node_start, users.node_order, node, 3, size, bench)
        for line in range(lines):
            d = t.digit[digit + t.line_atom[first_line + line]]
            row = t.pair_row[at + line]
            if d > 0 and plan.stand.left[row] < d * t.line_unit[first_line + line]:
                size = invite(users.row_start, users.row_order, row, 3, size, bench)
    for j in range(plan.count[o]):
        node = t.pair_node[t.col_pair[plan.column[o, j]]]
        size = invite(users.node_start, users.node_order, node, 1, size, bench)
    return size


@kernel
def regroup_around(t, orders, stock_price, node_price, users, plan, desk, bench):
    """One try for each of `orders`; what does not pay is put back as it was."""
    for o in orders:
        size = gather(t, o, stock_price, node_price, users, plan, desk, bench)
        saved = 0
        for at in range(size):
            other = bench.group[at]
            bench.count[at] = plan.count[other]
            for j in range(plan.count[other]):
                bench.state[at, j], bench.column[at, j] = plan.state[other, j], plan.column[other, j]
            saved += lift(t, other, plan)
        share, turn = 0.25 * draw(bench, 5), draw(bench, 2) * draw(bench, size)
        added = 0
        for at in range(size):
            other = bench.group[(at + turn) % size]
            added += place(t, other, stock_price, node_price, share, plan, desk)
        if added > saved:
            for at in range(size):
                lift(t, bench.group[at], plan)
        for at in range(size):
            other = bench.group[at]
            bench.inside[other] = False
            if added > saved:
                put(t, other, bench.count[at], bench.state[at], bench.column[at], plan)
