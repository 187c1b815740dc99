"""The cast of the admin tests: people with roles, and a small world to look at."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User

from inventory.models import FulfillmentSource, Product
from orders.definitions import sync
from orders.models import Channel
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party


@pytest.fixture(autouse=True)
def _no_listeners(settings):
    """These tests are about pages; what hears the events has its own."""
    settings.IOM = {**settings.IOM, "ON_EVENTS": []}


@pytest.fixture
def person(db):
    def make(role: str = "", *, superuser: bool = False) -> User:
        name = (role or "root").lower().replace(" ", "-")
        user = User.objects.create_user(name, password="correct horse", is_staff=True, is_superuser=superuser)
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def browse(client, person):
    """A client logged in with a role, or as superuser."""

    def login(role: str = ""):
        client.force_login(person(role, superuser=not role))
        return client

    return login


@pytest.fixture
def world(db):
    sync()
    return {
        "channel": Channel.objects.create(key="shop", name="Shop", currency="USD"),
        "product": Product.objects.create(sku="T-1", name="Tent", price=Decimal("99.50")),
        "source": FulfillmentSource.objects.create(code="DC-RNO", name="Reno", country="US"),
    }


@pytest.fixture
def make_orders(world):
    def make(count: int, *, prefix: str = "X", draft: bool = False) -> list[int]:
        drafts = [
            OrderDraft(
                channel_id=world["channel"].pk,
                external_id=f"{prefix}-{n}",
                currency="USD",
                placed_at=datetime(2026, 11, 1, tzinfo=UTC),
                ship_to=Party("Ann", "1 Main St", "", "Reno", "NV", "89501", "US"),
                lines=(LineDraft(1, "T-1", 2, Decimal("99.50")),),
                customer_email=f"ann{n}@example.com",
                draft=draft,
            )
            for n in range(count)
        ]
        answers = create_orders(drafts, actor="test")
        assert [answer.errors for answer in answers] == [()] * count
        return [answer.order_id for answer in answers]

    return make
