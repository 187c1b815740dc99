"""Who may do what: keys, scopes, channels, people."""

import logging
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from orders.models import ApiKey, Channel
from orders.services.access import create_key, revoke_keys

pytestmark = pytest.mark.django_db
OPEN = {"schema/", "docs/"}


def api_routes() -> list[str]:
    """Every address under the API, with something in the place of its parameters."""
    found = []
    for included in get_resolver().url_patterns:
        if str(included.pattern) == "api/v1/":
            found += [re.sub(r"<[^>]+>", "1", str(route.pattern)) for route in included.url_patterns]
    return sorted(set(found))


def test_there_are_routes():
    assert len(api_routes()) > 30


@pytest.mark.parametrize("path", [path for path in api_routes() if path not in OPEN])
def test_nothing_answers_without_a_key(calling, path):
    for method in ("GET", "POST", "PATCH", "DELETE"):
        response = calling().call(method, path)
        assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", [path for path in api_routes() if path not in OPEN | {"me/"}])
def test_nothing_answers_a_key_without_scopes(calling, path):
    _, token = create_key("none", scopes=[])
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert calling(token).call(method, path).status_code in (403, 404, 405)


def test_all_bad_keys_get_the_same_answer():
    _, expired_token = create_key("old", scopes=["*"], expires_at=timezone.now() - timedelta(seconds=1))
    revoked, revoked_token = create_key("gone", scopes=["*"])
    revoke_keys([revoked.pk])
    headers = [
        "",
        "Bearer",
        "Bearer x",
        "Basic dXNlcjpwYXNz",
        "Bearer iom_x_y",
        "Bearer iom_\x00_y",
        "Bearer " + "a" * 5000,
        "Bearer é",
        f"Bearer {expired_token}",
        f"Bearer {revoked_token}",
        f"Bearer {revoked_token[:-1]}",
    ]

    answers = [Client().get("/api/v1/orders/", headers={"Authorization": header}) for header in headers]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {'Bearer realm="IOM API"'}
    documents = [{**answer.json(), "request_id": ""} for answer in answers]
    assert all(document == documents[0] for document in documents)


def test_a_read_key_cannot_write(caller, order):
    reader = caller("orders:read")

    response = reader.post("orders/", order())

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert reader.get("orders/").status_code == 200
    assert reader.get("positions/?sku=A").status_code == 403


def test_a_key_sees_its_channels_only(api, caller, order, caplog):
    other = Channel.objects.create(key="other", name="Other", currency="EUR")
    theirs = api.post("orders/", order()).json()
    limited = caller("*", channels=[other])

    with caplog.at_level(logging.WARNING, logger="iom.audit"):
        read = limited.get(f"orders/{theirs['number']}/")
        hold = limited.post(f"orders/{theirs['number']}/hold/")
        bulk = limited.post("orders/hold/", {"ids": [theirs["number"]]})

    assert [answer.status_code for answer in (read, hold, bulk)] == [404, 404, 404]
    assert sum("foreign_object" in record.getMessage() for record in caplog.records) == 3
    assert limited.get("orders/").json()["results"] == []
    assert limited.get("events/").json()["results"] == []
    assert limited.post("orders/", order()).json()["code"] == "unknown_channel"
    assert limited.post("orders/", order(channel="other")).status_code == 201
    assert len(limited.get("orders/").json()["results"]) == 1


def test_me_tells_which_key_this_is(caller, web):
    answer = caller("orders:read", channels=[web]).get("me/").json()

    assert answer["kind"] == "key"
    assert answer["scopes"] == ["orders:read"]
    assert answer["channels"] == ["web"]
    assert answer["actor"] == f"api:{ApiKey.objects.get().prefix}"


def test_people_write_with_permission_and_csrf_token(order):
    anna = User.objects.create_user("anna", password="x")
    browser, strict = Client(), Client(enforce_csrf_checks=True)
    for client in (browser, strict):
        client.force_login(anna)
    send = {"data": order(), "content_type": "application/json"}

    assert browser.get("/api/v1/orders/").status_code == 403
    anna.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "change_order"]))

    assert browser.get("/api/v1/orders/").status_code == 200
    assert strict.post("/api/v1/orders/", **send).status_code == 403
    assert browser.post("/api/v1/orders/", **send).status_code == 201
    assert browser.get("/api/v1/me/").json()["actor"] == "user:anna"


def test_unknown_addresses_and_methods_are_told_in_the_usual_shape(api):
    missing, wrong = api.get("nothing/here"), api.call("DELETE", "orders/")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert missing["Content-Type"] == wrong["Content-Type"] == "application/problem+json"
    assert missing.json()["request_id"] == missing["X-Request-ID"]


def test_an_error_that_nobody_foresaw_tells_nothing(api, monkeypatch):
    monkeypatch.setattr("orders.api.views.orders.key_page", lambda *_: 1 / 0)

    response = api.get("orders/")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "division" not in response.content.decode()
