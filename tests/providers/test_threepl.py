"""A 3PL end to end over real HTTP: sent once, reported in any order, canceled by asking."""

import json

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, SourceRejection
from orders.models import OrderLine
from providers.services import inbox, outbox, payloads
from providers.services.outbox import RequestDraft

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def work(make_order, make_product, make_source) -> FulfillmentOrder:
    product, source = make_product("A-1"), make_source("3PL-DFW")
    order = make_order((product.sku, 2))
    now = timezone.now()
    work = FulfillmentOrder.objects.create(
        key="fo:test", order=order, source=source, state_at=now, created_at=now
    )
    line = OrderLine.objects.get(order=order)
    FulfillmentLine.objects.create(fulfillment_order=work, order_line=line, product=product, quantity=2)
    return work


def enqueue(connection, work) -> None:
    body = payloads.build("threepl.send", [work.pk])[work.pk]
    outbox.enqueue(
        [
            RequestDraft(
                "run:1/send/1",
                connection.pk,
                "threepl.send",
                body,
                "fulfillment_order",
                work.pk,
                work.order_id,
            )
        ]
    )


def state(work) -> str:
    return FulfillmentOrder.objects.get(pk=work.pk).state


def test_sent_with_its_number(connect, vendor, work):
    enqueue(connect("threepl"), work)
    assert outbox.deliver(1) == 1
    found = FulfillmentOrder.objects.get(pk=work.pk)
    assert (found.state, found.external_id) == ("sent", "3P-1")


def test_a_report_that_overtakes_our_own_call_finds_its_order(connect, vendor, work):
    connection = connect("threepl")
    enqueue(connection, work)
    data = {"id": "3P-1", "client_key": "run:1/send/1", "status": "accepted", "sequence": 2}
    body = json.dumps({"type": "order.accepted", "data": data}).encode()
    inbox.store(connection, "e1", "order.accepted", {}, body)
    assert inbox.work(1) == 1
    assert state(work) == "accepted"
    outbox.deliver(1)
    assert state(work) == "accepted" and vendor.ledger == ["run:1/send/1"]


def test_a_refusal_frees_the_fulfillment_order(connect, vendor, work):
    enqueue(connect("threepl"), work)
    vendor.script = [422]
    outbox.deliver(1)
    found = FulfillmentOrder.objects.get(pk=work.pk)
    assert found.state == "new" and found.send_requested_at is None


def test_who_refused_a_line_is_not_found_for_it_again(connect, vendor, work):
    enqueue(connect("threepl"), work)
    vendor.script = [422]
    outbox.deliver(1)
    refusal = SourceRejection.objects.get()
    assert (refusal.source_id, refusal.order_line.order_id) == (work.source_id, work.order_id)
    assert OrderLine.objects.get(order=work.order_id).state_reason == "rejected"
