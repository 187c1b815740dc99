"""Fulfillment methods and stores by API: taken as sent, refused in words, kept by a clone and a split."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import MethodRule
from inventory.models import FulfillmentSource, Product
from orders.models import Order, OrderLine
from orders.services.editing import clone_order
from orders.services.splitting import split_orders

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores(db):
    rows = (
        ("ST-1", "store", True),
        ("ST-OFF", "store", False),
        ("DC", "warehouse", True),
        ("V", "vendor", True),
    )
    return {
        code: FulfillmentSource.objects.create(code=code, name=f"Place {code}", type=kind, active=active)
        for code, kind, active in rows
    }


def line(**fields) -> dict:
    return {"sku": "TEE-S", "quantity": 1, "unit_price": "19.90", **fields}


PICKUP = line(method="pickup", pickup_source="ST-1")


def test_a_line_keeps_its_method_and_its_store(api, order, stores):
    answer = api.post("orders/", order(lines=[PICKUP, line(), line(method="drop_ship")]))
    assert answer.status_code == 201, answer.content
    shown = api.get(answer.json()["url"].removeprefix("/api/v1/")).json()["lines"]
    assert [(row["method"], row["pickup_source"]) for row in shown] == [
        ("pickup", "ST-1"), ("ship_to_home", None), ("drop_ship", None),
    ]  # fmt: skip
    assert [row["estimated_ship_on"] for row in shown] == [None, None, None]


@pytest.mark.parametrize(
    "fields, code, field",
    [
        ({"method": "teleport"}, "unknown_method", "lines[0].method"),
        ({"method": ["pickup"]}, "text_expected", "lines[0].method"),
        ({"method": "pickup"}, "required", "lines[0].pickup_source"),
        ({"method": "ship_to_store"}, "required", "lines[0].pickup_source"),
        ({"pickup_source": "ST-1"}, "not_for_method", "lines[0].pickup_source"),
        ({"method": "drop_ship", "pickup_source": "ST-1"}, "not_for_method", "lines[0].pickup_source"),
        ({"method": "pickup", "pickup_source": "NOWHERE"}, "unknown_store", "lines[0].pickup_source"),
        ({"method": "pickup", "pickup_source": "ST-OFF"}, "unknown_store", "lines[0].pickup_source"),
        ({"method": "pickup", "pickup_source": "DC"}, "unknown_store", "lines[0].pickup_source"),
        ({"method": "pickup", "pickup_source": "S" * 41}, "text_too_long", "lines[0].pickup_source"),
        ({"method": "pickup", "pickup_source": "S\0"}, "bad_text", "lines[0].pickup_source"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_code_and_field(api, order, stores, fields, code, field):
    answer = api.post("orders/", order(lines=[line(**fields)]))
    assert answer.status_code in (400, 422), answer.content
    assert (code, field) in {(row["code"], row["field"]) for row in answer.json()["errors"]}
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "rule, fields, allowed",
    [
        ({"method": "pickup", "allowed": False}, PICKUP, False),
        ({"method": "pickup", "source_type": "store", "allowed": False}, PICKUP, False),
        ({"method": "pickup", "category": "Other", "allowed": False}, PICKUP, True),
        ({"method": "drop_ship", "source_type": "vendor", "allowed": False}, line(method="drop_ship"), False),
        ({"method": "drop_ship", "source_type": "store", "allowed": False}, line(method="drop_ship"), True),
        ({"method": "ship_from_store", "allowed": False}, PICKUP, True),
    ],
)
def test_what_the_site_does_not_allow_is_refused(api, order, stores, rule, fields, allowed):
    MethodRule.objects.create(**rule)
    answer = api.post("orders/", order(lines=[fields]))
    assert answer.status_code == (201 if allowed else 422), answer.content
    if not allowed:
        assert answer.json()["errors"][0]["code"] == "method_not_allowed"


def test_rules_of_product_and_channel_are_the_firmer_ones(api, order, stores, web):
    MethodRule.objects.create(method="pickup", allowed=False)
    MethodRule.objects.create(method="pickup", product=Product.objects.get(sku="TEE-S"), channel=web)
    assert api.post("orders/", order(lines=[PICKUP])).status_code == 201
    other = {**PICKUP, "sku": "TEE-M"}
    assert api.post("orders/", order(external_id="A-2", lines=[other])).status_code == 422


def test_the_same_queries_for_one_line_and_for_many(api, order, stores):
    counts = []
    api.post("orders/", order(lines=[PICKUP]))
    for n in (1, 40):
        with CaptureQueriesContext(connection) as queries:
            assert api.post("orders/", order(external_id=f"Q-{n}", lines=[PICKUP] * n)).status_code == 201
        counts.append(len(queries))
    assert counts[0] == counts[1], counts


def test_the_same_order_again_is_known_and_another_store_is_another_order(api, order, stores):
    FulfillmentSource.objects.create(code="ST-2", name="Second", type="store")
    sent = order(lines=[PICKUP])
    assert [api.post("orders/", sent).status_code for _ in range(2)] == [201, 200]
    assert api.post("orders/", order(lines=[{**PICKUP, "pickup_source": "ST-2"}])).status_code == 409


def test_clone_and_split_keep_method_and_store(api, order, stores):
    api.post("orders/", order(lines=[PICKUP, line(sku="TEE-M")]))
    (made,) = Order.objects.all()
    clone = clone_order(made.pk, actor="test")
    ways = list(
        OrderLine.objects.filter(order=clone)
        .order_by("line_number")
        .values_list("method", "pickup_source__code")
    )
    assert ways == [("pickup", "ST-1"), ("ship_to_home", None)]
    made.lines.filter(sku="TEE-S").update(split_group="store", source_list="shops")
    children = split_orders([made.pk], actor="test").children[made.pk]
    found = OrderLine.objects.get(order=children["store"])
    assert (found.method, found.pickup_source.code, found.source_list) == ("pickup", "ST-1", "shops")
