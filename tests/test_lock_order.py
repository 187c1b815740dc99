"""Rows of stock and capacity that transactions lock in any number of lots: nobody waits for who waits for him."""

from threading import Barrier, Thread

import pytest
from django.db import OperationalError, connection, transaction

from fulfillment.locks import DAYS
from inventory.locks import POSITIONS
from inventory.models import InventoryPosition
from inventory.services import positions
from iom.lib import lock_order

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pairs(make_product, make_source, make_stock) -> list[tuple[int, int]]:
    source = make_source()
    made = [make_stock(make_product(), source, 5) for _ in range(2)]
    return [(position.product_id, position.source_id) for position in made]


def cross(pairs: list[tuple[int, int]]) -> list[str]:
    """Two take the same two positions, one lot each, the other way round. Returns what went wrong."""
    met, wrong = Barrier(2), []

    def work(first, second) -> None:
        seen = []

        @lock_order.unit
        def take() -> None:
            positions.lock([first])
            if not seen:
                seen.append(met.wait(5))
            positions.lock([second])

        try:
            take()
        except OperationalError as error:
            wrong.append(str(error).splitlines()[0])
        finally:
            connection.close()

    threads = [Thread(target=work, args=args) for args in (pairs, pairs[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_two_that_take_in_lots_run_one_after_the_other(pairs):
    assert cross(pairs) == []


def test_control_without_the_gate_they_wait_for_each_other(pairs, monkeypatch):
    monkeypatch.setattr(lock_order, "lock", lambda *_, **__: None)
    assert cross(pairs) == ["deadlock detected"]


def test_a_late_lot_runs_its_unit_again_alone_and_nothing_of_the_first_time_stays(pairs):
    runs = []

    @lock_order.unit
    def take() -> None:
        runs.append(lock_order.comes_in_time(DAYS))
        positions.lock(pairs)
        InventoryPosition.objects.update(on_hand=InventoryPosition.objects.first().on_hand + 1)
        lock_order.lock(DAYS)

    take()
    assert len(runs) == 2
    assert set(InventoryPosition.objects.values_list("on_hand", flat=True)) == {6}


def test_lots_in_order_and_rows_named_again_run_once(pairs):
    runs = []

    @lock_order.unit
    def take() -> None:
        runs.append(1)
        lock_order.lock(DAYS)
        positions.lock(pairs)
        positions.lock(pairs[:1])
        lock_order.lock(POSITIONS, needed=lambda: False)

    take()
    assert len(runs) == 1


def test_a_savepoint_that_is_rolled_back_forgets_its_lots(pairs):
    runs = []

    @lock_order.unit
    def take() -> None:
        runs.append(1)
        for _ in range(2):
            with transaction.atomic():
                positions.lock(pairs)
                transaction.set_rollback(True)
        lock_order.lock(DAYS)

    take()
    assert len(runs) == 1
