"""The cast that every test may ask for: small, exact, one row a call unless a test says otherwise."""

import os
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from emptying import after_test
from hypothesis import HealthCheck
from hypothesis import settings as generated
from migrated import start_from_copy

# Machines may be busy: how long an example takes says nothing.
generated.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
generated.load_profile("any machine")

TransactionTestCase._fixture_teardown = after_test
PLACED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
# code: latitude, longitude, region, time zone
PLACES = {
    "DC-CMH": (39.9612, -82.9988, "OH", "America/New_York"),
    "DC-RNO": (39.5296, -119.8138, "NV", "America/Los_Angeles"),
    "ST-CHI": (41.8781, -87.6298, "IL", "America/Chicago"),
    "3PL-DFW": (32.7767, -96.7970, "TX", "America/Chicago"),
}


def pytest_collection_modifyitems(items) -> None:
    """A test that this machine or database cannot run is skipped with the reason, never passed."""
    reasons = {
        "postgres": "" if _is_postgresql() else "only PostgreSQL can promise this; set DATABASE_URL",
        "processes": "" if _is_postgresql() else "real processes share a PostgreSQL server; set DATABASE_URL",
        "browser": "" if chromium() else "no chromium found; set CHROMIUM",
    }
    for item in items:
        for mark, reason in reasons.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def chromium() -> str:
    """Path of a Chromium, empty where there is none."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), "")


def _is_postgresql() -> bool:
    return settings.DATABASES["default"]["ENGINE"].endswith("postgresql")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> None:
    """Called before the test database is made."""
    start_from_copy(connection)


@pytest.fixture
def counters_are_free(db) -> None:
    """For who counts queries: a test is one transaction, and a later call in it would find counters locked by an earlier one."""
    from iom.lib import lock_order

    lock_order.lock_alone()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return chromium()


@pytest.fixture
def make_product(db):
    from inventory.models import Product

    numbers = count(1)

    def make(sku: str = "", **fields) -> Product:
        sku = sku or f"SKU-{next(numbers)}"
        values = {"name": f"Product {sku}", "price": Decimal("10.00"), "weight_grams": 500, **fields}
        return Product.objects.create(sku=sku, **values)

    return make


@pytest.fixture
def make_source(db):
    """A source by its code; codes of PLACES stand where they say, others in Columbus."""
    from inventory.models import FulfillmentSource

    def make(code: str = "DC-CMH", **fields) -> FulfillmentSource:
        latitude, longitude, region, zone = PLACES.get(code, PLACES["DC-CMH"])
        kind = {"ST": "store", "3P": "3pl", "VN": "vendor"}.get(code[:2], "warehouse")
        values = {"name": code.title(), "type": kind, "region": region, "time_zone": zone, **fields}
        return FulfillmentSource.objects.create(
            code=code, **{"latitude": latitude, "longitude": longitude, **values}
        )

    return make


@pytest.fixture
def make_stock(db):
    """Units on hand of a product at a source, by the service that writes the ledger."""
    from inventory.models import InventoryPosition
    from inventory.services.stock import set_on_hand
    from inventory.types import StockLevel

    def make(product, source, quantity: int = 100) -> InventoryPosition:
        set_on_hand([StockLevel(product.pk, source.pk, quantity)], actor="test", reason="cast")
        return InventoryPosition.objects.get(product=product, source=source)

    return make


@pytest.fixture
def make_channel(db):
    from orders.models import Channel

    def make(key: str = "web-shop", **fields) -> Channel:
        return Channel.objects.get_or_create(key=key, defaults={"name": key.title(), **fields})[0]

    return make


@pytest.fixture
def make_customer(db):
    from orders.models import Customer

    numbers = count(1)

    def make(code: str = "", **fields) -> Customer:
        code = code or f"C-{next(numbers)}"
        values = {"name": f"Customer {code}", "email": f"{code.lower()}@example.com", **fields}
        return Customer.objects.create(code=code, **values)

    return make


@pytest.fixture
def make_order(make_channel):
    """An accepted order to Chicago: `lines` are (sku, quantity) or (sku, quantity, price); other fields of the draft by name."""
    from orders.models import Order
    from orders.services.intake import create_orders
    from orders.types import LineDraft, OrderDraft, Party

    numbers = count(1)
    chicago = Party(
        "Ada Moss", "1 Main Street", "", "Chicago", "IL", "60601", "US", latitude=41.88, longitude=-87.63
    )

    def make(*lines, channel=None, **fields) -> Order:
        drafts = tuple(
            LineDraft(n, sku, quantity, Decimal(rest[0]) if rest else Decimal("10.00"))
            for n, (sku, quantity, *rest) in enumerate(lines, 1)
        )
        values = {"currency": "USD", "placed_at": PLACED, "ship_to": chicago, "customer_name": "Ada Moss"}
        draft = OrderDraft(
            channel_id=(channel or make_channel()).pk,
            external_id=fields.pop("external_id", f"T-{next(numbers)}"),
            lines=drafts,
            **{**values, **fields},
        )
        (intake,) = create_orders([draft], actor="test")
        assert intake.result == "created", intake
        return Order.objects.get(pk=intake.order_id)

    return make
