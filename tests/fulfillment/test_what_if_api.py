"""A what-if by API: asked for, looked at, stopped; refusals by field; who may."""

import pytest
from cost_world import cost_strategy, offer
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from fulfillment_world import ACTOR, World

from fulfillment.models import Strategy, WhatIf
from fulfillment.services import strategies, what_ifs
from fulfillment.services.optimizing import optimize_lines
from orders.models import Order
from orders.services.access import create_key

pytestmark = pytest.mark.django_db


class Caller:
    """Django's client with a key, or none."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str):
        return self.client.get(f"/api/v1/{path}", headers=self.headers)

    def post(self, path: str, data=None, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            f"/api/v1/{path}", data, content_type="application/json", headers=self.headers | named
        )


def caller(*scopes: str, channels=()) -> Caller:
    return Caller(create_key("test", scopes=scopes, channels=channels)[1])


@pytest.fixture
def api(db) -> Caller:
    return caller("*")


@pytest.fixture
def sourced(db) -> World:
    """Four orders that the default strategy sent from Chicago; its draft would rather have Reno."""
    world = World()
    offer()
    strategies.publish(cost_strategy().pk, actor=ACTOR)
    orders = world.orders(4, (world.product(CHI=9, RNO=9), 1))
    with transaction.atomic():
        Order.objects.lock([order.pk for order in orders])
        optimize_lines(world.demands(*orders), actor=ACTOR)
    Strategy.objects.get().constraints.create(
        kind="offline", name="no Chicago", parameters={"codes": ["CHI"]}
    )
    return world


def test_asked_for_worked_on_and_read(api, sourced):
    made = api.post("what-ifs/", {"strategy": "cost", "days": 3})
    assert made.status_code == 201, made.content
    job = made.json()
    assert (job["state"], job["percent"], job["result"]) == ("running", 0, None)
    assert (job["strategy"], job["against"], job["days"], job["orders"]) == ("cost", "draft", 3, 4)

    what_ifs.work(60)

    found = api.get(job["url"].removeprefix("/api/v1/")).json()
    assert (found["state"], found["percent"]) == ("done", 100)
    result = found["result"]
    assert result["headline"].startswith("The draft would have cost 20.00 USD more")
    assert result["reproduces"] is True and result["total"]["delta"] == 2000
    assert sum(row["delta"] for row in result["costs"]) == result["total"]["delta"]
    assert {row["name"]: row["after"] for row in result["load"]} == {"CHI": 0, "RNO": 4}
    assert [row["delta_minor"] for row in result["orders"]] == [500] * 4
    assert result["orders"][0]["after"] == {"RNO": 1}
    (row,) = api.get("what-ifs/?strategy=cost&state=done").json()["results"]
    assert row["id"] == found["id"] and "result" not in row
    assert api.get("what-ifs/?state=running").json()["results"] == []


def test_stopped_twice_it_stays_stopped(api, sourced):
    job = api.post("what-ifs/", {"strategy": "cost"}).json()
    assert api.post(f"what-ifs/{job['id']}/stop/").json()["state"] == "stopped"
    assert api.post(f"what-ifs/{job['id']}/stop/").json()["state"] == "stopped"
    assert what_ifs.work(5) == 0


def test_the_same_key_begins_one(api, sourced):
    answers = [api.post("what-ifs/", {"strategy": "cost"}, Idempotency_Key="once") for _ in range(2)]
    assert answers[0].json() == answers[1].json() and WhatIf.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({}, 400, "required", "strategy"),
        ({"strategy": "cost", "days": 0}, 400, "min_value", "days"),
        ({"strategy": "cost", "days": 91}, 400, "max_value", "days"),
        ({"strategy": "cost", "days": "7"}, 400, "invalid", "days"),
        ({"strategy": "cost", "against": "best"}, 400, "invalid_choice", "against"),
        ({"strategy": "cost", "daze": 7}, 400, "unknown_field", "daze"),
        ({"strategy": "idle"}, 422, "what_if_refused", "days"),
        ({"strategy": "wrong"}, 422, "what_if_refused", "strategy"),
    ],
)
def test_what_cannot_be_tried_says_so_by_field(api, sourced, asked, status, code, field):
    cost_strategy(key="idle", is_default=False)
    wrong = cost_strategy(key="wrong", is_default=False)
    wrong.constraints.create(kind="maximum_distance", name="empty")
    answer = api.post("what-ifs/", asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    row = answer.json()["errors"][0]
    assert (row["code"], row["field"]) == (code, field) and row["message"]
    assert not WhatIf.objects.exists()


def test_what_is_not_there(api, sourced):
    assert api.post("what-ifs/", {"strategy": "none"}).json()["code"] == "unknown_strategy"
    for path in ("what-ifs/99/", "what-ifs/abc/", "what-ifs/9999999999999999999999/"):
        assert api.get(path).status_code == 404
        assert api.post(f"{path}stop/").status_code == 404


def test_who_may(sourced, client):
    ask = {"strategy": "cost"}
    assert Caller().post("what-ifs/", ask).status_code == 401
    reader, other = caller("fulfillment:read"), caller("orders:write")
    assert reader.post("what-ifs/", ask).status_code == 403
    assert other.get("what-ifs/").status_code == 403
    assert reader.get("what-ifs/").status_code == 200
    assert (
        caller("fulfillment:write", channels=[sourced.channel.pk]).post("what-ifs/", ask).status_code == 403
    )
    assert caller("fulfillment:write").post("what-ifs/", ask).status_code == 201

    user = User.objects.create_user("ann", password="x")
    client.force_login(user)
    assert client.get("/api/v1/what-ifs/").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_whatif"))
    assert client.get("/api/v1/what-ifs/").status_code == 200
    body = {"data": ask, "content_type": "application/json"}
    assert client.post("/api/v1/what-ifs/", **body).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="change_strategy"))
    assert client.post("/api/v1/what-ifs/", **body).status_code == 201
