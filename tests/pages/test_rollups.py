import random
from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from insights import metrics
from insights.models import Rollup
from insights.selectors import totals
from insights.services.compact import compact
from insights.services.deltas import deltas
from insights.services.recount import differences, rebuild
from inventory.models import FulfillmentSource
from orders.models import Channel, Order
from orders.services.events import apply_event
from orders.types import Raised

ORDER_EVENTS = (
    "order.validated", "order.held", "order.released", "order.released_to_new", "order.sent_to_fulfillment", "order.part_shipped",
    "order.shipped", "order.invoiced", "order.canceled",
)  # fmt: skip
PACKAGE_EVENTS = ("sent", "accepted", "packed", "shipped", "delivered", "rejected", "canceled")


def _history(seed, make_order, make_fulfillment_order):
    """Two hundred random steps of orders and fulfillment orders, refused ones among them."""
    dice = random.Random(seed)
    channels = [Channel.objects.create(key=f"c{n}", name=f"C{n}") for n in range(2)]
    sources = [FulfillmentSource.objects.create(code=f"S{n}", name=f"S{n}") for n in range(2)]
    promised = [None, timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)]
    orders = []
    for _ in range(200):
        chance = dice.random()
        if not orders or chance < 0.2:
            state = dice.choice([Order.State.NEW, Order.State.NEW, Order.State.DRAFT])
            fields = {"channel": dice.choice(channels), "promised_at": dice.choice(promised), "state": state}
            orders.append(make_order(lines=dice.randint(1, 3), **fields).pk)
        elif chance < 0.4:
            make_fulfillment_order(Order.objects.get(pk=dice.choice(orders)), source=dice.choice(sources))
        elif chance < 0.7:
            chosen = list(FulfillmentOrder.objects.order_by("?")[: dice.randint(1, 5)])
            apply_event(f"fulfillment_order.{dice.choice(PACKAGE_EVENTS)}", chosen, actor="test")
        else:
            chosen = Order.objects.filter(pk__in=dice.sample(orders, min(len(orders), 4)))
            kind = "order.new" if dice.random() < 0.2 else dice.choice(ORDER_EVENTS)
            wanted = [order for order in chosen if kind != "order.new" or order.state == Order.State.DRAFT]
            apply_event(kind, wanted, actor="test")


@pytest.mark.parametrize("seed", range(6))
def test_counters_equal_a_recount_after_any_history(seed, make_order, make_fulfillment_order):
    _history(seed, make_order, make_fulfillment_order)

    assert Rollup.objects.count() > 50
    assert differences() == []


def test_a_counter_that_is_off_by_one_is_found(make_order):
    order = make_order()
    Rollup.objects.create(metric=metrics.CREATED, hour=timezone.now(), channel_id=order.channel_id, value=1)

    assert differences() == [(metrics.CREATED, order.channel_id, "", 2, 1)]


def test_an_order_is_counted_in_the_state_that_it_is_in(make_order, move):
    order = make_order(lines=2)
    move("order.validated", order)
    move("order.validated", order)  # the same state again
    move("order.delivered", order)  # moves nothing

    assert totals([metrics.STATE]) == {(metrics.STATE, "new"): 0, (metrics.STATE, "in_progress"): 1}
    assert totals([metrics.CREATED, metrics.LINES, metrics.UNITS]) == {
        (metrics.CREATED, ""): 1,
        (metrics.LINES, ""): 2,
        (metrics.UNITS, ""): 4,
    }


def test_split_orders_become_single_again_when_a_source_refuses(make_order, make_fulfillment_order, move):
    order = make_order()
    make_fulfillment_order(order)
    second = make_fulfillment_order(order)
    assert totals([metrics.SOURCED])[metrics.SOURCED, metrics.SPLIT] == 1

    move("fulfillment_order.rejected", second)

    assert totals([metrics.SOURCED]) == {(metrics.SOURCED, "one"): 1, (metrics.SOURCED, "split"): 0}


@pytest.mark.parametrize(
    ("days", "label"), [(None, metrics.NO_PROMISE), (-1, metrics.LATE), (1, metrics.ON_TIME)]
)
def test_a_shipped_order_is_on_time_by_its_promise(days, label, make_order, move):
    promised = None if days is None else timezone.now() + timedelta(days=days)
    move("order.shipped", make_order(promised_at=promised))

    assert totals([metrics.SHIPPED]) == {(metrics.SHIPPED, label): 1}


@pytest.mark.parametrize("size", [1, 200])
def test_a_batch_costs_the_same_queries_whatever_its_size(size, make_order, django_assert_num_queries):
    orders = [make_order() for _ in range(size)]
    events = [
        Raised("order.validated", "order", o.pk, o.pk, {"from": "new", "to": "in_progress"}) for o in orders
    ]

    with django_assert_num_queries(1):
        changes = deltas(events)

    assert changes[metrics.STATE, orders[0].channel_id, "in_progress"] == size


def test_compacting_keeps_every_sum_and_a_repeat_saves_nothing(make_order, make_fulfillment_order):
    _history(7, make_order, make_fulfillment_order)
    before = {
        key: value for key, value in totals([metrics.STATE, metrics.CREATED, metrics.FILLED]).items() if value
    }
    later = timezone.now() + timedelta(hours=2)

    assert compact(later) > 0
    assert compact(later) == 0

    after = {
        key: value for key, value in totals([metrics.STATE, metrics.CREATED, metrics.FILLED]).items() if value
    }
    assert after == before
    assert differences() == []


def test_compacting_leaves_the_present_hour_alone(make_order):
    make_order(), make_order()
    rows = Rollup.objects.count()

    assert compact() == 0
    assert Rollup.objects.count() == rows


def test_a_rebuild_gives_what_the_records_say(make_order, make_fulfillment_order):
    _history(3, make_order, make_fulfillment_order)
    Rollup.objects.all().delete()
    assert differences()

    assert rebuild() == Rollup.objects.count()
    assert differences() == []
