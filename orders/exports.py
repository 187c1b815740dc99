"""Rows of an export, in the columns that the import takes back: one row a line, newest order first."""

from collections.abc import Iterator

from django.db.models import QuerySet

from inventory.services.import_tables import MOST_EXPORTED
from orders.models import Customer, Order, OrderLine
from orders.services.imports import CUSTOMER_COLUMNS, HEADER, LINE

_COLUMNS = {"channel": "order__channel__key", "customer_code": "order__customer__code"}


def exported_orders(orders: QuerySet[Order]) -> Iterator[tuple]:
    names = [_COLUMNS.get(name, f"order__{name}") for name in HEADER]
    lines = OrderLine.objects.order_by("-order_id", "line_number")
    if orders.query.where:  # without a filter the lines need no look at the orders
        lines = lines.filter(order__in=orders.order_by())
    yield from lines.values_list(*names, *LINE)[:MOST_EXPORTED]


def exported_customers(customers: QuerySet[Customer]) -> Iterator[tuple]:
    yield from customers.order_by("code").values_list(*CUSTOMER_COLUMNS)[:MOST_EXPORTED]
