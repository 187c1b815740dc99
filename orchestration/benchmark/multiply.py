"""A large past from a small true one: rows of sample orders, copied set-based under new ids and earlier times."""

from collections.abc import Sequence

from django.db import connection

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from orchestration.models import FlowRun
from orders.models import BusinessEvent, Order, OrderLine

STRIDE = 1_000_000  # more than any id of the sample
MODELS = (Order, OrderLine, FulfillmentOrder, FulfillmentLine, FlowRun, BusinessEvent)
OURS = {"id", "order_id", "order_line_id", "fulfillment_order_id", "record_id", "start_event_id"}
NAMES = {"external_id", "key", "reservation_key"}
TIMES = {"placed_at", "received_at", "state_at", "created_at", "started_at", "at", "sent_at", "sourced_at"}
# What a copy became meanwhile: most orders of a year are over.
ENDED = {
    "orders_order": {"state": "completed", "state_reason": "fulfilled"},
    "orders_orderline": {"state": "invoiced", "state_reason": "invoiced"},
    "fulfillment_fulfillmentorder": {"state": "delivered"},
    "orchestration_flowrun": {"state": "done"},
}
STILL_OPEN = 5  # copies, the newest ones


def multiply(orders: int) -> int:
    """Copy all orders until there are at least as many; returns how many there are."""
    sample = Order.objects.count()
    times = -(-orders // sample) - 1
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for model in MODELS:
            cursor.execute(_statement(model), {"times": times, "stride": STRIDE, "open": STILL_OPEN})
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{model._meta.db_table}', 'id'), max(id)) "  # noqa: S608
                f"FROM {model._meta.db_table}"
            )
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("RESET statement_timeout")
    found = Order.objects.count()
    assert found == sample * (times + 1), (found, sample, times)
    assert OrderLine.objects.count() >= 3 * found
    return found


def _statement(model: type) -> str:
    table = model._meta.db_table
    columns = [field.column for field in model._meta.concrete_fields]
    return (
        f"INSERT INTO {table} ({_listed(columns)}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - names come from models only
        f"SELECT {', '.join(_copied(table, column) for column in columns)} "
        f"FROM {table} CROSS JOIN generate_series(1, %(times)s) AS copy ORDER BY copy DESC, id"
    )


def _copied(table: str, column: str) -> str:
    name = f'{table}."{column}"'
    if column in OURS:
        return f"{name} + copy * %(stride)s"
    if column in NAMES:
        return f"CASE WHEN {name} = '' THEN '' ELSE {name} || '-' || copy END"
    if column in TIMES:
        return f"{name} - copy * interval '1 hour'"
    if ended := ENDED.get(table, {}).get(column):
        return f"CASE WHEN copy > %(open)s AND {table}.state <> 'canceled' THEN '{ended}' ELSE {name} END"
    return name


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
