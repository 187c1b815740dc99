"""Sixteen committers at once on few units and little capacity: nothing is oversold. Beside it, the control."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cost_world import cost_strategy, offer
from django.db import connection, connections, transaction
from django.db.utils import OperationalError
from fulfillment_world import ACTOR, stock

from fulfillment.models import FulfillmentLine, SourceDay
from fulfillment.services.optimizing import optimize_lines
from inventory.models import FulfillmentSource
from inventory.services.check import ledger_differences
from orders.models import Order

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
COMMITTERS, EACH = 16, 8


def _commit(world, orders) -> None:
    try:
        for order in orders:
            for _ in range(20):
                try:
                    with transaction.atomic():
                        Order.objects.lock([order.pk])
                        optimize_lines(world.demands(order), actor=ACTOR)
                    break
                except OperationalError:  # a deadlock is repeated as a whole, as the engine does
                    continue
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
