"""Planned again when a source changes: the lines it concerns move, all others stay, nothing moves for a few cents."""

import pytest
from cost_world import cost_strategy, offer
from django.db import transaction
from fulfillment_world import ACTOR, stock

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services import execution
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.reoptimizing import reoptimize_lines, reoptimize_products, reoptimize_sources
from fulfillment.services.sources import set_active
from inventory.models import FulfillmentSource
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import Order, OrderLine
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
    assert reoptimize_sources([priced.sources[place].pk], actor=ACTOR) == Outcome()


def test_late_inbound_is_given_to_the_lines_that_wait(priced):
    thing, none = priced.product(), priced.product()
    order = priced.order((thing, 2), (none, 1))
    optimize(priced, order)
    OrderLine.objects.filter(order=order).update(state_reason="not_sourced")
    set_on_hand([StockLevel(thing.pk, priced.sources["RNO"].pk, 5)], actor=ACTOR, reason="inbound")
    line = order.lines.get(product=thing)
    assert reoptimize_products([thing.pk], actor=ACTOR) == Outcome(changed=[line.pk])
    assert stock(thing) == {"RNO": (5, 2)}
