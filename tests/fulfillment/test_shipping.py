import pytest
from django.utils import timezone
from fulfillment_world import ACTOR, kinds, line_states, queries, snapshot, state_of, stock

from fulfillment.models import FulfillmentOrder, Invoice, Shipment, ShipmentLine
from fulfillment.services import execution
from fulfillment.types import InvoiceRow, ShipmentReport
from inventory.services.check import ledger_differences
from orders.models import OrderLine
from orders.types import Outcome


def report(work, key="s1", **values) -> ShipmentReport:
    return ShipmentReport(
        **{
            "key": key,
            "fulfillment_order_id": work.pk,
            "carrier": "UPS",
            "tracking_number": f"1Z{key}",
            "shipped_at": timezone.now(),
        }
        | values
    )


def invoice(work, number="INV-1") -> InvoiceRow:
    return InvoiceRow(work.pk, number, 1999, "USD", timezone.now())


def test_a_shipment_takes_the_stock_and_ends_the_lines(world):
    thing = world.product(CHI=5)
    (work,) = world.sent((thing, 2), (None, 3))
    execution.pack([work.pk], actor=ACTOR)

    assert execution.ship([report(work, sequence=7, cost_minor=850)], actor=ACTOR) == Outcome(
        changed=[work.pk]
    )

    shipment = Shipment.objects.get()
    assert (shipment.key, shipment.carrier, shipment.tracking_number, shipment.cost_minor) == (
        "s1",
        "UPS",
        "1Zs1",
        850,
    )
    assert list(shipment.lines.order_by("pk").values_list("quantity", flat=True)) == [2, 3]
    assert stock(thing) == {"CHI": (3, 0)}
    assert state_of(work) == ("shipped", "")
    assert FulfillmentOrder.objects.get().provider_sequence == 7
    assert list(work.lines.order_by("pk").values_list("quantity_shipped", flat=True)) == [2, 3]
    assert list(work.order.lines.values_list("quantity_shipped", "state")) == [(2, "shipped"), (3, "shipped")]
    assert state_of(work.order) == ("shipped", "shipped")
    assert kinds()[-4:] == [
        "fulfillment_order.shipped",
        "order_line.shipped",
        "order_line.shipped",
        "order.shipped",
    ]
    assert ledger_differences() == []


def test_a_repeated_report_ships_nothing_twice(world):
    thing = world.product(CHI=5)
    (work,) = world.sent((thing, 2))
    execution.ship([report(work), report(work)], actor=ACTOR)
    before = snapshot()
    assert execution.ship([report(work)], actor=ACTOR) == Outcome()
    assert (snapshot(), Shipment.objects.count()) == (before, 1)


def test_another_shipment_of_the_same_fulfillment_order_is_refused(world):
    (work,) = world.sent((world.product(CHI=5), 2))
    execution.ship([report(work)], actor=ACTOR)
    before = snapshot()
    outcome = execution.ship([report(work, "s2")], actor=ACTOR)
    assert outcome == Outcome(refused={work.pk: f"{work.number} has shipped already."})
    assert snapshot() == before


@pytest.mark.parametrize(
    "units, words",
    [
        (3, "would ship 3 of 2 on line"),
        (0, "brings no units of"),
        (-1, "brings no units of"),
    ],
)
def test_more_than_the_line_has_never_ships(world, units, words):
    (work,) = world.sent((world.product(CHI=5), 2))
    before = snapshot()
    outcome = execution.ship([report(work, lines={work.lines.get().pk: units})], actor=ACTOR)
    assert outcome.changed == []
    assert words in outcome.refused[work.pk]
    assert (snapshot(), Shipment.objects.count()) == (before, 0)


def test_a_line_of_another_fulfillment_order_never_ships(world):
    one, two = world.sent((world.product(CHI=5), 2), how_many=2)
    strange = two.lines.get().pk
    outcome = execution.ship([report(one, lines={strange: 1})], actor=ACTOR)
    assert outcome.refused == {one.pk: f"{one.number} has no line {strange}."}


def test_one_bad_report_does_not_stop_the_others(world):
    one, two = world.sent((world.product(CHI=9), 2), how_many=2)
    reports = [report(one, "a", lines={one.lines.get().pk: 9}), report(two, "b")]
    outcome = execution.ship(reports, actor=ACTOR)
    assert (outcome.changed, list(outcome.refused)) == ([two.pk], [one.pk])
    assert (state_of(one)[0], state_of(two)[0]) == ("sent", "shipped")


def test_a_short_shipment_leaves_the_line_in_fulfillment(world):
    thing = world.product(CHI=5, RNO=5)
    (work,) = world.sent((thing, 4))
    execution.ship([report(work, lines={work.lines.get().pk: 3})], actor=ACTOR)
    assert line_states(work.order) == [("fulfillment", "part_shipped")]
    assert work.order.lines.get().quantity_shipped == 3
    assert stock(thing) == {"CHI": (2, 0), "RNO": (5, 0)}
    assert state_of(work.order)[0] == "fulfillment"
    assert ledger_differences() == []
    (found,) = world.source(work.order).values()
    assert sum(units for _, units, _ in found.allocations) == 1


def test_a_line_that_was_left_out_altogether_is_sourced_elsewhere(world):
    thing, missing = world.product(CHI=5), world.product(CHI=5, RNO=5)
    (work,) = world.sent((thing, 1), (missing, 1))
    first = work.lines.order_by("pk").first()
    execution.ship([report(work, lines={first.pk: 1})], actor=ACTOR)
    assert line_states(work.order) == [("shipped", "shipped"), ("in_progress", "rejected")]
    assert stock(missing) == {"CHI": (5, 0), "RNO": (5, 0)}
    world.source(work.order)
    assert FulfillmentOrder.objects.get(state="new").source.code == "RNO"


def test_a_split_line_has_shipped_when_its_last_part_has(world):
    thing = world.product(CHI=3, RNO=4)
    one, two = world.sent((thing, 5))
    execution.ship([report(one, "a")], actor=ACTOR)
    assert line_states(one.order) == [("fulfillment", "part_shipped")]
    execution.ship([report(two, "b")], actor=ACTOR)
    assert line_states(one.order) == [("shipped", "shipped")]
    assert kinds(kind="order_line.shipped") == ["order_line.shipped"]
    assert OrderLine.objects.get().quantity_shipped == 5


def test_the_order_is_part_shipped_until_its_last_line(world):
    near, far = world.product(CHI=5), world.product(RNO=5)
    one, two = world.sent((near, 1), (far, 1))
    execution.ship([report(one, "a")], actor=ACTOR)
    assert state_of(one.order) == ("fulfillment", "part_shipped")
    execution.ship([report(two, "b")], actor=ACTOR)
    assert state_of(one.order) == ("shipped", "shipped")
    assert kinds(kind="order.shipped") == ["order.shipped"]


def test_delivery_waits_for_the_shipment(world):
    one, two = world.sent((world.product(CHI=5), 1), (world.product(RNO=5), 1))
    before = snapshot()
    assert execution.deliver([one.pk], actor=ACTOR) == Outcome(refused={one.pk: "waits for: shipped"})
    assert snapshot() == before
    execution.ship([report(one, "a"), report(two, "b")], actor=ACTOR)
    assert execution.deliver([one.pk], actor=ACTOR) == Outcome(changed=[one.pk])
    assert "order.delivered" not in kinds()
    assert execution.deliver([one.pk, two.pk], actor=ACTOR) == Outcome(changed=[two.pk])
    assert execution.deliver([one.pk, two.pk], actor=ACTOR) == Outcome()
    assert kinds(kind="order.delivered") == ["order.delivered"]
    assert Shipment.objects.filter(delivered_at=None).count() == 0


def test_invoices_end_lines_and_order_once_all_of_them_are_there(world):
    one, two = world.sent((world.product(CHI=5), 1), (world.product(RNO=5), 1))
    early = execution.record_invoices([invoice(one)], actor=ACTOR)
    assert (early, Invoice.objects.count()) == (Outcome(refused={one.pk: "waits for: shipped"}), 0)
    execution.ship([report(one, "a"), report(two, "b")], actor=ACTOR)
    execution.record_invoices([invoice(one)], actor=ACTOR)
    assert line_states(one.order) == [("invoiced", "invoiced"), ("shipped", "shipped")]
    execution.record_invoices([invoice(one), invoice(two, "INV-2")], actor=ACTOR)
    assert state_of(one.order) == ("completed", "fulfilled")
    before = snapshot()
    assert execution.record_invoices([invoice(one)], actor=ACTOR) == Outcome()
    outcome = execution.record_invoices([invoice(one, "INV-9")], actor=ACTOR)
    assert outcome.refused == {one.pk: f"{one.number} is invoiced as INV-1 already."}
    assert snapshot() == before


@pytest.mark.usefixtures("counters_are_free")
def test_the_same_queries_for_one_and_for_two_hundred(world):
    thing = world.product(CHI=5000)
    one, many = world.sent((thing, 1), (thing, 2)), world.sent((thing, 1), (thing, 2), how_many=200)
    counts = []
    for group in (one, many):
        ids = [work.pk for work in group]
        reports = [report(work, f"s{work.pk}") for work in group]
        invoices = [invoice(work, f"I{work.pk}") for work in group]
        counts.append(
            [
                queries(execution.ship, reports, actor=ACTOR),
                queries(execution.ship, reports, actor=ACTOR),
                queries(execution.record_invoices, invoices, actor=ACTOR),
                queries(execution.deliver, ids, actor=ACTOR),
            ]
        )
    assert ShipmentLine.objects.count() == 402
    assert counts[0] == counts[1]
