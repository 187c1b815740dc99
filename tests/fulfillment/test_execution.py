import pytest
from fulfillment_world import ACTOR, kinds, line_states, queries, snapshot, state_of, stock

from fulfillment.errors import FulfillmentOrderNotFound
from fulfillment.models import FulfillmentOrder, SourceRejection
from fulfillment.services import execution
from fulfillment.types import ShipmentReport
from orders.types import Outcome


def test_sending_moves_the_fulfillment_order_its_lines_and_the_header(world):
    order = world.order((world.product(CHI=5), 2), (None, 1))
    world.source(order)
    work = FulfillmentOrder.objects.get()

    assert execution.send([work.pk], actor=ACTOR) == Outcome(changed=[work.pk])

    work = FulfillmentOrder.objects.get()
    assert (work.state, work.sent_at is not None) == ("sent", True)
    assert line_states(order) == [("fulfillment", "sent")] * 2
    assert state_of(order) == ("fulfillment", "sent")
    assert kinds()[1:] == [
        "fulfillment_order.sent",
        "order_line.sent_to_fulfillment",
        "order_line.sent_to_fulfillment",
        "order.sent_to_fulfillment",
    ]
    before = snapshot()
    assert execution.send([work.pk], actor=ACTOR) == Outcome()
    assert snapshot() == before


def test_the_header_waits_for_its_last_line(world):
    near, far = world.product(CHI=5), world.product(RNO=5)
    order = world.order((near, 1), (far, 1))
    world.source(order)
    first, second = FulfillmentOrder.objects.order_by("pk")
    execution.send([first.pk], actor=ACTOR)
    assert state_of(order) == ("in_progress", "")
    execution.send([second.pk], actor=ACTOR)
    assert state_of(order) == ("fulfillment", "sent")
    assert kinds(kind="order.sent_to_fulfillment") == ["order.sent_to_fulfillment"]


@pytest.mark.parametrize("step, state", [("accept", "accepted"), ("pick", "picking"), ("pack", "packed")])
def test_the_worklist_steps(world, step, state):
    (work,) = world.sent((world.product(CHI=5), 2))
    call = getattr(execution, step)
    assert call([work.pk], actor=ACTOR) == Outcome(changed=[work.pk])
    assert call([work.pk], actor=ACTOR) == Outcome()
    assert state_of(work)[0] == state
    assert kinds(record_id=work.pk, entity="fulfillment_order")[-1] == f"fulfillment_order.{state}"


def test_a_step_back_is_refused_and_changes_nothing(world):
    (work,) = world.sent((world.product(CHI=5), 2))
    execution.pack([work.pk], actor=ACTOR)
    before = snapshot()
    outcome = execution.pick([work.pk], actor=ACTOR)
    assert outcome == Outcome(refused={work.pk: f"{work.number} is packed and cannot become picking."})
    assert snapshot() == before


def test_accepted_before_sent_is_known_counts_as_sent(world):
    order = world.order((world.product(CHI=5), 2))
    world.source(order)
    work = FulfillmentOrder.objects.get()
    execution.accept([work.pk], actor=ACTOR)
    assert line_states(order) == [("fulfillment", "sent")]
    assert state_of(order) == ("fulfillment", "sent")
    assert "fulfillment_order.sent" in kinds()


def test_an_unknown_fulfillment_order_is_named(world):
    (work,) = world.sent((world.product(CHI=5), 2))
    before = snapshot()
    with pytest.raises(FulfillmentOrderNotFound, match="999999"):
        execution.pick([work.pk, 999_999], actor=ACTOR)
    assert snapshot() == before


def test_a_rejection_releases_the_stock_and_sends_the_line_elsewhere(world):
    thing = world.product(CHI=5, RNO=5)
    (work,) = world.sent((thing, 2))
    line = work.order.lines.get()

    assert execution.reject([work.pk], reason="damaged", actor=ACTOR) == Outcome(changed=[work.pk])

    assert state_of(work) == ("rejected", "damaged")
    assert line_states(work.order) == [("in_progress", "rejected")]
    assert stock(thing) == {"CHI": (5, 0), "RNO": (5, 0)}
    rejection = SourceRejection.objects.get()
    assert (rejection.order_line_id, rejection.source_id, rejection.reason, rejection.actor) == (
        line.pk,
        work.source_id,
        "damaged",
        ACTOR,
    )
    before = snapshot()
    assert execution.reject([work.pk], reason="again", actor=ACTOR) == Outcome()
    assert snapshot() == before
    world.source(work.order)
    assert FulfillmentOrder.objects.get(state="new").source.code == "RNO"


def test_what_has_shipped_cannot_be_rejected(world):
    (work,) = world.sent((world.product(CHI=5), 2))
    execution.ship([ShipmentReport("s1", work.pk, "UPS", "1Z", work.created_at)], actor=ACTOR)
    before = snapshot()
    outcome = execution.reject([work.pk], reason="damaged", actor=ACTOR)
    assert outcome.refused == {work.pk: f"{work.number} is shipped and cannot become rejected."}
    assert snapshot() == before


@pytest.mark.usefixtures("counters_are_free")
def test_the_same_queries_for_one_and_for_two_hundred(world):
    thing = world.product(CHI=5000)
    one, many = world.sent((thing, 1)), world.sent((thing, 1), how_many=200)
    counts = []
    for group in (one, many):
        ids = [work.pk for work in group]
        counts.append(
            [
                queries(getattr(execution, step), ids, actor=ACTOR)
                for step in ("send", "accept", "pick", "pack")
            ]
            + [queries(execution.reject, ids, reason="closed", actor=ACTOR)]
        )
    assert counts[0] == counts[1]
