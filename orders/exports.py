"""Rows of an export, in the columns that the import takes back: one row a line, newest order first."""

from collections.abc import Iterator

from inventory.importing import MOST_EXPORTED
from orders.models import Customer, OrderLine
from orders.services.imports import CUSTOMER_COLUMNS, HEADER, LINE

_COLUMNS = {"channel": "order__channel__key", "customer_code": "order__customer__code"}


def exported_orders() -> Iterator[tuple]:
    names = [_COLUMNS.get(name, f"order__{name}") for name in HEADER]
    yield from OrderLine.objects.order_by("-order_id", "line_number").values_list(*names, *LINE)[
        :MOST_EXPORTED
    ]


def exported_customers() -> Iterator[tuple]:
    yield from Customer.objects.order_by("code").values_list(*CUSTOMER_COLUMNS)[:MOST_EXPORTED]
