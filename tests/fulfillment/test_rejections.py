"""A source refuses: what its reason sets for stock, how long the line stays away, and when a person is asked."""

from datetime import timedelta

import pytest
from django.utils import timezone
from fulfillment_world import ACTOR, line_states, queries, snapshot, state_of, stock

from fulfillment.errors import FulfillmentLineNotFound, UnknownReason
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    RejectionReason,
    SourceRejection,
    SourcingDecision,
)
from fulfillment.services import execution
from fulfillment.types import StatusReport
from inventory.models import FulfillmentSource, InventoryMovement
from inventory.services.check import ledger_differences
from orders.models import Hold, OrderLine
from orders.services.holds import release_holds
from orders.types import Outcome


@pytest.mark.parametrize("kind, left", [("not_found", 0), ("damaged", 8), ("no_time", 9)])
def test_the_reason_changes_stock_by_the_ledger(world, kind, left):
    thing = world.product(CHI=9)
    (work,) = world.sent((thing, 2))

    assert execution.reject([work.pk], kind=kind, actor=ACTOR) == Outcome(changed=[work.pk])

    assert stock(thing) == {"CHI": (left, 0)}
    assert ledger_differences() == []
    written = InventoryMovement.objects.filter(reason__startswith="rejected: ")
    line = work.order.lines.get()
    told = list(written.values_list("on_hand_delta", "reference", "actor"))
    assert told == ([(left - 9, f"order_line:{line.pk}", ACTOR)] if left < 9 else [])


def test_units_that_others_hold_stay_until_they_are_refused_too(world):
    thing = world.product(CHI=9)
    first, second = world.sent((thing, 2), how_many=2)
    execution.reject([first.pk], kind="not_found", actor=ACTOR)
    assert stock(thing) == {"CHI": (2, 2)}
    execution.reject([second.pk], kind="not_found", actor=ACTOR)
    assert stock(thing) == {"CHI": (0, 0)}
    assert ledger_differences() == []


def test_two_damaged_lines_of_one_call_are_two_units(world):
    thing = world.product(CHI=9)
    works = world.sent((thing, 1), how_many=2)
    execution.reject([work.pk for work in works], kind="damaged", actor=ACTOR)
    assert stock(thing) == {"CHI": (7, 0)}


def test_the_line_stays_away_for_the_cool_down_only(world):
    thing = world.product(CHI=9, RNO=9)
    (work,) = world.sent((thing, 2))
    execution.reject([work.pk], kind="no_time", actor=ACTOR)
    row = SourceRejection.objects.get()
    assert timedelta(hours=23) < row.until - timezone.now() < timedelta(hours=25)
    world.source(work.order)
    assert FulfillmentOrder.objects.get(state="new").source.code == "RNO"
    removed = {c["code"]: c["removed_by"] for c in SourcingDecision.objects.latest("pk").candidates}
    assert removed["CHI"] == "rejected by this source before: No time today"

    SourceRejection.objects.update(until=timezone.now() - timedelta(seconds=1))
    world.source(work.order)

    assert FulfillmentOrder.objects.get(state="new").source.code == "CHI"


@pytest.mark.parametrize(
    "refused_again, ended", [(False, ("canceled", "sourced_again")), (True, ("rejected", "No time today"))]
)
def test_a_refusal_that_has_cooled_down_says_nothing_of_later_work(world, refused_again, ended):
    thing = world.product(CHI=9, RNO=9)
    (work,) = world.sent((thing, 2))
    execution.reject([work.pk], kind="no_time", actor=ACTOR)
    SourceRejection.objects.update(until=timezone.now() - timedelta(seconds=1))
    world.source(work.order)
    later = FulfillmentOrder.objects.get(state="new", source__code="CHI")
    if refused_again:
        SourceRejection.objects.update(at=timezone.now())

    world.sources["CHI"].active = False
    world.sources["CHI"].save()
    world.source(work.order)

    assert state_of(later) == ended
    assert FulfillmentOrder.objects.get(state="new").source.code == "RNO"


def test_without_a_listed_reason_the_line_never_goes_back(world):
    (work,) = world.sent((world.product(CHI=9), 2))
    execution.reject([work.pk], reason="flooded", actor=ACTOR)
    assert SourceRejection.objects.values_list("reason", "until", "kind").get() == ("flooded", None, None)


def test_words_of_a_provider_that_are_a_reason_have_its_effects(world):
    thing = world.product(DAL=9)
    (work,) = world.sent((thing, 2))
    execution.report_status([StatusReport(work.pk, "rejected", 1, reason="NOT found")], actor=ACTOR)
    assert stock(thing) == {"DAL": (0, 0)}
    assert SourceRejection.objects.get().kind.code == "not_found"


def test_an_unknown_reason_changes_nothing(world):
    (work,) = world.sent((world.product(CHI=9), 2))
    before = snapshot()
    with pytest.raises(UnknownReason, match="lazy"):
        execution.reject([work.pk], kind="lazy", actor=ACTOR)
    assert snapshot() == before


def test_after_three_refusals_a_person_is_asked(world):
    thing = world.product(CHI=9, RNO=9, DAL=9)
    (work,) = world.sent((thing, 2))
    for turn in range(3):
        assert not Hold.objects.exists(), turn
        execution.reject([work.pk], kind="no_time", actor=ACTOR)
        if turn < 2:
            world.source(work.order)
            work = FulfillmentOrder.objects.get(order=work.order, state="new")
            execution.send([work.pk], actor=ACTOR)
    hold = Hold.objects.get()
    assert (hold.type, hold.reason, hold.released_at) == ("rejected", "Refused 3 times", None)
    assert "send_to_dom" in hold.blocks
    assert state_of(work.order) == ("on_hold", "rejected")


def test_the_same_source_counts_each_time(world):
    thing = world.product(CHI=9)
    (work,) = world.sent((thing, 2))
    for _ in range(3):
        execution.reject([work.pk], kind="no_time", actor=ACTOR)
        SourceRejection.objects.update(until=timezone.now())
        world.source(work.order)
        work = FulfillmentOrder.objects.filter(order=work.order, state="new").get()
    assert SourceRejection.objects.get().times == 3
    assert Hold.objects.count() == 1


def test_a_refused_pickup_is_never_moved_silently(world):
    FulfillmentSource.objects.filter(code="CHI").update(type="store")
    thing = world.product(CHI=9, RNO=9)
    order = world.order((thing, 2))
    OrderLine.objects.filter(order=order).update(method="pickup", pickup_source=world.sources["CHI"])
    world.source(order)
    work = FulfillmentOrder.objects.get()
    assert work.source.code == "CHI"
    execution.reject([work.pk], kind="no_time", actor=ACTOR)
    hold = Hold.objects.get()
    assert hold.reason == "Chicago DC refused a pickup: ask the customer before it is moved"
    assert state_of(order) == ("on_hold", "rejected")

    release_holds([order.pk], actor=ACTOR)
    found = world.source(order)

    assert [answer.outcome for answer in found.values()] == ["not_sourced"]
    assert not FulfillmentOrder.objects.filter(state="new").exists()


def test_a_reason_that_moves_nothing_asks_a_person(world):
    RejectionReason.objects.create(code="address", label="Bad address", moves_line=False)
    (work,) = world.sent((world.product(CHI=9, RNO=9), 2))
    execution.reject([work.pk], kind="address", actor=ACTOR)
    assert Hold.objects.get().reason == "Bad address: somebody decides where the line goes"


def test_one_line_is_refused_and_the_other_stays(world):
    good, bad = world.product(CHI=5, RNO=5), world.product(CHI=5, RNO=5)
    order = world.order((good, 1), (bad, 2))
    world.source(order)
    world.reserve(order)
    work = FulfillmentOrder.objects.get()
    execution.send([work.pk], actor=ACTOR)
    line = FulfillmentLine.objects.get(product=bad)

    assert execution.reject_lines([line.pk], kind="not_found", actor=ACTOR) == Outcome(changed=[work.pk])

    assert (stock(good)["CHI"], stock(bad)["CHI"]) == ((5, 1), (0, 0))
    assert state_of(work)[0] == "sent"
    assert line_states(order) == [("fulfillment", "sent"), ("in_progress", "rejected")]
    with pytest.raises(FulfillmentLineNotFound):
        execution.reject_lines([line.pk], kind="not_found", actor=ACTOR)
    world.source(order)
    assert sorted(FulfillmentLine.objects.values_list("product", "fulfillment_order__source__code")) == [
        (good.pk, "CHI"),
        (bad.pk, "RNO"),
    ]


def test_all_lines_are_the_fulfillment_order(world):
    (work,) = world.sent((world.product(CHI=5), 1), (None, 1))
    lines = list(work.lines.values_list("pk", flat=True))
    execution.reject_lines(lines, reason="flooded", actor=ACTOR)
    assert state_of(work) == ("rejected", "flooded")
    assert work.lines.count() == 2


@pytest.mark.usefixtures("counters_are_free")
def test_the_same_queries_for_one_and_for_two_hundred(world):
    thing = world.product(CHI=5000)
    one, many = world.sent((thing, 1), (None, 1)), world.sent((thing, 1), (None, 1), how_many=200)
    counts = []
    for group in (one, many):
        lines = FulfillmentLine.objects.filter(fulfillment_order__in=group, product=thing)
        ids = list(lines.values_list("pk", flat=True))
        counts.append(
            [
                queries(execution.reject_lines, ids, kind="damaged", actor=ACTOR),
                queries(execution.reject, [work.pk for work in group], kind="not_found", actor=ACTOR),
            ]
        )
    assert counts[0] == counts[1]
