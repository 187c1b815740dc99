"""The cast of the orders floor."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest

from inventory.models import Product
from orders.models import BusinessEvent, Channel, Customer, Order, OrderLine
from orders.services.events import apply_event
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party

PLACED = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHIP_TO = Party(
    "Ada Moss", "1 Mill Road", "", "Denver", "CO", "80202", "US", latitude=39.75, longitude=-104.99
)
LINES = (
    LineDraft(1, "MUG", 2, Decimal("12.50")),
    LineDraft(2, "TEA", 1, Decimal("4.00"), discount_minor=50, tax_minor=25),
    LineDraft(3, "POT", 3, Decimal("20")),
)


@pytest.fixture
def channel(db):
    return Channel.objects.create(key="shop", name="Shop")


@pytest.fixture
def products(db):
    rows = [Product(sku=sku, name=f"{sku.title()} of the house") for sku in ("MUG", "TEA", "POT")]
    return {product.sku: product for product in Product.objects.bulk_create(rows)}


@pytest.fixture
def customer(db):
    return Customer.objects.create(code="C-1", name="Ada Moss", email="ada@example.com", phone="+1 555 0100")


@pytest.fixture
def make_draft(channel, products):
    """An order of three lines that is sound: goods 89.00, discount 0.50, tax 0.25, total 88.75."""
    numbers = count(1)

    def make(**changes) -> OrderDraft:
        draft = OrderDraft(
            channel.pk, f"A-{next(numbers)}", "USD", PLACED, SHIP_TO, LINES, customer_email="ada@example.com"
        )
        return replace(draft, **changes)

    return make


@pytest.fixture
def make_order(make_draft):
    def make(**changes) -> Order:
        (intake,) = create_orders([make_draft(**changes)], actor="test")
        assert intake.result == "created", intake
        return Order.objects.get(pk=intake.order_id)

    return make


@pytest.fixture
def move():
    """Raise events for a record, one after the other, as the floors above would."""

    def go(item, *kinds):
        for kind in kinds:
            outcome = apply_event(kind, [item], actor="test")
            assert outcome.changed == [item.pk], outcome

    return go


@pytest.fixture
def move_lines(move):
    def go(order, *kinds):
        for line in OrderLine.objects.filter(order=order):
            move(line, *kinds)

    return go


@pytest.fixture
def kinds_of():
    """The kinds of an order's events, oldest first."""
    return lambda order: list(
        BusinessEvent.objects.filter(order_id=getattr(order, "pk", order))
        .order_by("pk")
        .values_list("kind", flat=True)
    )
