"""Addresses that are told of events, and the OpenAPI pages."""

import re

import pytest
from django.core.management import call_command
from django.test import Client

from orders.models import EventDefinition
from providers.models import ProviderConnection

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/iom"


@pytest.fixture(autouse=True)
def shipped(db) -> None:
    EventDefinition.objects.get_or_create(
        key="order.shipped", defaults={"name": "Shipped", "entity": "order"}
    )


def test_an_address_is_added_once_and_its_secret_shown_once(api):
    made = api.post("webhooks/", {"url": URL, "events": ["order.shipped"]})
    again = api.post("webhooks/", {"url": URL})

    secret = made.json()["secret"]
    assert (made.status_code, secret.startswith("whsec_")) == (201, True)
    assert (again.status_code, again.json()["code"]) == (409, "webhook_exists")
    listed = api.get("webhooks/").json()["results"]
    assert [(row["url"], row["events"]) for row in listed] == [(URL, ["order.shipped"])]
    assert api.get(f"webhooks/{made.json()['key']}/").json() == listed[0]
    stored = ProviderConnection.objects.values().get()
    assert secret not in str(stored) + str(listed)


def test_a_deleted_address_is_told_no_more(api):
    key = api.post("webhooks/", {"url": URL}).json()["key"]

    assert api.call("DELETE", f"webhooks/{key}/").status_code == 204
    assert api.call("DELETE", f"webhooks/{key}/").status_code == 404
    assert api.get("webhooks/").json()["results"] == []
    assert ProviderConnection.objects.get().status == "paused"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://user@example.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://localhost/",
        "https://example.com:22/",
        "https://example.com/ x",
        "javascript:alert(1)",
        "x",
    ],
)
def test_addresses_inside_are_refused(api, url):
    response = api.post("webhooks/", {"url": url})

    assert response.status_code == 400
    assert [(row["code"], row["field"]) for row in response.json()["errors"]] == [
        ("forbidden_address", "url")
    ]
    assert not ProviderConnection.objects.exists()


def test_unknown_events_and_fields_are_refused(api):
    event = api.post("webhooks/", {"url": URL, "events": ["*", "order.shiped"]})
    field = api.post("webhooks/", {"url": URL, "secret": "whsec_mine"})

    assert (event.status_code, event.json()["errors"][0]["field"]) == (422, "events[1]")
    assert (field.status_code, field.json()["code"]) == (400, "unknown_field")


def test_a_key_of_one_channel_may_not_listen_to_all(caller, web):
    assert caller("*", channels=[web]).get("webhooks/").status_code == 403


# -- OpenAPI ------------------------------------------------------------------------------------------------------


def test_the_document_has_no_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))

    text = (tmp_path / "schema.yml").read_text()
    assert "operationId: orders_create" in text
    assert "Idempotency-Key" in text


def test_the_page_needs_nothing_from_elsewhere():
    page = Client().get("/api/v1/docs/")

    assert page.status_code == 200
    found = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page.content.decode())
    assert found
    assert all(address.startswith(("/static/", "/api/")) for address in found)
    assert "//cdn" not in page.content.decode()


def test_the_document_is_served():
    assert Client().get("/api/v1/schema/").status_code == 200
