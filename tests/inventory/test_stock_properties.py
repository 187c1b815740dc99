"""Whatever happens in whatever order: never oversold, totals equal the ledger, and a plain model agrees."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import ReservationExceeded, StockBelowReserved
from inventory.models import InventoryPosition
from inventory.services.reservations import consume, release, reserve
from inventory.services.stock import adjust, set_on_hand, set_safety_stock
from inventory.types import StockChange, StockLevel

KEYS, PLACES = st.integers(0, 7), st.integers(0, 2)
LINES = st.lists(st.tuples(KEYS, PLACES, st.integers(1, 8)), min_size=1, max_size=3)
STEPS = st.one_of(
    st.tuples(st.just("reserve"), st.lists(st.tuples(LINES, st.booleans()), min_size=1, max_size=3)),
    st.tuples(st.just("release"), st.lists(KEYS, max_size=3)),
    st.tuples(st.just("consume"), st.dictionaries(KEYS, st.integers(0, 8), max_size=3), st.booleans()),
    st.tuples(st.just("set"), PLACES, st.integers(0, 15)),
    st.tuples(st.just("adjust"), PLACES, st.integers(-8, 8)),
    st.tuples(st.just("safety"), PLACES, st.integers(0, 5)),
)


class Model:
    """The rules once more, one line at a time, without a database."""

    def __init__(self, places):
        self.on_hand, self.safety = dict.fromkeys(places, 10), dict.fromkeys(places, 0)
        self.active, self.consumed, self.closed = (
            {},
            {},
            set(),
        )  # key -> (place, quantity); key -> quantity; keys

    def reserved(self, place):
        return sum(quantity for where, quantity in self.active.values() if where == place)

    def reserve(self, requests):
        for lines, partial in requests:
            before, short = dict(self.active), False
            for key, place, quantity in lines:
                if key in self.active or key in self.consumed:
                    continue
                free = max(self.on_hand[place] - self.reserved(place) - self.safety[place], 0)
                taken = 0 if key in self.closed else min(free, quantity)
                short |= taken < quantity
                if taken and (partial or taken == quantity):
                    self.active[key] = (place, taken)
            if short and not partial:
                self.active = before

    def consume(self, quantities, keep_rest):
        held = {key: quantity for key, quantity in quantities.items() if key in self.active}
        if any(quantity > self.active[key][1] for key, quantity in held.items()):
            raise ReservationExceeded({})
        for key, quantity in held.items():
            place, had = self.active.pop(key)
            self.on_hand[place] -= quantity
            if keep_rest and quantity < had:
                self.active[key] = (place, had - quantity)
            elif quantity:
                self.consumed[key] = quantity
            else:
                self.closed.add(key)

    def release(self, keys):
        for key in set(keys) & self.active.keys():
            del self.active[key]
            self.closed.add(key)

    def level(self, place, on_hand):
        if on_hand < self.reserved(place):
            raise StockBelowReserved([])
        self.on_hand[place] = on_hand


def on_model(model, step):
    match step:
        case "reserve", requests:
            model.reserve(requests)
        case "release", keys:
            model.release(keys)
        case "consume", quantities, keep_rest:
            model.consume(quantities, keep_rest)
        case "set", place, quantity:
            model.level(place, quantity)
        case "adjust", place, quantity:
            model.level(place, model.on_hand[place] + quantity)
        case "safety", place, quantity:
            model.safety[place] = quantity


def on_stock(shelves, want, step):
    match step:
        case "reserve", requests:
            batch = [
                want(
                    *((f"k{key}", shelves[place], quantity) for key, place, quantity in lines),
                    partial=partial,
                )
                for lines, partial in requests
            ]
            reserve(batch, actor="test")
        case "release", keys:
            release([f"k{key}" for key in keys], actor="test")
        case "consume", quantities, keep_rest:
            named = {f"k{key}": quantity for key, quantity in quantities.items()}
            consume(named, actor="test", keep_rest=keep_rest)
        case kind, place, quantity:
            service, row = {
                "set": (set_on_hand, StockLevel),
                "adjust": (adjust, StockChange),
                "safety": (set_safety_stock, StockLevel),
            }[kind]
            service(
                [row(shelves[place].product_id, shelves[place].source_id, quantity)], actor="test", reason=""
            )


def outcome_of(function, *arguments):
    try:
        function(*arguments)
    except (ReservationExceeded, StockBelowReserved) as refusal:
        return type(refusal)
    return None


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_stock_agrees_with_the_rules(shelf, want, ledger_holds, steps):

    with transaction.atomic():
        shelves = shelf(3)
        model = Model(range(3))
        for step in steps:
            assert outcome_of(on_stock, shelves, want, step) == outcome_of(on_model, model, step)
            stored = InventoryPosition.objects.order_by("pk").values_list(
                "on_hand", "reserved", "safety_stock"
            )
            assert list(stored) == [(model.on_hand[n], model.reserved(n), model.safety[n]) for n in range(3)]
        ledger_holds()
        transaction.set_rollback(True)
