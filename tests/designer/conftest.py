"""The cast of the designer: a person who may do everything, policies by name, and a small world of orders."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import Policy, Rule
from orchestration.services import publishing
from orders import definitions
from orders.models import Channel, Order
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party
from providers.models import ProviderConnection

FLOW = "orchestration/flows/order_to_invoice.json"
PLACED = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def known(db):
    definitions.sync()


@pytest.fixture
def boss(client, known):
    user = User.objects.create_superuser("boss", "boss@example.com", "secret")
    client.force_login(user)
    return user


@pytest.fixture
def make_policy(known):
    """`make_policy("Big orders", condition)`: a published filter policy on orders of one rule, or an execution policy."""

    def make(name, condition, *, type="filter", **fields) -> Policy:
        key = name.lower().replace(" ", "-").replace("–", "").replace("--", "-")
        policy = Policy.objects.create(
            key=key, name=name, type=type, **{"entity": "order", "combine": "all", **fields}
        )
        Rule.objects.create(policy=policy, name=f"Rule of {name}"[:120], condition=condition)
        publishing.publish_policy(policy.pk, actor="test")
        return policy

    return make


@pytest.fixture
def make_order_of(known):
    """An order of a channel by key, through the intake, so that published flows hear of it."""
    made = []

    def make(channel="web-shop", *, country="US") -> Order:
        found, _ = Channel.objects.get_or_create(key=channel, defaults={"name": channel.title()})
        made.append(channel)
        draft = OrderDraft(
            found.pk, f"O-{len(made)}", "USD", PLACED,
            Party("Ann", "1 Main St", "", "Chicago", "IL", "60601", country, 41.9, -87.6),
            (LineDraft(1, "", 1, Decimal("10"), "A lamp as written in"),), customer_name="Ann",
        )  # fmt: skip
        (intake,) = create_orders([draft], actor="test")
        assert intake.result == "created", intake
        return Order.objects.get(pk=intake.order_id)

    return make


@pytest.fixture
def shop(known):
    """Two sources with stock, one of them a 3PL with a connection; billing is connected too."""
    sources = {
        code: FulfillmentSource.objects.create(code=code, name=code, type=kind, latitude=40, longitude=-83)
        for code, kind in (("DC-RNO", "warehouse"), ("DC-CMH", "warehouse"), ("3PL-DFW", "3pl"))
    }
    product = Product.objects.create(sku="A", name="A", price=Decimal("10"))
    set_on_hand([StockLevel(product.pk, sources["3PL-DFW"].pk, 100)], actor="test", reason="count")
    for provider in ("threepl", "billing"):
        ProviderConnection.objects.create(
            key=provider, name=provider.title(), provider=provider, status="active"
        )
    return sources


@pytest.fixture
def draft(shop):
    return publishing.import_flow(FLOW, actor="test").draft


@pytest.fixture
def channel(make_channel):
    return make_channel("web-shop", kind="retail")


@pytest.fixture
def pasted():
    """`pasted(ship_to=…)`: an order as a person pastes it."""

    def make(**more):
        place = {
            "name": "Ann",
            "line1": "1 Main St",
            "city": "Chicago",
            "region": "IL",
            "postal_code": "60601",
            "country": "US",
        }
        line = {"line_number": 1, "sku": "A", "quantity": 2, "unit_price": "10.00"}
        return {
            "channel": "web-shop", "external_id": "P-1", "currency": "USD", "placed_at": "2026-03-02T15:00:00Z", "ship_to": place,
            "customer_name": "Ann", "lines": [line], **more,
        }  # fmt: skip

    return make
