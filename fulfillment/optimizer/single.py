"""Each order in turn, solved exactly with what is left."""

import numpy as np

from .choices import Table
from .exact import improve_exactly
from .plan import Plan, lift, new_plan, put
from .prices import Prices, no_prices
from .search import combine, new_desk, scan_left


def plan_in_turn(table: Table, prices: Prices | None = None) -> Plan:
    """Arrival order; each order sees the stock and capacity that the earlier ones left."""
    plan, desk = new_plan(table), new_desk(table)
    prices = prices or no_prices(table)
    for order in range(len(table.order_shape)):
        place_exactly(table, order, prices, plan, desk)
    return plan


def place_exactly(table: Table, order: int, prices: Prices, plan: Plan, desk) -> None:
    """The cheapest cut. Parcels that share a node, or lines that share a row, may seem to fit or to cost nothing more each
    alone: where together they do not, the solver decides."""
    scan_left(table, order, prices.stock, prices.node, 1.0, plan.stand, desk)
    _, count = combine(table, order, 1_000_000, desk)
    nodes = table.pair_node[table.col_pair[desk.chosen[:count]]]
    _, laid = put(table, order, count, desk.state, desk.chosen, plan)
    crowded = len(np.unique(nodes)) < count and (plan.stand.used[nodes] > table.node_regular[nodes]).any()
    if laid < count or crowded:
        lift(table, order, plan)
        improve_exactly(table, np.array([order]), plan, prices)
