"""Fulfillment orders, shipments and the feed of events by API."""

from threading import Event, Thread
from time import monotonic

import psycopg
import pytest
from django.db import connection, connections, transaction

from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import BusinessEvent, EventDefinition, OrderLine, StateDefinition
from orders.services.events import record
from orders.types import Raised

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(api, order, products, source) -> str:
    """Number of a fulfillment order."""
    made = api.post("orders/", order()).json()
    set_on_hand([StockLevel(products[0].pk, source.pk, 10)], actor="test", reason="")
    line = OrderLine.objects.get(order_id=made["id"])
    source_lines(
        [LineDemand(made["id"], line.pk, line.product_id, line.sku, line.quantity, 30.0, -97.0)], actor="test"
    )
    return api.get(f"fulfillment-orders/?order={made['number']}").json()["results"][0]["number"]


def step(api, name: str, work: str, **more):
    return api.post(f"fulfillment-orders/{name}/", {"ids": [work]} | more)


def test_the_steps_of_the_worklist(api, work):
    for name in ("accept", "pick", "pack"):
        assert [row["number"] for row in step(api, name, work).json()["changed"]] == [work]
    report = {"fulfillment_order": work, "key": "s-1", "carrier": "UPS", "tracking_number": "1Z"}
    shipped = api.post("fulfillment-orders/ship/", {"shipments": [report]})

    assert [row["number"] for row in shipped.json()["changed"]] == [work]
    document = api.get(f"fulfillment-orders/{work}/").json()
    assert document["state"] == "shipped"
    assert document["lines"][0]["quantity_shipped"] == 2
    assert [row["tracking_number"] for row in api.get("shipments/?source=DC-1").json()["results"]] == ["1Z"]
    assert api.get(f"orders/{document['order']}/").json()["state"] == "shipped"


def test_wrong_state_is_refused_with_the_sentence(api, work):
    step(api, "reject", work, reason="Broken")

    answer = step(api, "pick", work).json()

    assert answer["changed"] == []
    assert answer["refused"][0]["number"] == work
    assert "rejected" in answer["refused"][0]["reason"]


def test_a_shipped_order_cannot_be_canceled(api, work):
    api.post("fulfillment-orders/ship/", {"shipments": [{"fulfillment_order": work, "key": "s-1"}]})
    number = api.get(f"fulfillment-orders/{work}/").json()["order"]

    response = api.post(f"orders/{number}/cancel/")

    assert (response.status_code, response.json()["code"]) == (409, "wrong_state")
    assert response.json()["state"] == "shipped"


@pytest.mark.parametrize(
    ("report", "status", "code"),
    [
        ({"key": "a"}, 400, "required"),
        ({"fulfillment_order": "FO-x", "key": "a"}, 400, "bad_id"),
        ({"fulfillment_order": "FO-99999", "key": "a"}, 404, "fulfillment_order_not_found"),
        (
            {"fulfillment_order": "FO-99999", "key": "a", "tracking_url": "javascript:alert(1)"},
            400,
            "invalid",
        ),
        (
            {"fulfillment_order": "FO-99999", "key": "a", "shipped_at": "0001-01-01T00:00:00Z"},
            400,
            "bad_time",
        ),
        (
            {"fulfillment_order": "FO-99999", "key": "a", "lines": [{"id": 10**30, "quantity": 1}]},
            400,
            "max_value",
        ),
    ],
)
def test_bad_shipments(api, db, report, status, code):
    response = api.post("fulfillment-orders/ship/", {"shipments": [report]})

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_more_than_there_is_cannot_ship(api, work):
    line = api.get(f"fulfillment-orders/{work}/").json()["lines"][0]["id"]
    report = {"fulfillment_order": work, "key": "s-1", "lines": [{"id": line, "quantity": 3}]}

    answer = api.post("fulfillment-orders/ship/", {"shipments": [report]}).json()

    assert (answer["changed"], answer["refused"][0]["number"]) == ([], work)


def test_fulfillment_orders_are_filtered(api, work):
    def found(query: str) -> list[str]:
        return [row["number"] for row in api.get(f"fulfillment-orders/?{query}").json()["results"]]

    assert found("source=DC-1&state=new&source_type=warehouse") == [work]
    assert found("state=shipped") == []
    assert api.get("fulfillment-orders/?state__gt=a").json()["code"] == "unknown_filter"
    assert api.get("fulfillment-orders/FO-1/").status_code == 404


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ("fulfillment-orders/?state=shiped", "shipped"),
        ("fulfillment-orders/?source_type=store,shop", "warehouse"),
        ("what-ifs/?state=ended", "stopped"),
        ("reservations/?state=gone", "released"),
        ("sources/?type=shop", "vendor"),
    ],
)
def test_a_word_that_is_none_is_refused_and_the_known_ones_are_named(api, query, known):
    answer = api.get(query)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_filter")
    assert known in str(answer.json())


def test_a_state_that_people_made_is_known(api, work):
    StateDefinition.objects.create(entity="fulfillment_order", key="on_the_dock", label="On the dock")

    assert api.get("fulfillment-orders/?state=on_the_dock").json()["results"] == []


# -- events -------------------------------------------------------------------------------------------------------


def follow(api, path: str):
    """The feed's answer once it has something: it waits for whatever the server itself is doing in this database."""
    end = monotonic() + 20
    while not (answer := api.get(path)).json()["results"] and monotonic() < end:
        pass
    return answer


def kinds(answer) -> list[str]:
    return [row["kind"] for row in answer.json()["results"]]


@pytest.mark.django_db(transaction=True)
def test_the_feed_goes_on_where_it_ended(api, order):
    number = api.post("orders/", order()).json()["number"]
    first = follow(api, "events/")
    api.post(f"orders/{number}/hold/", {"type": "manual"})
    second = follow(api, f"events/?cursor={first.json()['next_cursor']}")
    third = api.get(f"events/?cursor={second.json()['next_cursor']}")

    assert (kinds(first), kinds(second), kinds(third)) == (["order.new"], ["order.held"], [])
    assert third.json()["next_cursor"] == second.json()["next_cursor"]
    assert kinds(api.get(f"events/?kind=order.held&order={number}")) == ["order.held"]
    assert second.json()["results"][0]["order"] == number


@pytest.mark.parametrize("name,wrong,known", [
    ("kind", "order.new,order.nwe", "order.new"), ("kind", "order", "order.held"), ("kind", "", "order.held"),
    ("entity", "order_lines", "order_line"), ("entity", "order.new", "order"),
])  # fmt: skip
def test_kinds_that_are_none_are_refused_naming_the_known_ones(api, name, wrong, known):
    answer = api.get(f"events/?{name}={wrong}")

    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) == (
        400, "bad_filter", name,
    )  # fmt: skip
    assert f" {known}," in answer.json()["errors"][0]["message"]


def test_kinds_that_people_defined_are_known(api, order):
    EventDefinition.objects.create(key="parcel.weighed", name="Parcel weighed", entity="parcel")

    assert kinds(api.get("events/?kind=parcel.weighed")) == kinds(api.get("events/?entity=parcel")) == []
    assert "parcel.weighed" in api.get("events/?kind=parcel.wieghed").json()["errors"][0]["message"]


@pytest.mark.parametrize("cursor", ["1", "x", "-1.0", "1.2.3", "9" * 19 + ".1", "%00", "1.1e9"])
def test_bad_cursors(api, db, cursor):
    assert api.get(f"events/?cursor={cursor}").status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer: ids are in commit order"
)
def test_what_commits_late_is_not_missed(api, db):
    """The first event is older, but commits after the second; a reader that went by id would never see it."""
    written, may_end = Event(), Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                record([Raised("order.slow", "order", 1, None)], actor="test")
                written.set()
                may_end.wait(10)
        finally:
            connections.close_all()

    thread = Thread(target=slow)
    thread.start()
    assert written.wait(10)
    record([Raised("order.fast", "order", 2, None)], actor="test")

    early = api.get("events/").json()
    by_id_alone = list(BusinessEvent.objects.values_list("kind", flat=True))
    may_end.set()
    thread.join()
    late = follow(api, f"events/?cursor={early['next_cursor']}")

    assert by_id_alone == ["order.fast"]
    assert early["results"] == []
    assert kinds(late) == ["order.slow", "order.fast"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_a_transaction_of_another_database_holds_nothing_back(api, order):
    """The server numbers the transactions of all its databases together."""
    settings = connection.settings_dict
    elsewhere = psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"], password=settings["PASSWORD"], dbname="postgres"
    )  # fmt: skip
    with elsewhere, elsewhere.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
        api.post("orders/", order())

        assert kinds(follow(api, "events/")) == ["order.new"]
