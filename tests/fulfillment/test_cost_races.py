"""Sixteen committers at once on few units and little capacity: nothing is oversold. Beside it, the control without the lock."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident

import pytest
from cost_world import cost_strategy, offer
from django.db import connection, connections
from django.db.utils import OperationalError
from fulfillment_world import ACTOR, stock

from fulfillment.models import FulfillmentLine, SourceDay
from fulfillment.services import capacity
from fulfillment.services.optimizing import optimize_lines
from inventory.models import FulfillmentSource
from inventory.services.check import ledger_differences
from iom.lib import lock_order
from iom.lib.retry import sqlstate
from orders.models import Order

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
COMMITTERS, EACH = 16, 8


@lock_order.unit
def _optimize(world, order) -> None:
    Order.objects.lock([order.pk])
    optimize_lines(world.demands(order), actor=ACTOR)


def _commit(world, orders) -> None:
    try:
        for order in orders:
            for _ in range(20):
                try:
                    _optimize(world, order)
                    break
                except OperationalError as error:  # a lock that took too long to come, on a busy machine
                    assert sqlstate(error) != "40P01", "nobody waits for who waits for him"
    finally:
        connections.close_all()


def test_sixteen_committers_oversell_neither_stock_nor_capacity(shared_world):
    world = shared_world
    offer()
    cost_strategy()
    FulfillmentSource.objects.filter(code="CHI").update(capacity_per_day=30, capacity_unit="units")
    FulfillmentSource.objects.filter(code="RNO").update(
        capacity_per_day=20, overtime_per_day=3, overtime_minor=90
    )
    FulfillmentSource.objects.filter(code="DAL").update(active=False)
    first, second = world.product(CHI=25, RNO=40), world.product(CHI=40, RNO=20)
    orders = world.orders(COMMITTERS * EACH, (first, 1), (second, 1))
    shares = [orders[n::COMMITTERS] for n in range(COMMITTERS)]

    with ThreadPoolExecutor(COMMITTERS) as pool:
        list(pool.map(lambda share: _commit(world, share), shares))

    held = {thing.pk: stock(thing) for thing in (first, second)}
    assert all(reserved <= hand for rows in held.values() for hand, reserved in rows.values())
    assert ledger_differences() == []
    used = {day.source.code: day.used for day in SourceDay.objects.select_related("source")}
    live = FulfillmentLine.objects.filter(fulfillment_order__state="new")
    for code, most in (("CHI", 30), ("RNO", 23)):
        units = sum(live.filter(fulfillment_order__source__code=code).values_list("quantity", flat=True))
        assert units == used[code] <= most
    assert used["CHI"] >= 29 and used["RNO"] >= 22  # what there was was not left lying either
    assert connection.vendor == "postgresql"


def test_control_without_the_lock_on_the_day_capacity_is_oversold(shared_world, monkeypatch):
    """All read the day before one of them writes it: each counts its own units only, and nobody sees that it is full."""
    offer()
    cost_strategy()
    FulfillmentSource.objects.filter(code="CHI").update(capacity_per_day=5, capacity_unit="units")
    FulfillmentSource.objects.exclude(code="CHI").update(active=False)
    orders = shared_world.orders(COMMITTERS, (shared_world.product(CHI=500), 1))
    _commit(
        shared_world, shared_world.orders(1, (shared_world.product(CHI=1), 1))
    )  # so that there is a row of the day
    together, waited = Barrier(COMMITTERS, timeout=60), set()

    def unlocked(sources, days):
        rows = SourceDay.objects.filter(source_id__in=sources, day__in=days).order_by("pk")
        found = list(rows.values_list("pk", "source_id", "day", "unit", "used", "maximum"))
        if (thread := get_ident()) not in waited:
            waited.add(thread)
            together.wait()
        return found

    monkeypatch.setattr(capacity, "_lock", unlocked)
    with ThreadPoolExecutor(COMMITTERS) as pool:
        list(pool.map(lambda order: _commit(shared_world, [order]), orders))

    live = FulfillmentLine.objects.filter(fulfillment_order__state="new")
    assert sum(live.values_list("quantity", flat=True)) == COMMITTERS + 1 > 5
    assert SourceDay.objects.get().used == 2
