"""The cast of the page tests: records as the services leave them, without running the services."""

import os
from datetime import timedelta
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import FulfillmentSource, Product
from orders.definitions import sync
from orders.models import Channel, Order, OrderLine
from orders.services.events import apply_event, record
from orders.types import Raised

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True)
def own_listener(settings):
    """Counters only: what other floors do with events is tested there."""
    settings.IOM = {**settings.IOM, "ON_EVENTS": ["insights.listeners.on_events"]}


@pytest.fixture
def definitions(db):
    sync()


@pytest.fixture
def channel(db):
    return Channel.objects.create(key="shop", name="Shop")


@pytest.fixture
def product(db):
    return Product.objects.create(sku="LAMP-01", name="Desk lamp", price=20)


@pytest.fixture
def source(db):
    return FulfillmentSource.objects.create(code="DC-RNO", name="Reno")


@pytest.fixture
def make_order(channel, product):
    numbers = count(1)

    def make(*, lines=1, channel=channel, raised=True, **fields):
        now = timezone.now()
        values = {
            "channel": channel, "external_id": f"X-{next(numbers)}", "currency": "USD", "placed_at": now,
            "received_at": now, "state_at": now, "line_count": lines, "unit_count": 2 * lines,
            "total_minor": 4000 * lines, "customer_name": "Ada Byron", "promised_at": now + timedelta(days=2),
        }  # fmt: skip
        order = Order.objects.create(**{**values, **fields})
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order, line_number=n, product=product, sku=product.sku, quantity=2, unit_price=20, amount_minor=4000,
                state_at=now,
            )
            for n in range(1, lines + 1)
        )  # fmt: skip
        if raised and order.state == Order.State.NEW:
            record([Raised("order.new", "order", order.pk, order.pk)], actor="test")
        return order

    return make


@pytest.fixture
def make_fulfillment_order(source):
    numbers = count(1)

    def make(order, *, source=source, state=FulfillmentOrder.State.NEW):
        now = timezone.now()
        found = FulfillmentOrder.objects.create(
            key=f"fo-{next(numbers)}", order=order, source=source, state=state, created_at=now, state_at=now
        )
        FulfillmentLine.objects.bulk_create(
            FulfillmentLine(
                fulfillment_order=found, order_line=line, product=line.product, quantity=line.quantity
            )
            for line in order.lines.all()
        )
        record([Raised("fulfillment_order.created", "fulfillment_order", found.pk, order.pk)], actor="test")
        return found

    return make


@pytest.fixture
def move():
    def apply(kind, record):
        return apply_event(kind, [record], actor="test")

    return apply


@pytest.fixture
def boss(client, db):
    user = User.objects.create_superuser("boss", "boss@example.com", "secret")
    client.force_login(user)
    return user


@pytest.fixture
def nobody(client, db):
    """Staff without any permission."""
    user = User.objects.create_user("nobody", password="secret", is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def browser_page(chromium_path, live_server, monkeypatch, boss, client):
    from playwright.sync_api import sync_playwright

    # The browser's driver runs an event loop in this thread; the test itself is plain synchronous code.
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        yield page
        browser.close()
