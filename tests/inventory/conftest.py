"""The cast of the stock tests: products, sources, positions, and what must hold after each of them."""

from threading import Barrier, Thread

import pytest
from django.db import connections

from inventory.models import FulfillmentSource, InventoryMovement, InventoryPosition, Product, Reservation
from inventory.services import check, stock
from inventory.types import ReservationLine, ReservationRequest, StockLevel


@pytest.fixture
def product(db):
    return Product.objects.create(sku="MUG", name="Mug")


@pytest.fixture
def source(db):
    return FulfillmentSource.objects.create(code="EAST", name="East")


@pytest.fixture
def stocked(product, source):
    """A position with ten on hand."""
    stock.set_on_hand([StockLevel(product.pk, source.pk, 10)], actor="test", reason="count")
    return InventoryPosition.objects.get()


@pytest.fixture
def shelf(db):
    """Makes this many positions with ten on hand each; sorted by id."""

    def make(count: int, quantity: int = 10) -> list[InventoryPosition]:
        source = FulfillmentSource.objects.create(code="SHELF", name="Shelf")
        products = Product.objects.bulk_create(Product(sku=f"S{n:04}", name="Thing") for n in range(count))
        levels = [StockLevel(product.pk, source.pk, quantity) for product in products]
        stock.set_on_hand(levels, actor="test", reason="count")
        return list(InventoryPosition.objects.filter(source=source).order_by("pk"))

    return make


@pytest.fixture
def want():
    """One request of (key, position, quantity) lines."""

    def request(*lines, **how) -> ReservationRequest:
        return ReservationRequest(
            tuple(
                ReservationLine(key, f"ref:{key}", position.product_id, position.source_id, quantity)
                for key, position, quantity in lines
            ),
            **how,
        )

    return request


@pytest.fixture
def counters():
    """(on hand, reserved, safety stock) of a position, as stored now."""

    def read(position) -> tuple[int, int, int]:
        return InventoryPosition.objects.values_list("on_hand", "reserved", "safety_stock").get(
            pk=position.pk
        )

    return read


@pytest.fixture
def everything():
    """All that stock consists of, to show that a refusal changed nothing."""

    def read() -> list:
        tables = (InventoryPosition, Reservation, InventoryMovement)
        return [list(table.objects.order_by("pk").values_list()) for table in tables]

    return read


@pytest.fixture
def ledger_holds():
    def assert_holds() -> None:
        assert check.ledger_differences() == []
        assert check.oversold_positions() == []

    return assert_holds


@pytest.fixture
def at_once():
    """Runs work(n) in so many threads that start together; returns what each returned, errors included."""

    def run(count: int, work) -> list:
        results, start = [None] * count, Barrier(count)

        def one(n: int) -> None:
            start.wait()
            try:
                results[n] = work(n)
            except Exception as error:
                results[n] = error
            finally:
                connections.close_all()

        threads = [Thread(target=one, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run
