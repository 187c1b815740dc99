"""A plan while it is made: the parcels of each order, what is left of stock and capacity, and the cost so far."""

from typing import NamedTuple

import numpy as np

from .choices import Table
from .jit import kernel
from .prices import Prices, nothing_of
from .search import (
    Stand,
    combine,
    combine_within,
    most_parcels,
    move,
    new_desk,
    new_stand,
    overtime,
    parcel_fits,
    scan_left,
)


class Plan(NamedTuple):
    """`cost`: by order, all but overtime, unfilled units included."""

    count: np.ndarray
    state: np.ndarray
    column: np.ndarray
    cost: np.ndarray
    stand: Stand


def new_plan(table: Table) -> Plan:
    orders, parcels = len(table.order_shape), most_parcels(table)
    return Plan(
        np.zeros(orders, np.int64),
        np.zeros((orders, parcels), np.int64),
        np.zeros((orders, parcels), np.int64),
        nothing_of(table),
        new_stand(table),
    )


def cost_of(table: Table, plan: Plan) -> int:
    """Overtime included."""
    over = np.maximum(0, plan.stand.used - table.node_regular) * table.node_overtime
    return int(plan.cost.sum() + over.sum())


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
    """Lay parcels for an order; returns what that adds, overtime included, and how many fitted."""
    added, laid = 0, 0
    before = plan.count[o]
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
        change += t.order_split[o] if before + laid > 0 else 0
        plan.cost[o] += change
        added += change
        plan.state[o, before + laid], plan.column[o, before + laid] = state[j], column[j]
        laid += 1
    plan.count[o] = before + laid
    return added, laid


@kernel
def place(t, o, stock_price, node_price, share, plan, desk):
    """Plan an order with what is left; returns what it adds."""
    scan_left(t, o, stock_price, node_price, share, plan.stand, desk)
    _, count = combine(t, o, 1_000_000, desk)
    added, laid = put(t, o, count, desk.state, desk.chosen, plan)
    if laid < count:
        added += place_rest(t, o, stock_price, node_price, share, plan, desk)
        added += place_in_one(t, o, stock_price, node_price, share, plan, desk, added)
    return added


@kernel
def place_rest(t, o, stock_price, node_price, share, plan, desk):
    """Some parcels only fitted alone: what they leave, planned with what is left now. Returns what that adds.

    A ship-complete order that does not come together has nothing again.
    """
    rest = t.state_start[o + 1] - t.state_start[o] - 1
    for j in range(plan.count[o]):
        rest -= plan.state[o, j]
    scan_left(t, o, stock_price, node_price, share, plan.stand, desk)
    gain, count = combine_within(t, o, t.order_parcels[o] - plan.count[o], rest, desk)
    added, laid = 0, 0
    if t.order_complete[o] or gain + t.order_split[o] < 0.0:
        added, laid = put(t, o, count, desk.state, desk.chosen, plan)
    for j in range(laid):
        rest -= desk.state[j]
    if t.order_complete[o] and rest > 0:
        added -= lift(t, o, plan)
    return added


@kernel
def place_in_one(t, o, stock_price, node_price, share, plan, desk, already):
    """One parcel in place of those the order has, which added `already`, if it adds less. Returns the difference."""
    count = plan.count[o]
    state, column = plan.state[o, :count].copy(), plan.column[o, :count].copy()
    lift(t, o, plan)
    scan_left(t, o, stock_price, node_price, share, plan.stand, desk)
    _, one = combine(t, o, 1, desk)
    added, _ = put(t, o, one, desk.state, desk.chosen, plan)
    if added < already:
        return added - already
    lift(t, o, plan)
    put(t, o, count, state, column, plan)
    return 0


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


def plan_at_prices(table: Table, prices: Prices, gains: np.ndarray) -> Plan:
    """Orders with most to gain first, then each looked at again with the prices fading out."""
    plan, desk = new_plan(table), new_desk(table)
    place_all(table, np.argsort(gains, kind="stable"), prices.stock, prices.node, 1.0, plan, desk)
    for share in (0.5, 0.2, 0.0):
        settle_again(table, np.arange(len(gains)), prices.stock, prices.node, share, plan, desk)
    return plan


def settle(table: Table, prices: Prices, plan: Plan) -> None:
    """Until no order alone is better off elsewhere: then "why here" has one answer."""
    desk, everyone = new_desk(table), np.arange(len(plan.count))
    while settle_again(table, everyone, prices.stock, prices.node, 0.0, plan, desk) > 0:
        pass
