"""The shipped flow where stock or a source fails it: what can go goes, the rest waits for stock, nobody is asked twice."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentOrder, RejectionReason, SourceRejection
from fulfillment.services import execution
from fulfillment.types import ShipmentReport
from inventory.models import InventoryPosition
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.models import StepRun
from orchestration.services import publishing
from orchestration.services.restock import restock
from orders.models import Hold
from providers.models import ProviderConnection, ProviderRequest
from providers.services import effects

FLOW = Path(publishing.__file__).parent.parent / "flows" / "order_to_invoice.json"


@pytest.fixture(autouse=True)
def shipped_flow(world, monkeypatch):
    """The flow that ships with the demo, and empty shelves."""
    monkeypatch.setattr("orchestration.services.restock._seen", 0)
    monkeypatch.setattr("orchestration.services.restock._looked", datetime.min.replace(tzinfo=UTC))
    flow = publishing.import_flow(json.loads(FLOW.read_text()), actor="test")
    publishing.publish(flow.pk, actor="test")
    levels = InventoryPosition.objects.values_list("product_id", "source_id")
    set_on_hand([StockLevel(*pair, 0) for pair in levels], actor="test", reason="count")


def count(world, sku, **levels):
    rows = [
        StockLevel(world["products"][sku].pk, world["sources"][code.replace("_", "-")].pk, units)
        for code, units in levels.items()
    ]
    set_on_hand(rows, actor="test", reason="count")


def parts(order):
    found = FulfillmentOrder.objects.filter(order=order).order_by("pk")
    return [(f.source.code, f.state, f.lines.get().quantity) for f in found]


def active(order):
    return list(Hold.objects.active().filter(order=order).values_list("type", flat=True))


def stops(order):
    return StepRun.objects.filter(run__order=order, state="failed").count()


def test_what_there_is_of_a_line_goes_on_and_the_rest_waits_for_stock(world, make_orders, run_flows):
    count(world, "A", ST_CHI=3)
    (order,) = make_orders(lines=[("A", 5)])
    run_flows()

    assert parts(order) == [("ST-CHI", "sent", 3)]
    assert (active(order), stops(order)) == (["backorder"], 0)
    line = order.lines.get()
    assert (line.quantity_backordered, line.state) == (2, "fulfillment")

    assert restock() == 0  # nothing came in
    count(world, "A", DC_CMH=9)
    assert restock() == 1
    run_flows()

    assert parts(order) == [("ST-CHI", "sent", 3), ("DC-CMH", "sent", 2)]
    assert (active(order), stops(order), order.lines.get().quantity_backordered) == ([], 0, 0)
    assert restock() == 0
    assert ledger_differences() == []


def test_a_source_that_may_be_asked_again_serves_what_waits(world, make_orders, run_flows):
    RejectionReason.objects.create(code="busy", label="Busy today", cooldown_days=1)
    count(world, "A", ST_CHI=9)
    (order,) = make_orders(lines=[("A", 2)])
    run_flows()
    execution.reject([FulfillmentOrder.objects.get(order=order).pk], kind="busy", actor="test")
    run_flows()
    assert (active(order), restock()) == (["backorder"], 0)

    SourceRejection.objects.update(until=timezone.now())
    assert restock() == 1
    run_flows()

    assert parts(order) == [("ST-CHI", "rejected", 2), ("ST-CHI", "sent", 2)]
    assert (active(order), restock()) == ([], 0)


def test_the_oldest_backorder_is_served_first_and_no_more_than_there_are_units(world, make_orders, run_flows):
    orders = make_orders(3, lines=[("A", 2)])
    run_flows()
    assert [active(order) for order in orders] == [["backorder"]] * 3

    count(world, "A", DC_RNO=3)
    assert restock() == 2
    run_flows()

    assert [parts(order) for order in orders] == [[("DC-RNO", "sent", 2)], [("DC-RNO", "sent", 1)], []]
    assert [active(order) for order in orders] == [[], ["backorder"], ["backorder"]]
    assert restock() == 0


def test_what_a_shipment_left_out_is_found_elsewhere(world, make_orders, run_flows):
    count(world, "A", ST_CHI=5, DC_CMH=5)
    (order,) = make_orders(lines=[("A", 4)])
    run_flows()
    work = FulfillmentOrder.objects.get(order=order)
    line = work.lines.get()
    execution.ship(
        [ShipmentReport("s1", work.pk, "UPS", "1Z", timezone.now(), lines={line.pk: 3})], actor="test"
    )
    run_flows()

    assert parts(order) == [("ST-CHI", "shipped", 4), ("DC-CMH", "sent", 1)]
    assert SourceRejection.objects.get().reason == "shipped less than it was told to"


def _refuse(work):
    request = ProviderRequest.objects.get(record_id=work.pk, action="threepl.send")
    request.state, request.error_code, request.error = "failed", "not_carried", "We do not store A."
    request.save()
    effects.settled([request])


def test_what_a_3pl_refuses_is_sourced_elsewhere_and_never_there_again(world, make_orders, run_flows):
    threepl = world["sources"]["ST-CHI"]
    threepl.type = "3pl"
    threepl.save()
    connection = ProviderConnection.objects.create(key="t", name="t", provider="threepl", status="active")
    connection.sources.set([threepl])
    count(world, "A", ST_CHI=9, DC_CMH=9)
    (order,) = make_orders(lines=[("A", 2)])
    run_flows()
    (work,) = FulfillmentOrder.objects.filter(order=order)
    _refuse(work)
    run_flows()

    assert parts(order) == [("ST-CHI", "rejected", 2), ("DC-CMH", "sent", 2)]
    assert (stops(order), active(order)) == (0, [])
    held = InventoryPosition.objects.get(source=threepl, product__sku="A")
    assert (held.reserved, ledger_differences()) == (0, [])

    execution.reject(
        [FulfillmentOrder.objects.get(order=order, state="sent").pk], reason="damaged", actor="dc"
    )
    run_flows()

    assert parts(order)[-1] == ("DC-CMH", "rejected", 2)
    assert (stops(order), active(order)) == (0, ["backorder"])  # nobody else has it: it waits for stock
    count(world, "A", ST_CHI=20)
    assert restock() == 0  # who refused is not asked again
    count(world, "A", DC_RNO=2)
    assert restock() == 1
    run_flows()
    assert parts(order)[-1] == ("DC-RNO", "sent", 2)
