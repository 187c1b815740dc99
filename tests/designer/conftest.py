"""The cast of the designer: a person who may do everything, policies by name, and a small world of orders."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from orchestration.models import Policy, Rule
from orchestration.services import publishing
from orders import definitions
from orders.models import Channel, Order
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party

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
