"""B29: a provider's stock levels: what cannot be is parked, what jumps waits for a person, all of a message or nothing."""

import json

import pytest

from inventory.models import InventoryPosition
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from providers.models import InboxMessage
from providers.services import inbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(connect, make_product, make_source):
    """`told("3PL-DFW", A=90)` -> the message, worked on; 1,000 of A and 50 of B were there."""
    connection, source = connect("threepl"), make_source("3PL-DFW")
    connection.sources.set([source])
    levels = [StockLevel(make_product(sku).pk, source.pk, units) for sku, units in (("A", 1000), ("B", 50))]
    set_on_hand(levels, actor="test", reason="count")

    def tell(warehouse="3PL-DFW", raw=None, **levels) -> InboxMessage:
        data = {"warehouse": warehouse, "levels": [{"sku": s, "on_hand": n} for s, n in levels.items()]}
        body = raw if raw is not None else json.dumps({"type": "stock.counted", "data": data}).encode()
        number = f"e{InboxMessage.objects.count()}"
        inbox.store(connection, number, "stock.counted", {}, body)
        inbox.work(1)
        return InboxMessage.objects.get(external_message_id=number)

    return tell


def on_hand():
    return dict(InventoryPosition.objects.values_list("product__sku", "on_hand"))


def test_levels_near_ours_are_taken(told):
    assert told(A=600, B=140).state == "done"  # 40 %; more than half, but fewer than 100 units
    assert on_hand() == {"A": 600, "B": 140}


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ({"A": 499, "B": 50}, "stock_jump"),
        ({"A": 1501}, "stock_jump"),
        ({"B": 151}, "stock_jump"),
        ({"B": 40, "A": -1}, "bad_stock"),
        ({"B": 40, "A": 10**9}, "bad_stock"),
        ({"B": 40, "A": 1.5}, "bad_shape"),
        ({"B": 40, "A": True}, "bad_shape"),
        ({"B": 40, "NOPE": 3}, "unknown_sku"),
    ],
)
def test_what_jumps_or_cannot_be_is_parked_whole(told, levels, code):
    message = told(**levels)
    assert (message.state, message.code) == ("parked", code)
    assert message.reason
    assert on_hand() == {"A": 1000, "B": 50}


def test_a_person_who_replays_a_jump_accepts_it(told):
    message = told(A=10)
    assert "A from 1,000 to 10" in message.reason

    inbox.replay([message.pk], actor="user:ann")
    inbox.work(1)

    assert InboxMessage.objects.get(pk=message.pk).state == "done"
    assert on_hand()["A"] == 10
    assert told(A=9000).code == "stock_jump", "only that message was accepted"


def test_another_replay_accepts_no_jump(told, make_product):
    message = told(A=10, C=5)
    assert message.code == "unknown_sku"
    make_product("C")
    inbox.replay([message.pk], actor="user:ann")
    inbox.work(1)
    assert InboxMessage.objects.get(pk=message.pk).code == "stock_jump"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"<html>502 Bad Gateway</html>", "not_json"),
        (b'{"error": "all is well"}', "bad_shape"),
        (b'{"data": {"warehouse": "3PL-DFW", "levels": "many"}}', "bad_shape"),
        (b'{"data": {"warehouse": "DC-RNO", "levels": []}}', "unknown_source"),
    ],
)
def test_garbage_and_the_warehouses_of_others_are_parked(told, raw, code):
    assert (told(raw=raw).state, told(raw=raw).code) == ("parked", code)
