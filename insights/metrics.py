"""Names of the counters that `Rollup` keeps, with what each counts and what its label says."""

CREATED = "orders.created"  # orders submitted
LINES = "orders.lines"  # lines of those orders
UNITS = "orders.units"  # units of those orders, each in its base unit
STATE = "orders.state"  # +1 when an order enters a state, -1 when it leaves; label: state
SHIPPED = "orders.shipped"  # orders wholly shipped; label: one of PROMISES
SOURCED = "orders.sourced"  # orders with live fulfillment orders; label: ONE or SPLIT
FILLED = "lines.shipped"  # fulfillment lines of fulfillment orders that shipped; label: source code
REFUSED = "lines.rejected"  # fulfillment lines of fulfillment orders that were rejected; label: source code

ON_TIME, LATE, NO_PROMISE = PROMISES = ("on_time", "late", "no_promise")
ONE, SPLIT = "one", "split"


def kept_promise(promised_at, shipped_at) -> str:
    """How a shipped order stands to its promise; both times belong to the order."""
    if promised_at is None:
        return NO_PROMISE
    return ON_TIME if shipped_at <= promised_at else LATE


def spread(live_fulfillment_orders: int) -> str:
    """From one source or from several; nothing while no source works on the order."""
    return "" if live_fulfillment_orders < 1 else ONE if live_fulfillment_orders == 1 else SPLIT
