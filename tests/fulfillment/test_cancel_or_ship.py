"""Cancellation, and its race with the shipment: one wins, the other is told (fault F33)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from fulfillment_world import ACTOR, kinds, line_states, queries, snapshot, state_of, stock

from fulfillment import querysets
from fulfillment.models import FulfillmentOrder
from fulfillment.services import cancellation, execution, shipping
from fulfillment.services.cancellation import cancel_orders
from fulfillment.types import ShipmentReport, StatusReport
from inventory.services.check import ledger_differences
from orders.errors import ConcurrentChange
from orders.models import Hold, Order
from orders.types import Outcome

CLASHES = (ConcurrentChange, OperationalError)  # the guard of the state, or the database's own of deadlocks


def cancel(*orders) -> Outcome:
    return cancel_orders([order.pk for order in orders], actor=ACTOR, reason="changed their mind")


def ship(work, key="s1") -> Outcome:
    return execution.ship([ShipmentReport(key, work.pk, "UPS", "1Z", timezone.now())], actor=ACTOR)


def answer(work, status) -> Outcome:
    return execution.report_status([StatusReport(work.pk, status, 0)], actor=ACTOR)


def test_an_order_that_nobody_has_yet_is_canceled_at_once(world):
    thing = world.product(DAL=5)
    fresh, sourced = world.orders(2, (thing, 2))
    world.source(sourced)
    world.reserve(sourced)

    assert cancel(fresh, sourced) == Outcome(changed=[fresh.pk, sourced.pk])

    assert [state_of(order) for order in (fresh, sourced)] == [("canceled", "canceled")] * 2
    assert line_states(fresh, sourced) == [("canceled", "canceled")] * 2
    assert state_of(FulfillmentOrder.objects.get()) == ("canceled", "canceled")
    assert stock(thing) == {"DAL": (5, 0)}
    assert sourced.lines.get().quantity_canceled == 2
    before = snapshot()
    assert cancel(fresh, sourced) == Outcome()
    assert snapshot() == before


@pytest.mark.parametrize("state", ["draft", "new", "on_hold"])
def test_an_order_that_never_set_out_is_canceled_with_its_holds(world, state):
    order = world.order((world.product(CHI=5), 2), state=state)
    Hold.objects.create(order=order, type="manual", reason="look", placed_by=ACTOR, placed_at=order.placed_at)
    assert cancel(order) == Outcome(changed=[order.pk])
    assert (state_of(order)[0], line_states(order)) == ("canceled", [("canceled", "canceled")])
    assert not Hold.objects.filter(released_at=None).exists()


@pytest.mark.parametrize("step", ["accept", "pick", "pack"])
def test_our_own_warehouse_loses_the_work_from_its_list(world, step):
    thing = world.product(CHI=5)
    (work,) = world.sent((thing, 2))
    getattr(execution, step)([work.pk], actor=ACTOR)
    assert cancel(work.order) == Outcome(changed=[work.order_id])
    assert (state_of(work)[0], state_of(work.order)[0]) == ("canceled", "canceled")
    assert stock(thing) == {"CHI": (5, 0)}
    assert ship(work).refused == {work.pk: f"{work.number} was canceled before it shipped."}
    assert stock(thing) == {"CHI": (5, 0)}


def test_a_provider_is_asked_and_its_answer_ends_the_order(world):
    thing = world.product(DAL=5)
    (work,) = world.sent((thing, 2))

    assert cancel(work.order) == Outcome(changed=[work.order_id])

    assert (state_of(work)[0], state_of(work.order)[0]) == ("sent", "fulfillment")
    assert FulfillmentOrder.objects.get().cancel_requested_at is not None
    assert stock(thing) == {"DAL": (5, 2)}
    assert kinds()[-2:] == ["fulfillment_order.cancel_requested", "order.cancel_requested"]
    before = snapshot()
    assert cancel(work.order) == Outcome()
    assert snapshot() == before
    assert answer(work, "canceled") == Outcome(changed=[work.pk])
    assert (state_of(work)[0], state_of(work.order)[0]) == ("canceled", "canceled")
    assert stock(thing) == {"DAL": (5, 0)}


def test_a_provider_that_shipped_wins_over_the_cancellation(world):
    (work,) = world.sent((world.product(DAL=5), 2))
    cancel(work.order)
    answer(work, "shipped")
    assert (state_of(work)[0], state_of(work.order)[0]) == ("shipped", "shipped")
    shipped = work.order.events.get(kind="fulfillment_order.shipped")
    assert shipped.payload["cancel"] == "came too late"
    assert work.pk in answer(work, "canceled").refused


def test_a_rejection_after_the_cancellation_ends_the_demand(world):
    (work,) = world.sent((world.product(DAL=5, RNO=5), 2))
    cancel(work.order)
    execution.reject([work.pk], reason="damaged", actor=ACTOR)
    assert (state_of(work)[0], state_of(work.order)[0]) == ("canceled", "canceled")


def test_a_call_that_is_on_its_way_counts_as_with_the_provider(world):
    order = world.order((world.product(DAL=5), 2))
    world.source(order)
    work = FulfillmentOrder.objects.get()
    execution.expect_send([work.pk], actor=ACTOR)
    cancel(order)
    assert (state_of(work)[0], state_of(order)[0]) == ("new", "in_progress")
    execution.forget_send([work.pk], actor=ACTOR)
    assert (state_of(work)[0], state_of(order)[0]) == ("canceled", "canceled")


def test_what_waits_and_what_is_ours_end_separately(world):
    ours, theirs = world.product(CHI=5), world.product(DAL=5)
    here, away = world.sent((ours, 1), (theirs, 1))
    cancel(here.order)
    assert line_states(here.order) == [("canceled", "canceled"), ("fulfillment", "sent")]
    assert state_of(here.order)[0] == "fulfillment"
    answer(away, "canceled")
    assert state_of(here.order)[0] == "canceled"


def test_one_source_cancels_and_the_other_had_shipped(world):
    thing = world.product(CHI=0, DAL=3, RNO=4)
    works = {work.source.code: work for work in world.sent((thing, 5))}
    FulfillmentOrder.objects.update(external_id="theirs")
    order = works["DAL"].order
    cancel(order)
    answer(works["DAL"], "shipped")
    answer(works["RNO"], "canceled")
    line = order.lines.get()
    assert (line.state, line.quantity_shipped + line.quantity_canceled) == ("shipped", 5)
    assert state_of(order)[0] == "shipped"


def test_a_shipped_order_is_refused_and_nothing_changes(world):
    (work,) = world.sent((world.product(CHI=5), 2))
    ship(work)
    before = snapshot()
    said = f"{work.order.number} cannot be canceled: {work.number} has shipped. Make a return instead."
    assert cancel(work.order) == Outcome(refused={work.order_id: said})
    assert snapshot() == before


def test_the_same_queries_for_one_and_for_two_hundred(world):
    ours, theirs = world.product(CHI=5000), world.product(DAL=5000)
    counts = []
    for how_many in (1, 200):
        orders = {work.order_id for work in world.sent((ours, 1), (theirs, 1), how_many=how_many)}
        counts.append(queries(cancel_orders, orders, actor=ACTOR, reason="test"))
    assert counts[0] == counts[1]


def race(*calls) -> list:
    """Start the calls at the same moment, each in its own thread and connection; their answers or errors."""
    together = threading.Barrier(len(calls))

    def run(call):
        try:
            together.wait(timeout=10)
            return call()
        except CLASHES as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="one writer at a time")
def test_a_shipment_and_a_cancellation_at_once_never_both_win(shared_world):
    thing = shared_world.product(CHI=500)
    winners = []
    for work in shared_world.sent((thing, 1), how_many=60):
        shipped, canceled = race(
            lambda work=work: ship(work, f"s{work.pk}"), lambda work=work: cancel(work.order)
        )
        assert bool(shipped.changed) != bool(canceled.changed)
        assert bool(shipped.refused) != bool(canceled.refused)
        end = "shipped" if shipped.changed else "canceled"
        assert (state_of(work)[0], state_of(work.order)[0]) == (end, end)
        winners.append(end)
    left = 500 - winners.count("shipped")
    assert stock(thing) == {"CHI": (left, 0)}
    assert ledger_differences() == []


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="one writer at a time")
def test_without_the_lock_both_believe_that_they_may(shared_world, monkeypatch):
    """The control: with the lock taken away both read "sent", and one of them breaks off midway."""
    (work,) = shared_world.sent((shared_world.product(CHI=5), 1))
    both_have_read, TABLE = threading.Barrier(2), cancellation.TransitionTable

    def unlocked(ids):
        both_have_read.wait(timeout=10)
        return {order.pk: order for order in Order.objects.filter(pk__in=ids)}

    def slow_table(*args, **kwargs):
        table = TABLE(*args, **kwargs)
        both_have_read.wait(timeout=10)
        return table

    for module in (querysets, cancellation):
        monkeypatch.setattr(module, "lock_orders", unlocked)
    for module in (shipping, cancellation):
        monkeypatch.setattr(module, "TransitionTable", slow_table)
    answers = race(lambda: ship(work), lambda: cancel(work.order))
    assert [isinstance(found, CLASHES) for found in answers].count(True) == 1
