"""Real threads on PostgreSQL. Each promise stands beside a control that takes its guard away and sees the damage."""

from threading import Barrier

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F, Sum

from inventory.models import FulfillmentSource, InventoryPosition, Reservation
from inventory.services import positions
from inventory.services.positions import Move
from inventory.services.reservations import consume, release, reserve
from inventory.services.stock import adjust
from inventory.types import StockChange
from iom.lib.retry import Repeat, sqlstate

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has several writers"),
]
BUYERS = 24


def granted(results):
    assert not [result for result in results if isinstance(result, Exception)]
    return sum(sum(result.granted.values()) for result in results)


@pytest.mark.parametrize("companions", [0, 1], ids=["alone", "in a batch"])
def test_ten_units_are_promised_ten_times(shelf, want, at_once, counters, ledger_holds, companions):
    hot, other = shelf(2)

    def buy(n):
        extra = [want((f"extra{n}", other, 1), partial=True)] * companions
        return reserve([want((f"buyer{n}", hot, 1)), *extra], actor="test")

    results = at_once(BUYERS, buy)

    assert granted(results) == 10 + 10 * companions
    assert counters(hot) == (10, 10, 0)
    assert Reservation.objects.filter(position=hot).count() == 10
    ledger_holds()


def test_control_without_the_guard_ten_units_are_promised_too_often(shelf, at_once, counters):
    (hot,) = shelf(1)
    looked = Barrier(BUYERS)

    def buy(n):
        position = InventoryPosition.objects.get(pk=hot.pk)
        looked.wait()
        if position.available < 1:
            return 0
        position.reserved += 1
        position.save(update_fields=["reserved"])
        return 1

    assert sum(at_once(BUYERS, buy)) == BUYERS
    assert counters(hot) == (10, 1, 0)


def test_the_guard_refuses_what_the_lock_should_have_stopped(shelf, everything):
    """The UPDATE itself decides, whatever its caller believed about the position."""
    (position,) = shelf(1)
    before = everything()

    for move in (Move(position.pk, "reserve", reserved=11), Move(position.pk, "release", reserved=-1)):
        with pytest.raises(Repeat), transaction.atomic():
            positions.write([move], actor="test")

    assert everything() == before


@pytest.mark.parametrize("companions", [0, 1], ids=["alone", "in a batch"])
def test_one_key_from_many_callers_holds_once(shelf, want, at_once, counters, ledger_holds, companions):
    hot, other = shelf(2)
    batch = [want(("same", hot, 3)), *[want(("with", other, 2))] * companions]

    results = at_once(8, lambda n: reserve(batch, actor="test"))

    assert [result.granted["same"] for result in results] == [3] * 8
    assert (counters(hot)[1], counters(other)[1]) == (3, 2 * companions)
    ledger_holds()


def test_one_key_at_two_positions_holds_once(shelf, want, at_once, ledger_holds):
    shelves = shelf(8)

    results = at_once(8, lambda n: reserve([want(("same", shelves[n], 1))], actor="test"))

    assert [result.granted for result in results] == [{"same": 1}] * 8
    assert Reservation.objects.get().quantity == 1
    assert InventoryPosition.objects.aggregate(total=Sum("reserved")) == {"total": 1}
    ledger_holds()


def test_a_repeated_key_does_not_spoil_the_callers_transaction(shelf, want, at_once, ledger_holds):
    (hot,) = shelf(1)

    def twice(n):
        with transaction.atomic():
            outcome = reserve([want(("same", hot, 1))], actor="test")
            return outcome.granted, InventoryPosition.objects.get(pk=hot.pk).reserved

    assert at_once(6, twice) == [({"same": 1}, 1)] * 6
    ledger_holds()


def test_orders_of_five_lines_in_any_order_do_not_deadlock(shelf, want, at_once, ledger_holds):
    shelves = shelf(5, quantity=1000)

    def buy(n):
        for round_ in range(12):
            turned = shelves[n % 5 :] + shelves[: n % 5]
            lines = turned if round_ % 2 else turned[::-1]
            keys = [f"{n}-{round_}-{place}" for place in range(5)]
            outcome = reserve(
                [want(*((key, line, 1) for key, line in zip(keys, lines, strict=True)))], actor="test"
            )
            assert len(outcome.granted) == 5
            release(keys[:2], actor="test") if round_ % 3 else consume(
                dict.fromkeys(keys[2:], 1), actor="test"
            )
            adjust(
                [StockChange(line.product_id, line.source_id, 1) for line in lines], actor="test", reason=""
            )
        return "done"

    assert at_once(8, buy) == ["done"] * 8
    ledger_holds()


def test_control_without_the_order_two_buyers_deadlock(shelf, at_once):
    first, second = shelf(2)
    holding = Barrier(2)

    def buy(n):
        with transaction.atomic():
            for step, position in enumerate((first, second) if n else (second, first)):
                InventoryPosition.objects.filter(pk=position.pk).update(reserved=F("reserved") + 1)
                if not step:
                    holding.wait()

    errors = [error for error in at_once(2, buy) if error]
    assert [sqlstate(error) for error in errors] == ["40P01"]
    assert isinstance(errors[0], OperationalError)


def test_release_and_consume_of_one_key_happen_once(shelf, want, at_once, counters, ledger_holds):
    (position,) = shelf(1)
    reserve([want(("a", position, 4))], actor="test")

    results = at_once(8, lambda n: consume({"a": 4}, actor="test") if n % 2 else release(["a"], actor="test"))

    assert sorted(results) == [[]] * 7 + [["a"]]
    assert counters(position) in {(10, 0, 0), (6, 0, 0)}
    ledger_holds()


def test_feeds_that_make_the_same_positions_at_once(shelf, at_once, ledger_holds):

    products = [position.product_id for position in shelf(30)]
    source = FulfillmentSource.objects.create(code="NEW", name="New")

    def feed(n):
        rows = [StockChange(product, source.pk, 1) for product in (products if n % 2 else products[::-1])]
        return adjust(rows, actor="test", reason="feed")

    assert at_once(6, feed) == [30] * 6
    assert set(InventoryPosition.objects.filter(source=source).values_list("on_hand", flat=True)) == {6}
    ledger_holds()
