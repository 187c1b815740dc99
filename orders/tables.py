"""Which tables of this floor people may send as files."""

from inventory.services.import_tables import TableSpec
from orders.exports import exported_customers, exported_orders
from orders.services.imports import (
    CUSTOMER_COLUMNS,
    CUSTOMER_TEXTS,
    ORDER_COLUMNS,
    ORDER_REQUIRED,
    ORDER_TEXTS,
    ORDER_TIMES,
    group_customers,
    group_orders,
    take_customers,
    take_orders,
)

ORDERS = TableSpec(
    "orders", ORDER_COLUMNS, ORDER_REQUIRED, group_orders, take_orders, exported_orders, ORDER_TEXTS, ORDER_TIMES
)  # fmt: skip
CUSTOMERS = TableSpec(
    "customers", CUSTOMER_COLUMNS, ("code",), group_customers, take_customers, exported_customers, CUSTOMER_TEXTS
)  # fmt: skip
TABLES = (ORDERS, CUSTOMERS)
