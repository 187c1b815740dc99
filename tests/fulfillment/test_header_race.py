"""The header event is raised once, however many hands finish the order's last lines at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone
from fulfillment_world import kinds, state_of

from fulfillment.models import FulfillmentOrder
from fulfillment.services import shipping
from fulfillment.services.reporting import record_invoices
from fulfillment.services.shipping import ship
from fulfillment.types import InvoiceRow, ShipmentReport

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="one writer at a time"),
]


def at_once(*calls) -> list:
    together = threading.Barrier(len(calls))

    def run(call):
        try:
            together.wait(timeout=10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def shipped(work: FulfillmentOrder):
    report = ShipmentReport(f"s{work.pk}", work.pk, "UPS", f"1Z{work.pk}", timezone.now())
    return lambda: ship([report], actor="user:test")


def invoiced(work: FulfillmentOrder):
    row = InvoiceRow(work.pk, f"INV-{work.pk}", 100, "USD", timezone.now())
    return lambda: record_invoices([row], actor="user:test")


@pytest.fixture
def three_sources(shared_world):
    """An order whose three lines are at three sources, all sent."""

    def make():
        lines = [(shared_world.product(**{code: 5}), 1) for code in ("CHI", "RNO", "DAL")]
        work = shared_world.sent(*lines)
        assert len(work) == 3
        return work

    return make


def test_three_workers_ship_the_last_three_lines(three_sources):
    for _ in range(10):
        work = three_sources()

        at_once(*(shipped(item) for item in work))

        told = kinds(order=work[0].order_id)
        assert told.count("order.shipped") == 1
        assert told.count("order_line.shipped") == 3
        assert state_of(work[0].order)[0] == "shipped"


def test_three_invoices_at_once_end_the_order_once(three_sources):
    work = three_sources()
    for item in work:
        shipped(item)()

    at_once(*(invoiced(item) for item in work))

    assert kinds(order=work[0].order_id).count("order.invoiced") == 1
    assert state_of(work[0].order)[0] == "completed"


def test_without_the_lock_nobody_sees_the_last_line_arrive(three_sources, monkeypatch):
    """The control: each of them reads the lines before the others have written theirs."""
    first, *last = three_sources()
    shipped(first)()  # the header is part shipped from here on
    both_have_settled, settle = threading.Barrier(2), shipping.settle_headers
    monkeypatch.setattr(shipping, "lock_work", _unlocked(shipping.lock_work))

    def slow(*args, **kwargs):
        found = settle(*args, **kwargs)
        both_have_settled.wait(timeout=10)
        return found

    monkeypatch.setattr(shipping, "settle_headers", slow)
    at_once(*(shipped(item) for item in last))

    assert "order.shipped" not in kinds(order=first.order_id)


def _unlocked(lock_work):
    def read(ids, **kwargs):
        work = {
            item.pk: item for item in FulfillmentOrder.objects.filter(pk__in=ids).select_related("source")
        }
        return work, {item.order_id: item.order for item in work.values()}

    return read
