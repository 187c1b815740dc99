"""A client with a key, and a small world that orders can be about."""

import json
from typing import Any

import pytest
from django.test import Client

from inventory.models import FulfillmentSource, Product
from orders.models import Channel
from orders.services.access import create_key


class ApiCaller:
    """Django's client with a key; bodies and answers are JSON."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, data: Any = None, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {} if data is None else {"data": _encoded(data), "content_type": "application/json"}
        return self.client.generic(method, f"/api/v1/{path}", headers=self.headers | named, **body)

    def get(self, path: str, **headers: str):
        return self.call("GET", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str):
        return self.call("POST", path, data, **headers)

    def patch(self, path: str, data: Any = None, **headers: str):
        return self.call("PATCH", path, data, **headers)


def _encoded(data: Any) -> bytes:
    return data if isinstance(data, bytes) else json.dumps(data).encode()


@pytest.fixture
def calling():
    """A caller with this token, or none."""
    return ApiCaller


@pytest.fixture
def web(db) -> Channel:
    return Channel.objects.create(key="web", name="Web shop", currency="EUR")


@pytest.fixture
def products(db) -> list[Product]:
    return [
        Product.objects.create(sku=sku, name=f"Shirt {sku}", price="19.90", currency="EUR")
        for sku in ("TEE-S", "TEE-M")
    ]


@pytest.fixture
def source(db) -> FulfillmentSource:
    return FulfillmentSource.objects.create(code="DC-1", name="Dallas", latitude=32.8, longitude=-96.8)


@pytest.fixture
def caller(db):
    """Make a caller with a key of these scopes and channels."""

    def make(*scopes: str, channels=(), **options) -> ApiCaller:
        _, token = create_key("test", scopes=scopes or ["*"], channels=channels, **options)
        return ApiCaller(token)

    return make


@pytest.fixture
def api(caller) -> ApiCaller:
    return caller("*")


@pytest.fixture
def order(web, products):
    """An order as JSON; what is named replaces what a sound one has."""

    def make(**changes: Any) -> dict[str, Any]:
        sound = {
            "channel": "web",
            "external_id": "A-1",
            "placed_at": "2026-05-01T12:00:00Z",
            "customer_name": "Ada Lopez",
            "ship_to": {
                "name": "Ada Lopez",
                "line1": "1 Main St",
                "city": "Austin",
                "postal_code": "78701",
                "country": "US",
            },
            "lines": [{"sku": "TEE-S", "quantity": 2, "unit_price": "19.90"}],
        }
        return {name: value for name, value in (sound | changes).items() if value is not ...}

    return make
