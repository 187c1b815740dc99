from itertools import permutations

import pytest
from django.db import transaction
from django.utils import timezone
from fulfillment_world import ACTOR, kinds, line_states, queries, snapshot, state_of, stock

from fulfillment.errors import UnknownStatus
from fulfillment.models import FulfillmentOrder, Shipment, SourceRejection
from fulfillment.services import execution
from fulfillment.types import ShipmentReport, StatusReport
from inventory.services.check import ledger_differences
from orders.types import Outcome

STORY = ("accepted", "picking", "packed", "shipped", "delivered")


def tell(work, status, sequence=0, **values) -> Outcome:
    return execution.report_status([StatusReport(work.pk, status, sequence, **values)], actor=ACTOR)


def tell_with_retries(work, told) -> None:
    """As the inbox does: what waits for something is brought again after every later report."""
    parked = []
    for status in told:
        parked.insert(0, status)
        parked = [s for s in parked if work.pk in tell(work, s, STORY.index(s) + 1).refused]
    assert parked == []


def test_any_order_of_the_story_has_the_same_end(world):
    thing = world.product(DAL=500)
    stories = list(permutations(STORY))
    for work, story in zip(world.sent((thing, 2), how_many=len(stories)), stories, strict=True):
        tell_with_retries(work, story)
    ends = FulfillmentOrder.objects.values_list(
        "state",
        "state_reason",
        "provider_sequence",
        "lines__quantity_shipped",
        "order__state",
        "order__lines__state",
    )
    assert set(ends) == {("delivered", "", 5, 2, "shipped", "shipped")}
    assert Shipment.objects.count() == 120
    assert len(kinds(kind="order.delivered")) == 120
    assert stock(thing) == {"DAL": (260, 0)}
    assert ledger_differences() == []


def test_any_order_within_one_batch_has_the_same_end(world):
    works = world.sent((world.product(DAL=500), 2), how_many=120)
    rows = [
        StatusReport(work.pk, status, STORY.index(status) + 1)
        for work, story in zip(works, permutations(STORY), strict=True)
        for status in story
    ]
    assert execution.report_status(rows, actor=ACTOR).refused == {}
    assert set(FulfillmentOrder.objects.values_list("state", "provider_sequence")) == {("delivered", 5)}


def test_delivered_waits_until_shipped_is_known(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    before = snapshot()
    assert tell(work, "delivered", 5) == Outcome(refused={work.pk: "waits for: shipped"})
    assert snapshot() == before


def test_a_late_or_repeated_report_never_moves_back(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    tell(work, "packed", 4, external_id="3PL-77")
    before = snapshot()
    assert tell(work, "accepted", 2) == Outcome()
    assert tell(work, "packed", 4, external_id="3PL-77") == Outcome()
    assert tell(work, "rejected", 3, reason="too late") == Outcome()
    assert snapshot() == before
    assert FulfillmentOrder.objects.values_list("state", "external_id").get() == ("packed", "3PL-77")


def test_a_rejection_that_is_newer_is_taken(world):
    thing = world.product(DAL=5, RNO=5)
    (work,) = world.sent((thing, 2))
    tell(work, "accepted", 2)
    assert tell(work, "rejected", 3, reason="water damage") == Outcome(changed=[work.pk])
    assert state_of(work) == ("rejected", "water damage")
    assert SourceRejection.objects.get().reason == "water damage"
    assert stock(thing) == {"DAL": (5, 0), "RNO": (5, 0)}


def test_a_cancellation_that_nobody_asked_for_is_a_rejection(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    tell(work, "canceled", 3)
    assert state_of(work) == ("rejected", "canceled by the source")
    assert line_states(work.order) == [("in_progress", "rejected")]


def test_after_the_shipment_a_cancellation_came_too_late(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    tell(work, "shipped", 3)
    before = snapshot()
    outcome = tell(work, "canceled", 4)
    assert outcome.refused == {work.pk: f"{work.number} has shipped; that it was canceled came too late."}
    assert state_of(work)[0] == "shipped"
    assert snapshot()[1] == before[1]


def test_the_report_with_the_tracking_number_may_follow_the_state(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    tell(work, "shipped", 3)
    late = ShipmentReport("ship-9", work.pk, "UPS", "1Z9", timezone.now(), cost_minor=700)
    assert execution.ship([late], actor=ACTOR) == Outcome()
    assert Shipment.objects.values_list("key", "carrier", "tracking_number", "cost_minor").get() == (
        "ship-9",
        "UPS",
        "1Z9",
        700,
    )
    assert execution.ship([late], actor=ACTOR) == Outcome()
    assert tell(work, "shipped", 3) == Outcome()
    assert Shipment.objects.count() == 1


def test_an_unknown_status_is_named_and_nothing_changes(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    before = snapshot()
    with pytest.raises(UnknownStatus, match="lost"), transaction.atomic():
        tell(work, "lost")
    assert snapshot() == before


@pytest.mark.usefixtures("counters_are_free")
def test_the_same_queries_for_one_and_for_two_hundred(world):
    thing = world.product(DAL=5000)
    one, many = world.sent((thing, 1)), world.sent((thing, 1), how_many=200)
    counts = []
    for group in (one, many):
        rows = [
            StatusReport(work.pk, status, place) for work in group for place, status in enumerate(STORY, 1)
        ]
        counts.append(queries(execution.report_status, rows, actor=ACTOR))
    assert counts[0] == counts[1]
