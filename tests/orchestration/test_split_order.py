"""One order becomes several, once, and nothing is lost to the last cent."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from flow_words import action, path, steps_done
from hypothesis import given
from hypothesis import strategies as st

from iom.lib.shares import shares
from orchestration.engine import advance as engine
from orchestration.models import FlowRun, StepRun
from orders.models import BusinessEvent, Charge, Order, OrderLine, OrderSplit
from orders.services.splitting import split_orders
from orders.types import ChargeDraft

CHARGES = (
    ChargeDraft("shipping", 1000, "Parcel"),
    ChargeDraft("tax", 101),
    ChargeDraft("discount", -7, "Spring"),
)
BY_SKU = {
    "key": "by-sku", "name": "By SKU", "type": "execution", "entity": "order_line", "criticality": "critical",
    "combine": "first", "otherwise": "pass",
    "rules": [
        {"name": sku, "condition": {"field": "sku", "op": "equals", "value": sku}, "actions": [{"set": "split_group", "value": group}]}
        for sku, group in (("A", "cold"), ("B", "warm"))
    ],
}  # fmt: skip
SPLITTING = [
    action("groups", parameters={"level": "order_line"}, policies=["by-sku"]),
    action("split", "split_order"),
    action("after", "validate_order_line"),
]
MONEY = (
    "goods_minor",
    "discount_minor",
    "shipping_minor",
    "tax_minor",
    "total_minor",
    "unit_count",
    "line_count",
)


@pytest.fixture
def mixed(make_orders):
    def make(count=1, lines=(("A", 3), ("B", 2), ("A", 1)), **more):
        return make_orders(
            count, lines=lines, **{"charges": CHARGES, "price": "3.33", "tags": ("vip",), **more}
        )

    return make


def money(orders):
    return orders.aggregate(**{f"{name}_": Sum(name) for name in MONEY})


def test_lines_go_to_children_by_group_and_every_amount_is_conserved(publish, mixed, run_flows):
    publish(SPLITTING, policies=[BY_SKU])
    (order,) = mixed()
    before = money(Order.objects.filter(pk=order.pk))
    run_flows()

    children = Order.objects.filter(split_from__parent=order).order_by("pk")
    assert [child.external_id for child in children] == [f"{order.external_id}/1", f"{order.external_id}/2"]
    assert money(children) == before
    groups = dict(children.values_list("split_from__group", "pk"))
    assert sorted(groups) == ["cold", "warm"]
    found = OrderLine.objects.filter(order__in=children).values_list(
        "order", "sku", "quantity", "split_group"
    )
    assert Counter(found) == Counter(
        [(groups["cold"], "A", 3, "cold"), (groups["cold"], "A", 1, "cold"), (groups["warm"], "B", 2, "warm")]
    )
    # 1000 shared 13.32 : 6.66 is 667 and 333; 101 is 67 and 34; -7 is -5 and -2
    rows = (
        Charge.objects.filter(order__in=children)
        .order_by("order", "pk")
        .values_list("order", "kind", "amount_minor")
    )
    assert list(rows) == [
        (groups["cold"], "shipping", 667), (groups["cold"], "tax", 67), (groups["cold"], "discount", -5),
        (groups["warm"], "shipping", 333), (groups["warm"], "tax", 34), (groups["warm"], "discount", -2),
    ]  # fmt: skip
    assert set(children.values_list("order_tags__tag__name", flat=True)) == {"vip"}


def test_the_parent_ends_and_each_child_goes_through_the_flow_by_itself(publish, mixed, run_flows):
    publish(SPLITTING, policies=[BY_SKU])
    (order,) = mixed()
    run_flows()
    order = Order.objects.get(pk=order.pk)

    assert (order.state, order.state_reason) == ("canceled", "split")
    assert set(order.lines.values_list("state", "state_reason")) == {("canceled", "split")}
    assert path(order) == [("groups", "success"), ("split", "success")]
    assert FlowRun.objects.get(order=order).state == "done"
    for child in Order.objects.exclude(pk=order.pk):
        assert steps_done(child) == ["groups", "split", "after"]
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert Order.objects.count() == 3
    told = BusinessEvent.objects.get(kind="order.split").payload["children"]
    assert told == list(OrderSplit.objects.order_by("child").values_list("child", flat=True))


def test_an_order_of_one_group_goes_on_whole(publish, mixed, run_flows):
    publish(SPLITTING, policies=[BY_SKU])
    (order,) = mixed(lines=[("A", 3), ("A", 1)])
    run_flows()

    assert steps_done(order) == ["groups", "split", "after"]
    assert Order.objects.count() == 1


@pytest.mark.parametrize("dies", [1, 2, 3])
def test_a_worker_that_dies_before_its_commit_leaves_nothing_and_the_next_splits_once(
    publish, mixed, run_flows, monkeypatch, dies
):
    publish(SPLITTING, policies=[BY_SKU])
    (order,) = mixed()
    before = money(Order.objects.filter(pk=order.pk))
    deaths = []

    class Killed(BaseException):
        pass

    def killpoint(name):
        if name == "before_commit" and len(deaths) < dies - 1:
            deaths.append(name)
            raise Killed

    monkeypatch.setattr(engine, "killpoint", killpoint)
    for _ in range(dies - 1):
        with pytest.raises(Killed):
            engine.advance()
        assert Order.objects.count() == 1
        FlowRun.objects.update(lease_until="2020-01-01T00:00Z")
    run_flows()

    children = Order.objects.filter(split_from__parent=order)
    assert children.count() == 2
    assert money(children) == before
    assert BusinessEvent.objects.filter(kind="order.new").count() == 3


def test_a_repeated_call_finds_the_children_of_the_first(mixed):
    (order,) = mixed()
    OrderLine.objects.filter(order=order, sku="B").update(split_group="b")

    first = split_orders([order.pk], actor="test")
    again = split_orders([order.pk], actor="test")

    assert first.children == again.children
    assert sorted(first.children[order.pk]) == ["", "b"]
    assert Order.objects.count() == 3


def test_what_is_with_a_source_already_is_not_split(publish, mixed, run_flows):
    publish(
        [action("source", "send_to_dom"), action("reserve", "soft_reserve"), *SPLITTING], policies=[BY_SKU]
    )
    (order,) = mixed()
    run_flows()

    assert StepRun.objects.get().error_code == "cannot_split"
    assert Order.objects.count() == 1
    assert Order.objects.get(pk=order.pk).state == "in_progress"


def test_three_orders_and_sixty_cost_the_same_queries(mixed):
    def cost(count):
        orders = mixed(count)
        OrderLine.objects.filter(order__in=orders, sku="B").update(split_group="b")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            done = split_orders([order.pk for order in orders], actor="test")
        assert len(done.children) == count
        return len(queries)

    cost(1)
    assert cost(3) == cost(60)


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_shares_add_up_and_are_within_one_of_their_due(total, weights):
    parts = shares(total, weights)

    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        due = Decimal(total) * weight / whole if whole else Decimal(total) / len(weights)
        assert abs(part - due) < 1
