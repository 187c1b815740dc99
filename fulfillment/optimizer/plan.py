"""A plan while it is made: the parcels of each order, what is left of stock and capacity, and the cost so far."""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .jit import kernel
from .search import Stand, combine, most_parcels, move, new_stand, overtime, parcel_fits, scan_left


class Plan(NamedTuple):
    """`cost`: by order, all but overtime, unfilled units included."""

    count: np.ndarray
    state: np.ndarray
    column: np.ndarray
    cost: np.ndarray
    stand: Stand


def new_plan(table: Table) -> Plan:
    orders, parcels = len(table.order_shape), most_parcels(table)
    full = table.state_start[1:] - 1
    cost = (
        np.where(np.diff(table.state_start) > 1, table.state_value[full], 0)
        if orders
        else np.zeros(0, np.int64)
    )
    return Plan(
        np.zeros(orders, np.int64),
        np.zeros((orders, parcels), np.int64),
        np.zeros((orders, parcels), np.int64),
        cost.astype(np.int64),
        new_stand(table),
    )


@kernel
def lift(t, o, plan):
    """Take an order out of the plan; returns what that saves, overtime included."""
    saved = 0
    for j in range(plan.count[o]):
        node = t.pair_node[t.col_pair[plan.column[o, j]]]
        used = plan.stand.used[node]
        move(t, o, plan.state[o, j], plan.column[o, j], -1, plan.stand)
        saved += overtime(t, plan.stand, node, used - plan.stand.used[node])
    nothing = nothing_cost(t, o)
    saved += plan.cost[o] - nothing
    plan.count[o], plan.cost[o] = 0, nothing
    return saved


@kernel
def nothing_cost(t, o):
    """The order with nothing shipped."""
    full = t.state_start[o + 1] - 1
    return t.state_value[full] if full > t.state_start[o] else 0


@kernel
def put(t, o, count, state, column, plan):
    """Lay parcels for an order that has none; returns what that adds, overtime included, and how many fitted."""
    added, laid = 0, 0
    for j in range(count):
        if not parcel_fits(t, o, state[j], column[j], plan.stand):
            break
        node = t.pair_node[t.col_pair[column[j]]]
        used = plan.stand.used[node]
        move(t, o, state[j], column[j], 1, plan.stand)
        use = plan.stand.used[node] - used
        plan.stand.used[node] -= use
        added += overtime(t, plan.stand, node, use)
        plan.stand.used[node] += use
        change = t.col_cost[column[j]] - t.state_value[t.state_start[o] + state[j]]
        change += t.order_split[o] if laid > 0 else 0
        plan.cost[o] += change
        added += change
        plan.state[o, laid], plan.column[o, laid] = state[j], column[j]
        laid += 1
    plan.count[o] = laid
    return added, laid


@kernel
def place(t, o, stock_price, node_price, share, plan, desk):
    """Plan an order with what is left; returns what it adds. Two parcels that only fit alone become one."""
    scan_left(t, o, stock_price, node_price, share, plan.stand, desk)
    _, count = combine(t, o, 1_000_000, desk)
    added, laid = put(t, o, count, desk.state, desk.chosen, plan)
    if laid < count:
        added -= lift(t, o, plan) + added
        _, count = combine(t, o, 1, desk)
        added, laid = put(t, o, count, desk.state, desk.chosen, plan)
    return added


@kernel
def place_all(t, sequence, stock_price, node_price, share, plan, desk):
    for o in sequence:
        place(t, o, stock_price, node_price, share, plan, desk)


@kernel
def settle_again(t, sequence, stock_price, node_price, share, plan, desk):
    """Take out and lay each order again; keep the better of old and new. Returns the sum saved."""
    total = 0
    state, column = np.zeros(plan.state.shape[1], np.int64), np.zeros(plan.state.shape[1], np.int64)
    for o in sequence:
        count = plan.count[o]
        for j in range(count):
            state[j], column[j] = plan.state[o, j], plan.column[o, j]
        saved = lift(t, o, plan)
        added = place(t, o, stock_price, node_price, share, plan, desk)
        if added > saved:
            lift(t, o, plan)
            put(t, o, count, state, column, plan)
        else:
            total += saved - added
    return total
