"""Stock as it was: whatever happened since, the ledger tells what was available at each moment."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.history import StockHistory
from inventory.models import FulfillmentSource, Product
from inventory.selectors import availability
from inventory.services.reservations import consume, release, reserve
from inventory.services.stock import adjust, set_on_hand, set_safety_stock
from inventory.types import ReservationLine, ReservationRequest, StockChange, StockLevel

SHORTLY = timedelta(seconds=30)


@pytest.fixture
def places(db) -> list[tuple[int, int]]:
    sources = [FulfillmentSource.objects.create(code=code, name=code) for code in ("EAST", "WEST")]
    products = [Product.objects.create(sku=sku, name=sku) for sku in ("MUG", "JUG")]
    return [(product.pk, source.pk) for product in products for source in sources]


def now_available(products) -> dict[tuple[int, int], int]:
    return {(p, s): hand - held - kept for p, s, hand, held, kept in availability(products)}


def happen(random: Random, places, number: int) -> None:
    """One of the things that move stock."""
    product, source = random.choice(places)
    by = {"actor": "test", "reason": "any"}
    match random.randrange(6):
        case 0:
            adjust([StockChange(product, source, random.randint(1, 9))], **by)
        case 1:
            set_safety_stock([StockLevel(product, source, random.randint(0, 4))], **by)
        case 2:
            release([f"k{random.randrange(number + 1)}"], actor="test")
        case 3:
            consume({f"k{random.randrange(number + 1)}": 1}, actor="test", keep_rest=True)
        case _:
            line = ReservationLine(
                f"k{number}", f"order_line:{number}", product, source, random.randint(1, 3)
            )
            reserve([ReservationRequest((line,))], actor="test")


def test_every_moment_is_rebuilt(places):
    random, products = Random(11), {product for product, _ in places}
    set_on_hand([StockLevel(p, s, 20) for p, s in places], actor="test", reason="count")
    then = []
    for number in range(60):
        then.append((timezone.now(), now_available(products)))
        happen(random, places, number)
    with CaptureQueriesContext(connection) as captured:
        history = StockHistory(products, then[5][0], then[-1][0], after=SHORTLY)
    assert len(captured) == 2
    for moment, expected in then[5:]:
        found = history.at(moment)
        assert {(p, s): units for p, held in found.items() for s, units in held.items()} == expected


def test_what_came_later_is_not_there_yet(places):
    product, source = places[0]
    before = timezone.now()
    set_on_hand([StockLevel(product, source, 7)], actor="test", reason="count")
    assert StockHistory([product], before, before, after=SHORTLY).at(before) == {product: {source: 0}}


def test_given_back_is_what_a_new_plan_released_first(places):
    (product, east), (_, west), *_ = places
    set_on_hand([StockLevel(product, s, 9) for s in (east, west)], actor="test", reason="count")

    def hold(key, source, units):
        line = ReservationLine(key, "order_line:1", product, source, units)
        reserve([ReservationRequest((line,))], actor="test")

    first = timezone.now()
    hold("a", east, 2)
    again = timezone.now()
    release(["a"], actor="test")
    hold("b", west, 3)
    release(["b"], actor="test")
    history = StockHistory([product], first, again, after=SHORTLY)
    history.at(first)
    assert history.given_back({"order_line:1"}, SHORTLY, first) == []  # it took something before
    assert history.at(again) == {product: {east: 7, west: 9}}
    assert [(m.source, m.change) for m in history.given_back({"order_line:1"}, SHORTLY, again)] == [(east, 2)]
    assert history.given_back({"order_line:2"}, SHORTLY, again) == []
