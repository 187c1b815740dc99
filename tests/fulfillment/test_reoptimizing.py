"""Planned again when a source changes: the lines it concerns move, all others stay, nothing moves for a few cents."""

import pytest
from cost_world import cost_strategy, offer
from django.db import transaction
from fulfillment_world import ACTOR, stock

from fulfillment import setup_tables
from fulfillment.models import FulfillmentLine, FulfillmentOrder, Replan, SourceDay
from fulfillment.services import execution, replanning
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.reoptimizing import reoptimize_lines
from fulfillment.services.sources import set_active
from inventory.models import FulfillmentSource
from inventory.services.check import ledger_differences
from inventory.services.import_tables import take_rows
from orders.models import Order
from orders.types import Outcome


@pytest.fixture
def priced(world):
    offer()
    cost_strategy()
    return world


def optimize(world, *orders):
    with transaction.atomic():
        Order.objects.lock([order.pk for order in orders])
        return optimize_lines(world.demands(*orders), actor=ACTOR)


def places() -> list[tuple[int, str]]:
    rows = FulfillmentLine.objects.filter(fulfillment_order__state__in=FulfillmentOrder.OPEN)
    return sorted(rows.values_list("order_line_id", "fulfillment_order__source__code"))


def test_a_source_that_goes_off_loses_what_it_was_not_sent(priced):
    near, far = priced.product(CHI=9, RNO=9), priced.product(RNO=9)
    waiting, sent, other = priced.order((near, 1), (far, 1)), priced.order((near, 1)), priced.order((far, 1))
    optimize(priced, waiting, sent, other)
    work = FulfillmentOrder.objects.get(order=sent)
    execution.send([work.pk], actor=ACTOR)
    before = dict(FulfillmentOrder.objects.filter(order=other).values_list("pk", "key"))

    set_active([priced.sources["CHI"].pk], active=False, actor=ACTOR)

    first, second = waiting.lines.order_by("pk")
    assert places() == sorted(
        [(first.pk, "RNO"), (second.pk, "RNO"), (sent.lines.get().pk, "CHI"), (other.lines.get().pk, "RNO")]
    )
    assert dict(FulfillmentOrder.objects.filter(order=other).values_list("pk", "key")) == before
    assert stock(near) == {"CHI": (9, 1), "RNO": (9, 1)}
    assert ledger_differences() == []


def test_a_repeated_call_moves_nothing_and_neither_do_a_few_cents(priced):
    FulfillmentSource.objects.filter(code="CHI").update(handling_parcel_minor=500)
    order = priced.order((priced.product(CHI=9, DAL=9), 1))
    optimize(priced, order)
    line = order.lines.get()
    ((_, place),) = places()
    other = {"CHI": "DAL", "DAL": "CHI"}[place]
    FulfillmentSource.objects.filter(code=place).update(handling_parcel_minor=530 if place == "CHI" else 30)
    assert reoptimize_lines([line.pk], actor=ACTOR) == Outcome()
    FulfillmentSource.objects.filter(code=place).update(handling_parcel_minor=900)
    assert reoptimize_lines([line.pk], actor=ACTOR) == Outcome(changed=[line.pk])
    assert places() == [(line.pk, other)]


def take(**fields) -> None:
    FulfillmentSource.objects.filter(code="CHI").update(**fields)


def chicago() -> int:
    rows = FulfillmentLine.objects.filter(
        fulfillment_order__state="new", fulfillment_order__source__code="CHI"
    )
    return sum(rows.values_list("quantity", flat=True))


def test_capacity_of_what_is_planned_again_is_free_again(priced):
    take(capacity_per_day=3, capacity_unit="units")
    orders = priced.orders(5, (priced.product(CHI=50, RNO=50), 1))
    for _ in range(3):
        optimize(priced, *orders)
        assert chicago() == SourceDay.objects.get().used == 3


@pytest.mark.parametrize(("unit", "left"), [("units", 4), ("lines", 2), ("orders", 1)])
def test_a_line_that_leaves_its_fulfillment_order_gives_its_share_back(priced, unit, left):
    take(capacity_per_day=50, capacity_unit=unit)
    things = [priced.product(CHI=50) for _ in range(3)]
    order = priced.order((things[0], 3), (things[1], 2), (things[2], 2))
    optimize(priced, order)
    work = FulfillmentOrder.objects.get()
    assert SourceDay.objects.get().used == work.capacity_used == {"units": 7, "lines": 3, "orders": 1}[unit]
    with transaction.atomic():
        Order.objects.lock([order.pk])
        execution.drop_lines([order.lines.first().pk], actor=ACTOR)
    work.refresh_from_db()
    assert SourceDay.objects.get().used == work.capacity_used == left


def test_less_capacity_moves_the_last_who_were_planned_and_nobody_else(priced):
    take(capacity_per_day=6, capacity_unit="units")
    orders = priced.orders(6, (priced.product(CHI=50, RNO=50), 1))
    optimize(priced, *orders)
    before = dict(FulfillmentOrder.objects.order_by("pk").values_list("pk", "order_id")[:4])
    take(capacity_per_day=4)

    replanning.capacity_changed([priced.sources["CHI"].pk], actor=ACTOR)

    assert chicago() == SourceDay.objects.get().used == 4
    assert (
        dict(FulfillmentOrder.objects.filter(pk__in=before, state="new").values_list("pk", "order_id"))
        == before
    )
    assert len(places()) == 6 and ledger_differences() == []


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(replanning, "AT_ONCE", 3)
    monkeypatch.setattr(replanning, "A_PART", 4)


@pytest.mark.parametrize("cause", ["off", "capacity"])
def test_many_lines_are_planned_again_in_the_background(priced, parts, cause):
    take(capacity_per_day=10, capacity_unit="units")
    orders = priced.orders(10, (priced.product(CHI=50, RNO=50), 1))
    optimize(priced, *orders)
    if cause == "off":
        set_active([priced.sources["CHI"].pk], active=False, actor=ACTOR)
    else:
        take(capacity_per_day=1)
        replanning.capacity_changed([priced.sources["CHI"].pk], actor=ACTOR)
    assert chicago() == 10  # nothing moved within the call
    assert replanning.work() >= 9
    left = {"off": 0, "capacity": 1}[cause]
    job = Replan.objects.get()
    assert (job.cause, job.moved, bool(job.finished_at)) == (cause, 10 - left, True)
    assert chicago() == left and len(places()) == 10 and ledger_differences() == []
    assert replanning.work() == 0


def test_a_source_that_came_back_keeps_the_rest(priced, parts):
    orders = priced.orders(10, (priced.product(CHI=50, RNO=50), 1))
    optimize(priced, *orders)
    set_active([priced.sources["CHI"].pk], active=False, actor=ACTOR)
    assert replanning._part() == 4
    set_active([priced.sources["CHI"].pk], active=True, actor=ACTOR)
    replanning.work()
    assert chicago() == 6 and Replan.objects.get().finished_at


def test_a_part_that_is_killed_is_done_again_and_nothing_twice(priced, parts, monkeypatch):
    orders = priced.orders(10, (priced.product(CHI=50, RNO=50), 1))
    optimize(priced, *orders)
    set_active([priced.sources["CHI"].pk], active=False, actor=ACTOR)

    def killed(point):
        raise KeyboardInterrupt

    monkeypatch.setattr(replanning, "killpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        replanning.work()
    assert chicago() == 10 and Replan.objects.get().lines == 0
    monkeypatch.setattr(replanning, "killpoint", lambda point: None)
    replanning.work()
    assert (Replan.objects.get().moved, chicago(), len(places())) == (10, 0, 10)
    assert FulfillmentOrder.objects.filter(state="canceled").count() == 10 and ledger_differences() == []


def from_file(priced, text: str):
    spec = setup_tables.SOURCES.spec()
    return take_rows(spec, spec.read(text.encode()).rows, actor=ACTOR)


def test_less_capacity_in_a_file_moves_the_last_that_were_planned(priced):
    take(capacity_per_day=6, capacity_unit="units")
    orders = priced.orders(6, (priced.product(CHI=50, RNO=50), 1))
    optimize(priced, *orders)

    same = from_file(priced, "code,capacity_per_day\nCHI,6\nRNO,\n")
    assert (same.taken, same.same, chicago()) == (0, 2, 6)
    assert from_file(priced, "code,capacity_per_day\nCHI,4\nNEW,9\n").failed[0].line == 3
    assert chicago() == SourceDay.objects.get().used == 4
    assert len(places()) == 6 and ledger_differences() == []


def test_a_file_that_is_tried_only_moves_nothing(priced):
    take(capacity_per_day=6, capacity_unit="units")
    optimize(priced, *priced.orders(6, (priced.product(CHI=50, RNO=50), 1)))
    with transaction.atomic():
        from_file(priced, "code,capacity_per_day\nCHI,1\n")
        assert chicago() == 1
        transaction.set_rollback(True)
    assert chicago() == 6


def test_each_day_is_given_back_in_the_unit_in_which_it_was_taken(priced):
    """Chicago counts orders in the morning and units in the afternoon: two counts of one day."""
    take(capacity_per_day=50, capacity_unit="orders")
    things = [priced.product(CHI=50) for _ in range(2)]
    early, late = priced.orders(2, (things[0], 3), (things[1], 2))
    optimize(priced, early)
    take(capacity_unit="units")
    optimize(priced, late)
    assert used_by_unit() == {"orders": 1, "units": 5}

    works = {work.order_id: work for work in FulfillmentOrder.objects.all()}
    assert (works[early.pk].capacity_unit, works[late.pk].capacity_unit) == ("orders", "units")
    with transaction.atomic():
        Order.objects.lock([late.pk])
        execution.drop_lines([late.lines.first().pk], actor=ACTOR)
    assert used_by_unit() == {"orders": 1, "units": 2}
    execution.reject([works[early.pk].pk], kind="no_time", actor=ACTOR)
    assert used_by_unit() == {"orders": 0, "units": 2}
    execution.reject([works[late.pk].pk], kind="no_time", actor=ACTOR)
    assert used_by_unit() == {"orders": 0, "units": 0}


def test_a_day_of_another_unit_is_not_what_a_source_takes_too_much_of(priced):
    take(capacity_per_day=50, capacity_unit="units")
    optimize(priced, *priced.orders(4, (priced.product(CHI=50, RNO=50), 5)))
    take(capacity_per_day=10, capacity_unit="orders")
    replanning.capacity_changed([priced.sources["CHI"].pk], actor=ACTOR)
    assert chicago() == 20


def used_by_unit() -> dict[str, int]:
    return dict(SourceDay.objects.values_list("unit", "used"))


def test_a_file_is_taken_whole_or_not_at_all(priced, monkeypatch):
    """Whoever is killed between the rows and what follows from them leaves both undone."""
    take(capacity_per_day=6, capacity_unit="units")
    optimize(priced, *priced.orders(6, (priced.product(CHI=50, RNO=50), 1)))

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(replanning, "reoptimize_lines", killed)
    with pytest.raises(KeyboardInterrupt):
        from_file(priced, "code,capacity_per_day,name\nCHI,4,Loop\nRNO,,Reno\n")
    assert list(FulfillmentSource.objects.filter(name__in=["Loop", "Reno"])) == []
    assert FulfillmentSource.objects.get(code="CHI").capacity_per_day == 6 and chicago() == 6
