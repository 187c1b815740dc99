"""Whatever is sent as an order, the answer is ours: never a 5xx, always a code."""

import json

import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = [
    "channel",
    "external_id",
    "currency",
    "placed_at",
    "ship_to",
    "bill_to",
    "lines",
    "charges",
    "total",
    "customer_code",
    "customer_name",
    "customer_email",
    "sales_origin",
    "notes",
    "tags",
    "priority",
    "draft",
    "promised_at",
    "sku",
    "quantity",
    "unit_price",
    "line_number",
    "discount",
    "tax",
    "kind",
    "amount",
    "country",
    "latitude",
    "longitude",
    "name",
    "line1",
    "city",
]
ODD = st.sampled_from(
    ["web", "USD", "EUR", "XXX", "TEE-S", "2026-05-01T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
     "1.50", "1e400", "-0", "\u202e", "\ud800", "\x00", "discount", "shipping", 0, -1, 1, 2**63, 10**400, True, None, 1.5, -0.0]
)  # fmt: skip
VALUES = st.recursive(
    ODD | st.text(max_size=5) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
CHANGES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
usual = settings(
    max_examples=examples(300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(response) -> None:
    assert response.status_code < 500, response.content
    if response.status_code >= 400:
        assert response.json()["code"]


@pytest.mark.django_db
@usual
@given(changes=CHANGES, line=CHANGES)
def test_changed_orders_are_answered(api, order, changes, line):
    sound = order()
    body = sound | {"lines": [sound["lines"][0] | line]} | changes
    check(api.post("orders/", json.dumps(body).encode()))
    check(api.post("orders/", json.dumps({"orders": [body, sound]}).encode()))


@pytest.mark.django_db
@usual
@given(
    body=st.dictionaries(
        st.sampled_from([*NAMES, "orders", "ids", "rows", "requests", "products"]), VALUES, max_size=5
    )
)
def test_any_object_is_answered_by_any_address(api, web, body):
    raw = json.dumps(body).encode()
    for path in (
        "orders/",
        "orders/hold/",
        "products/",
        "positions/set/",
        "reservations/",
        "fulfillment-orders/ship/",
    ):
        check(api.post(path, raw))


@pytest.mark.django_db
@usual
@given(
    name=st.sampled_from(
        ["state", "channel", "external_id", "sku", "placed_after", "after", "page_size", "cursor", "order"]
    ),
    value=st.text(max_size=12) | st.integers().map(str) | st.datetimes().map(str),
)
def test_any_query_is_answered(api, web, name, value):
    from urllib.parse import quote

    for path in ("orders/", "events/", "fulfillment-orders/", "products/", "positions/"):
        check(api.get(f"{path}?{name}={quote(value.encode('utf-8', 'surrogatepass'))}"))
