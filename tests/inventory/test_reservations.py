from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from inventory.errors import InsufficientStock, InvalidQuantity, ReservationExceeded
from inventory.models import InventoryMovement, Reservation
from inventory.services import stock
from inventory.services.reservations import consume, expire, release, reserve, reserve_or_refuse
from inventory.types import ReservationLine, ReservationOutcome, ReservationRequest, Shortage, StockLevel

pytestmark = pytest.mark.django_db


def movements():
    rows = InventoryMovement.objects.exclude(kind="set").order_by("pk")
    return list(rows.values_list("kind", "on_hand_delta", "reserved_delta", "reference"))


def test_reserve_holds_units_and_writes_the_ledger(stocked, want, counters, ledger_holds):
    until = timezone.now() + timedelta(hours=1)

    outcome = reserve([want(("a", stocked, 4), kind="hard", expires_at=until)], actor="user:anna")

    assert outcome == ReservationOutcome({"a": 4}, [])
    assert counters(stocked) == (10, 4, 0)
    held = Reservation.objects.get()
    assert (held.key, held.reference, held.position_id, held.quantity) == ("a", "ref:a", stocked.pk, 4)
    assert (held.kind, held.state, held.expires_at, held.closed_at) == ("hard", "active", until, None)
    assert movements() == [("reserve", 0, 4, "ref:a")]
    assert InventoryMovement.objects.latest("pk").actor == "user:anna"
    ledger_holds()


def test_reserve_twice_holds_once(stocked, want, everything):
    reserve([want(("a", stocked, 4))], actor="test")
    before = everything()

    assert reserve([want(("a", stocked, 4))], actor="test") == ReservationOutcome({"a": 4}, [])
    assert reserve([want(("a", stocked, 9))], actor="test") == ReservationOutcome({"a": 4}, [])
    assert everything() == before


def test_a_key_twice_in_one_batch_holds_once(stocked, want, counters):
    batch = [want(("a", stocked, 4), ("a", stocked, 4)), want(("a", stocked, 4)), want(("b", stocked, 1))]

    assert reserve(batch, actor="test") == ReservationOutcome({"a": 4, "b": 1}, [])
    assert counters(stocked) == (10, 5, 0)


def test_a_batch_of_one_and_a_batch_of_two_leave_the_same_rows(shelf, want, counters):
    first, second, third = shelf(3)
    reserve([want(("alone", first, 3))], actor="test")
    reserve([want(("left", second, 3)), want(("right", third, 3))], actor="test")

    rows = set(Reservation.objects.values_list("quantity", "kind", "state", "expires_at", "closed_at"))
    ledger = InventoryMovement.objects.filter(kind="reserve")
    columns = ("on_hand_delta", "reserved_delta", "safety_stock_delta", "reason", "actor")
    assert rows == {(3, "soft", "active", None, None)}
    assert list(ledger.values_list(*columns).distinct()) == [(0, 3, 0, "", "test")]
    assert {counters(position) for position in (first, second, third)} == {(10, 3, 0)}


def test_first_come_first_served_within_a_batch(stocked, want, counters):
    batch = [want(("a", stocked, 6)), want(("b", stocked, 5)), want(("c", stocked, 4))]

    outcome = reserve(batch, actor="test")

    assert outcome.granted == {"a": 6, "c": 4}
    assert outcome.short == [
        Shortage("b", stocked.product_id, stocked.source_id, "MUG", "EAST", wanted=5, available=4)
    ]
    assert counters(stocked) == (10, 10, 0)


def test_a_request_is_held_whole_or_not_and_names_every_short_line(shelf, want, everything):
    first, second, third = shelf(3)
    before = everything()

    outcome = reserve([want(("a", first, 3), ("b", second, 11), ("c", third, 12))], actor="test")

    assert outcome.granted == {}
    assert [(short.key, short.wanted, short.available) for short in outcome.short] == [
        ("b", 11, 10),
        ("c", 12, 10),
    ]
    assert everything() == before


def test_what_a_refused_request_tried_is_free_for_the_next(shelf, want):
    first, second = shelf(2)

    outcome = reserve([want(("a", first, 8), ("b", second, 11)), want(("c", first, 10))], actor="test")

    assert outcome.granted == {"c": 10}
    assert [short.key for short in outcome.short] == ["b"]


def test_two_lines_of_a_request_share_a_position(stocked, want, counters):
    outcome = reserve([want(("a", stocked, 6), ("b", stocked, 5))], actor="test")

    assert (outcome.granted, outcome.short[0].available) == ({}, 4)
    assert counters(stocked) == (10, 0, 0)


def test_partial_takes_what_there_is(shelf, want, counters):
    first, second = shelf(2)
    reserve([want(("all", second, 10))], actor="test")

    outcome = reserve([want(("a", first, 12), ("b", second, 1), partial=True)], actor="test")

    assert outcome.granted == {"a": 10}
    assert [(short.key, short.available) for short in outcome.short] == [("a", 10), ("b", 0)]
    assert counters(first) == (10, 10, 0)
    assert not Reservation.objects.filter(key="b").exists()


def test_safety_stock_is_not_reserved(stocked, want, counters):
    stock.set_safety_stock([StockLevel(stocked.product_id, stocked.source_id, 7)], actor="test", reason="")

    assert reserve([want(("a", stocked, 4))], actor="test").short[0].available == 3
    assert reserve([want(("b", stocked, 3))], actor="test").granted == {"b": 3}
    assert counters(stocked) == (10, 3, 7)


def test_a_product_that_was_never_stocked_there_is_short(product, source):
    request = ReservationRequest((ReservationLine("a", "ref", product.pk, source.pk, 1),))

    assert reserve([request], actor="test").short == [
        Shortage("a", product.pk, source.pk, "MUG", "EAST", 1, 0)
    ]


@pytest.mark.parametrize("quantity", [0, -3])
def test_reserve_refuses_quantities_that_are_not_positive(stocked, want, everything, quantity):
    before = everything()

    with pytest.raises(InvalidQuantity) as refusal:
        reserve([want(("good", stocked, 1)), want(("bad", stocked, quantity))], actor="test")

    assert [line.key for line in refusal.value.rows] == ["bad"]
    assert everything() == before


def test_reserve_or_refuse_holds_nothing_if_any_line_is_short(shelf, want, everything):
    first, second = shelf(2)
    before = everything()

    with pytest.raises(InsufficientStock) as refusal:
        reserve_or_refuse(
            [want(("a", first, 3)), want(("b", first, 8)), want(("c", second, 11))], actor="test"
        )

    assert [short.key for short in refusal.value.shortages] == ["b", "c"]
    assert "S0001 at SHELF: 11 wanted, 10 available" in str(refusal.value)
    assert everything() == before
    assert reserve_or_refuse([want(("a", first, 3))], actor="test") == {"a": 3}


def test_release_gives_back_once(stocked, want, counters, ledger_holds):
    reserve([want(("a", stocked, 4)), want(("b", stocked, 2))], actor="test")

    assert release(["a", "nobody"], actor="user:anna", reason="canceled") == ["a"]
    assert release(["a", "nobody"], actor="user:anna", reason="canceled") == []
    assert counters(stocked) == (10, 2, 0)
    assert movements()[-1] == ("release", 0, -4, "ref:a")
    assert InventoryMovement.objects.latest("pk").reason == "canceled"
    released = Reservation.objects.get(key="a")
    assert (released.state, released.quantity, released.closed_at is None) == ("released", 4, False)
    ledger_holds()


def test_a_released_key_holds_never_again_and_says_so(stocked, want, everything):
    reserve([want(("a", stocked, 4))], actor="test")
    release(["a"], actor="test")
    before = everything()

    outcome = reserve([want(("a", stocked, 4))], actor="test")

    assert outcome.granted == {}
    assert [(short.key, short.available, short.closed) for short in outcome.short] == [("a", 0, True)]
    assert everything() == before


def test_consume_takes_from_on_hand_and_frees_the_rest(stocked, want, counters, ledger_holds):
    reserve([want(("a", stocked, 5)), want(("b", stocked, 2)), want(("c", stocked, 1))], actor="test")

    assert sorted(consume({"a": 3, "b": 2, "c": 0}, actor="test")) == ["a", "b", "c"]
    assert consume({"a": 3, "b": 2, "c": 0}, actor="test") == []
    assert counters(stocked) == (5, 0, 0)
    assert movements()[3:] == [
        ("consume", -3, -3, "ref:a"),
        ("release", 0, -2, "ref:a"),
        ("consume", -2, -2, "ref:b"),
        ("release", 0, -1, "ref:c"),
    ]
    states = Reservation.objects.order_by("key").values_list("key", "state", "quantity")
    assert list(states) == [("a", "consumed", 3), ("b", "consumed", 2), ("c", "released", 1)]
    assert reserve([want(("a", stocked, 5))], actor="test") == ReservationOutcome({"a": 3}, [])
    ledger_holds()


def test_consume_can_keep_the_rest_for_the_next_shipment(stocked, want, counters, ledger_holds):
    reserve([want(("a", stocked, 5))], actor="test")

    assert consume({"a": 3}, actor="test", keep_rest=True) == ["a"]
    assert counters(stocked) == (7, 2, 0)
    ledger_holds()
    assert consume({"a": 2}, actor="test", keep_rest=True) == ["a"]
    assert counters(stocked) == (5, 0, 0)
    assert Reservation.objects.get().state == "consumed"
    ledger_holds()


def test_consume_refuses_more_than_is_held(stocked, want, everything):
    reserve([want(("a", stocked, 5)), want(("b", stocked, 2)), want(("c", stocked, 1))], actor="test")
    before = everything()

    with pytest.raises(ReservationExceeded) as refusal:
        consume({"a": 6, "b": 3, "c": 1}, actor="test")
    with pytest.raises(InvalidQuantity):
        consume({"a": 1, "b": -1}, actor="test")

    assert refusal.value.excess == {"a": (6, 5), "b": (3, 2)}
    assert everything() == before


def test_expire_gives_back_what_is_past_its_time(stocked, want, counters, ledger_holds):
    now = timezone.now()
    reserve([want(("past", stocked, 2), expires_at=now), want(("never", stocked, 1))], actor="test")
    reserve([want(("later", stocked, 3), expires_at=now + timedelta(seconds=1))], actor="test")

    assert expire(now) == 1
    assert expire(now) == 0
    assert counters(stocked) == (10, 4, 0)
    assert Reservation.objects.get(key="past").state == "expired"
    ledger_holds()


@pytest.mark.usefixtures("counters_are_free")
def test_as_many_queries_for_two_hundred_as_for_two(shelf, want, django_assert_num_queries):
    shelves = shelf(200)

    def requests(tag, positions):
        return [want((f"{tag}{n}", position, 1)) for n, position in enumerate(positions)]

    for tag, positions in (("few", shelves[:2]), ("many", shelves)):
        # savepoint, lock, keys, end, and what is held: one statement, or reservations, counters, movements
        with django_assert_num_queries(5 if connection.vendor == "postgresql" else 7):
            reserve(requests(tag, positions), actor="test")
    few, many = [f"few{n}" for n in range(2)], [f"many{n}" for n in range(200)]
    for keys in (few[:1], many[:100]):
        with django_assert_num_queries(7):
            release(keys, actor="test")
    for keys in (few[1:], many[100:]):
        with django_assert_num_queries(7):
            consume(dict.fromkeys(keys, 1), actor="test")


def test_naming_the_short_lines_costs_two_queries(shelf, want, django_assert_num_queries):
    shelves = shelf(200)
    for count in (2, 200):
        with django_assert_num_queries(6):  # savepoint, lock, keys, end, SKUs, source codes
            reserve(
                [want((f"k{n}", position, 11)) for n, position in enumerate(shelves[:count])], actor="test"
            )


@pytest.mark.postgres
@pytest.mark.usefixtures("counters_are_free")
@pytest.mark.parametrize("prepare", [True, False])
def test_one_line_alone_is_granted_by_one_statement_and_refused_by_two(
    stocked, want, settings, django_assert_num_queries, prepare
):
    """Each runs in a savepoint here; behind a pooler without prepared statements the answers are the same."""
    settings.PREPARED_STATEMENTS = prepare
    with django_assert_num_queries(3):
        assert reserve([want(("a", stocked, 8))], actor="test") == ReservationOutcome({"a": 8})

    with django_assert_num_queries(4):
        outcome = reserve([want(("b", stocked, 3))], actor="test")

    product, source = stocked.product, stocked.source
    assert outcome.short == [Shortage("b", product.pk, source.pk, product.sku, source.code, 3, 2)]
    assert connection.connection.prepare_threshold is None  # other statements are sent as before
