"""Invoices over real HTTP: once each, whatever becomes of the replies, and to the cent."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Invoice
from fulfillment.services import execution
from fulfillment.types import ShipmentReport
from orders.models import OrderLine
from orders.types import ChargeDraft
from providers.models import ConnectionGate, ProviderRequest
from providers.services import outbox, payloads
from providers.services.outbox import RequestDraft

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shipped(make_order, make_product, make_source, make_stock) -> list[FulfillmentOrder]:
    """Seven units of one line, 9.99 each, tax 5.01, in three parcels of 2, 2 and 3; shipping 4.95."""
    product, source = make_product("A-1"), make_source("DC-CMH")
    make_stock(product, source, 100)
    order = make_order(("A-1", 7, "9.99"), charges=(ChargeDraft("shipping", 495, "Shipping"),))
    OrderLine.objects.filter(order=order).update(tax_minor=501)
    line, now = OrderLine.objects.get(order=order), timezone.now()
    works = []
    for n, units in enumerate((2, 2, 3)):
        work = FulfillmentOrder.objects.create(
            key=f"fo:{n}", order=order, source=source, state_at=now, created_at=now
        )
        FulfillmentLine.objects.create(
            fulfillment_order=work, order_line=line, product=product, quantity=units
        )
        works.append(work)
    execution.reserve_lines([line.pk], actor="test")
    execution.send([work.pk for work in works], actor="test")
    execution.ship([ShipmentReport(f"s{w.pk}", w.pk, "UPS", "1Z", now) for w in works], actor="test")
    return works


def enqueue(connection, works) -> None:
    bodies = payloads.build("billing.invoice", [work.pk for work in works])
    outbox.enqueue(
        [
            RequestDraft(f"inv/{w.pk}", connection.pk, "billing.invoice", bodies[w.pk], "fulfillment_order", w.pk, w.order_id)
            for w in works
        ]
    )  # fmt: skip


def due_now() -> None:
    past = timezone.now() - timedelta(seconds=1)
    ProviderRequest.objects.filter(due_at__isnull=False).update(due_at=past)
    ConnectionGate.objects.update(closed_until=None)


TOTAL = 7 * 999 + 501 + 495


def test_all_invoices_of_an_order_are_its_total(connect, vendor, shipped):
    enqueue(connect("billing"), shipped)
    outbox.deliver(1)
    assert sum(Invoice.objects.values_list("amount_minor", flat=True)) == TOTAL
    assert Invoice.objects.count() == len(vendor.ledger) == 3


def test_one_by_one_they_add_up_as_well(connect, vendor, shipped):
    connection = connect("billing")
    for work in reversed(shipped):
        enqueue(connection, [work])
        outbox.deliver(1)
    amounts = list(Invoice.objects.order_by("fulfillment_order_id").values_list("amount_minor", flat=True))
    assert sum(amounts) == TOTAL and amounts[2] == 3 * 999 + 501 * 3 // 7 + 495
    rows = ProviderRequest.objects.order_by("pk").first().payload["lines"]
    assert (
        Decimal(rows[1]["unit_price"]) == Decimal("4.95") and rows[1]["description"] == "Shipping and charges"
    )


@pytest.mark.parametrize("fault", ["drop", 500, 503, b"<html>thanks</html>"])
@pytest.mark.parametrize("single", [True, False])
def test_a_lost_reply_is_asked_for_by_key(connect, vendor, shipped, fault, single):
    works = shipped[:1] if single else shipped
    enqueue(connect("billing"), works)
    vendor.script = [fault]
    outbox.deliver(1)
    due_now()
    outbox.deliver(1)
    assert sorted(vendor.ledger) == sorted(f"inv/{work.pk}" for work in works)
    assert Invoice.objects.count() == len(works)
    posts = [path for method, path, _ in vendor.calls if method == "POST"]
    asked = [path for method, path, _ in vendor.calls if method == "GET"]
    assert len(posts) == 1 and len(asked) == len(works) and "by-key" in asked[0]


class Forgetful(dict):
    def get(self, key, default=None):
        """Who asks is told that nothing is known, however soon after."""
        return default


def test_a_vendor_without_memory_would_have_made_two(connect, vendor, shipped):
    """The control: if it cannot be asked and does not know the key, the second try is a second invoice."""
    enqueue(connect("billing"), shipped[:1])
    vendor.script, vendor.uses_keys, vendor.known = ["drop"], False, Forgetful()
    outbox.deliver(1)
    due_now()
    outbox.deliver(1)
    assert len(vendor.ledger) == 2
