"""The best cut of one order into parcels at given prices: the cheapest parcel of each state, then a partition of states.

Prices of stock rows and nodes come on top of a parcel's cost and are never negative. Without a `Stand` stock and
capacity are as large as the prices say; with one, only what is left counts, and overtime at what it costs now.
"""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .jit import kernel
from .problem import IN_LINES, IN_UNITS

FAR = 1e18


class Desk(NamedTuple):
    """Scratch space of one search, and its answer: parcels as (state, column)."""

    gain: np.ndarray
    column: np.ndarray
    total: np.ndarray
    pick: np.ndarray
    state: np.ndarray
    chosen: np.ndarray


class Stand(NamedTuple):
    """What is left: units by stock row, uses by node."""

    left: np.ndarray
    used: np.ndarray


def new_desk(table: Table) -> Desk:
    states = int(np.diff(table.state_start).max(initial=1))
    parcels = most_parcels(table)
    return Desk(
        np.zeros(states),
        np.zeros(states, np.int64),
        np.zeros((parcels + 1, states)),
        np.zeros((parcels + 1, states), np.int64),
        np.zeros(parcels, np.int64),
        np.zeros(parcels, np.int64),
    )


def most_parcels(table: Table) -> int:
    pieces = np.diff(table.state_start) - 1
    return int(np.minimum(table.order_parcels, pieces).max(initial=1))


def new_stand(table: Table) -> Stand:
    return Stand(table.row_atp.astype(np.int64).copy(), np.zeros(len(table.node_max), np.int64))


@kernel
def node_use(unit, units, lines):
    """What a parcel takes of its node's capacity."""
    if unit == IN_UNITS:
        return units
    return lines if unit == IN_LINES else 1


@kernel
def overtime(t, stand, node, use):
    """What `use` more costs at a node now."""
    before = max(0, stand.used[node] - t.node_regular[node])
    return (max(0, stand.used[node] + use - t.node_regular[node]) - before) * t.node_overtime[node]


@kernel
def scan(t, o, stock_price, node_price, desk):
    """The best parcel of each state at the prices, as the gain over leaving the state unfilled."""
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines, atoms = t.line_start[o + 1] - first_line, t.shape_atoms[shape]
    start = t.state_start[o]
    for state in range(1, t.state_start[o + 1] - start):
        flat, digit = start + state, t.shape_digit[shape] + state * atoms
        value = t.state_value[flat]
        best = FAR if t.order_complete[o] else float(value)
        column = -1
        for c in range(t.col_start[flat], t.col_end[flat]):
            cost = float(t.col_cost[c])
            if cost >= best:
                break
            pair = t.col_pair[c]
            node = t.pair_node[pair]
            price = node_price[node]
            if price > 0.0:
                cost += price * node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
            at = t.row_start[o] + (pair - t.pair_start[o]) * lines
            for line in range(lines):
                d = t.digit[digit + t.line_atom[first_line + line]]
                if d > 0:
                    cost += d * t.line_unit[first_line + line] * stock_price[t.pair_row[at + line]]
            if cost < best:
                best, column = cost, c
        desk.gain[state] = best - value if column >= 0 else FAR
        desk.column[state] = column


@kernel
def fits(t, o, flat, digit, c, stand):
    """Is enough left for a parcel."""
    first_line = t.line_start[o]
    lines = t.line_start[o + 1] - first_line
    pair = t.col_pair[c]
    node = t.pair_node[pair]
    use = node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
    if stand.used[node] + use > t.node_max[node]:
        return False
    at = t.row_start[o] + (pair - t.pair_start[o]) * lines
    for line in range(lines):
        d = t.digit[digit + t.line_atom[first_line + line]]
        if d > 0 and d * t.line_unit[first_line + line] > stand.left[t.pair_row[at + line]]:
            return False
    return True


@kernel
def scan_left(t, o, stock_price, node_price, share, stand, desk):
    """As `scan`, among parcels that still fit; prices at `share`, overtime as it is where it is dearer than the price."""
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines, atoms = t.line_start[o + 1] - first_line, t.shape_atoms[shape]
    start = t.state_start[o]
    for state in range(1, t.state_start[o + 1] - start):
        flat, digit = start + state, t.shape_digit[shape] + state * atoms
        value = t.state_value[flat]
        best = FAR if t.order_complete[o] else float(value)
        column = -1
        for c in range(t.col_start[flat], t.col_end[flat]):
            cost = float(t.col_cost[c])
            if cost >= best:
                break
            if not fits(t, o, flat, digit, c, stand):
                continue
            pair = t.col_pair[c]
            node = t.pair_node[pair]
            use = node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
            cost += max(share * node_price[node] * use, float(overtime(t, stand, node, use)))
            if share > 0.0:
                at = t.row_start[o] + (pair - t.pair_start[o]) * lines
                for line in range(lines):
                    d = t.digit[digit + t.line_atom[first_line + line]]
                    if d > 0:
                        row = t.pair_row[at + line]
                        cost += share * d * t.line_unit[first_line + line] * stock_price[row]
            if cost < best:
                best, column = cost, c
        desk.gain[state] = best - value if column >= 0 else FAR
        desk.column[state] = column


@kernel
def combine(t, o, parcels, desk):
    """The best set of parcels from `desk.gain`. Leaves them in the desk; returns (gain over nothing, how many)."""
    return combine_within(t, o, parcels, t.state_start[o + 1] - t.state_start[o] - 1, desk)


@kernel
def combine_within(t, o, parcels, full, desk):
    """As `combine`, of no more than the state `full`.

    total[j, s]: the best gain of at most j parcels within s; for ship-complete orders of parcels that are exactly s.
    """
    parcels = min(parcels, min(t.order_parcels[o], full))
    if full < 1 or parcels < 1:
        return 0.0, 0
    if (parcels == 1 and t.order_complete[o]) or full == 1:
        if desk.gain[full] >= 0.0:
            return 0.0, 0
        desk.state[0], desk.chosen[0] = full, desk.column[full]
        return desk.gain[full], 1
    complete, split = t.order_complete[o], float(t.order_split[o])
    at = t.shape_state[t.order_shape[o]]
    total, pick, gain = desk.total, desk.pick, desk.gain
    for state in range(full + 1):
        total[0, state] = FAR if complete and state > 0 else 0.0
    for j in range(1, parcels + 1):
        for state in range(full if j == parcels else 1, full + 1):
            best, chosen = total[j - 1, state], 0
            for p in range(t.part_start[at + state], t.part_start[at + state + 1]):
                part = t.part[p]
                cost = gain[part]
                if cost >= FAR or (cost >= 0.0 and not complete):
                    continue
                rest = total[j - 1, state - part]
                if complete:
                    cost += rest + split if part < state else 0.0
                elif rest + split < 0.0:
                    cost += rest + split
                if cost < best:
                    best, chosen = cost, part
            total[j, state], pick[j, state] = best, chosen
        total[j, 0] = total[0, 0]
    if total[parcels, full] >= 0.0:
        return 0.0, 0
    return total[parcels, full], trace(t, o, parcels, full, desk)


@kernel
def trace(t, o, parcels, full, desk):
    """Read the chosen parcels back from the partition."""
    count, state, complete = 0, full, t.order_complete[o]
    split = float(t.order_split[o])
    for j in range(parcels, 0, -1):
        part = desk.pick[j, state]
        if part == 0:
            continue
        desk.state[count], desk.chosen[count] = part, desk.column[part]
        count += 1
        state -= part
        if state == 0 or (not complete and desk.total[j - 1, state] + split >= 0.0):
            break
    return count


@kernel
def move(t, o, state, c, sign, stand):
    """Take a parcel from what is left (sign 1) or give it back (-1)."""
    first_line, shape = t.line_start[o], t.order_shape[o]
    lines = t.line_start[o + 1] - first_line
    digit = t.shape_digit[shape] + state * t.shape_atoms[shape]
    flat = t.state_start[o] + state
    pair = t.col_pair[c]
    node = t.pair_node[pair]
    stand.used[node] += sign * node_use(t.node_unit[node], t.state_units[flat], t.state_lines[flat])
    at = t.row_start[o] + (pair - t.pair_start[o]) * lines
    for line in range(lines):
        d = t.digit[digit + t.line_atom[first_line + line]]
        if d > 0:
            stand.left[t.pair_row[at + line]] -= sign * d * t.line_unit[first_line + line]


@kernel
def parcel_fits(t, o, state, c, stand):
    shape = t.order_shape[o]
    return fits(t, o, t.state_start[o] + state, t.shape_digit[shape] + state * t.shape_atoms[shape], c, stand)
