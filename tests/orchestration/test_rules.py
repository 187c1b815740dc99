"""Rules against an oracle of their own: every record that the database picks is the one that plain Python would pick."""

from itertools import product

import pytest
from django.utils import timezone

from orchestration.errors import BadRule
from orchestration.policies.compile import compile_tree
from orchestration.policies.evaluate import evaluate
from orders.models import Channel, Customer, Order, OrderLine

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders():
    """Twelve orders: country x total x customer group or none, each with one or two lines."""
    channel = Channel.objects.create(key="shop", name="Shop")
    vip = Customer.objects.create(code="C1", name="Vip", group="VIP")
    now = timezone.now()
    made = []
    for n, (country, total, customer) in enumerate(product(("US", "CA"), (100, 5000, 9000), (vip, None))):
        order = Order.objects.create(
            channel=channel, external_id=str(n), currency="USD", placed_at=now, received_at=now, state_at=now,
            ship_to_country=country, total_minor=total, customer=customer,
        )  # fmt: skip
        for k in range(1 + n % 2):
            OrderLine.objects.create(
                order=order, line_number=k + 1, sku="A" if n % 3 else "B", quantity=n + k + 1, state_at=now
            )
        made.append(order)
    return made


def picked(tree):
    return set(Order.objects.filter(compile_tree("order", tree)).values_list("pk", flat=True))


ORACLE = [
    ({}, lambda o: True),
    ({"field": "ship_to_country", "op": "equals", "value": "US"}, lambda o: o.ship_to_country == "US"),
    ({"field": "total_minor", "op": "greater", "value": 5000}, lambda o: o.total_minor > 5000),
    ({"field": "total_minor", "op": "at_least", "value": 5000}, lambda o: o.total_minor >= 5000),
    ({"field": "total_minor", "op": "less", "value": 5000}, lambda o: o.total_minor < 5000),
    ({"field": "total_minor", "op": "at_most", "value": 5000}, lambda o: o.total_minor <= 5000),
    ({"field": "customer.group", "op": "equals", "value": "VIP"}, lambda o: bool(o.customer and o.customer.group == "VIP")),
    ({"field": "customer.group", "op": "does_not_equal", "value": "VIP"}, lambda o: not (o.customer and o.customer.group == "VIP")),
    ({"field": "customer.group", "op": "has_data"}, lambda o: bool(o.customer and o.customer.group)),
    ({"field": "customer.group", "op": "has_no_data"}, lambda o: not (o.customer and o.customer.group)),
    ({"not": {"field": "customer.group", "op": "equals", "value": "VIP"}}, lambda o: not o.customer),
    ({"field": "ship_to_country", "op": "in", "value": ["CA", "MX"]}, lambda o: o.ship_to_country in ("CA", "MX")),
    (
        {"all": [{"field": "total_minor", "op": "greater", "value": 200}, {"any": [
            {"field": "ship_to_country", "op": "equals", "value": "CA"}, {"field": "customer.group", "op": "equals", "value": "VIP"}]}]},
        lambda o: o.total_minor > 200 and (o.ship_to_country == "CA" or bool(o.customer)),
    ),
    ({"related": "lines", "where": {"field": "sku", "op": "equals", "value": "B"}}, lambda o: any(x.sku == "B" for x in o.lines.all())),
    (
        {"related": "lines", "match": "all", "where": {"field": "quantity", "op": "greater", "value": 4}},
        lambda o: all(x.quantity > 4 for x in o.lines.all()),
    ),
    (
        {"related": "lines", "match": "none", "where": {"field": "quantity", "op": "greater", "value": 4}},
        lambda o: not any(x.quantity > 4 for x in o.lines.all()),
    ),
    (
        {"related": "lines", "aggregate": "sum", "field": "quantity", "op": "at_least", "value": 9},
        lambda o: sum(x.quantity for x in o.lines.all()) >= 9,
    ),
    ({"related": "lines", "aggregate": "count", "op": "equals", "value": 2}, lambda o: o.lines.count() == 2),
]  # fmt: skip


@pytest.mark.parametrize("tree, oracle", ORACLE, ids=[str(tree)[:60] for tree, _ in ORACLE])
def test_a_rule_picks_what_plain_python_picks(orders, tree, oracle):
    assert picked(tree) == {order.pk for order in orders if oracle(order)}


@pytest.mark.parametrize(
    "tree, path",
    [
        ({"field": "nonsense", "op": "equals", "value": 1}, "condition.field"),
        ({"field": "total_minor", "op": "equals", "value": "many"}, "condition.value"),
        ({"field": "total_minor", "op": "equals", "value": True}, "condition.value"),
        ({"field": "total_minor", "op": "matches", "value": "(a+)+$"}, "condition.op"),
        ({"field": "is_manual", "op": "equals", "value": "yes"}, "condition.value"),
        ({"field": "channel.kind", "op": "equals", "value": "space"}, "condition.value"),
        ({"field": "__class__", "op": "equals", "value": "x"}, "condition.field"),
        ({"all": []}, "condition.all"),
        ({"all": [{"any": [{"field": "x", "op": "equals"}]}]}, "condition.all[0].any[0].field"),
        ({"related": "customer", "where": {}}, "condition.related"),
        ({"field": "total_minor", "op": "equals", "value": 1, "eval": "1"}, "condition.eval"),
        ({"field": "placed_at", "op": "less", "value": "0001-01-01"}, "condition.value"),
        ({"field": "total_minor", "op": "in", "value": []}, "condition.value"),
        ({"field": "total_minor", "op": "equals", "value": "1e400"}, "condition.value"),
        ("9**9**9", "condition"),
    ],
)
def test_a_faulty_rule_is_refused_with_the_path_of_the_fault(tree, path):
    with pytest.raises(BadRule) as fault:
        compile_tree("order", tree)

    assert fault.value.path == path


def test_a_rule_nested_too_deep_is_refused():
    tree = {"field": "total_minor", "op": "greater", "value": 1}
    for _ in range(30):
        tree = {"not": tree}

    with pytest.raises(BadRule, match="nested deeper"):
        compile_tree("order", tree)


def policy(**more):
    return {
        "key": "p", "name": "P", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all", "otherwise": "pass",
        "version": 1, **more,
    }  # fmt: skip


US = {"name": "US", "condition": {"field": "ship_to_country", "op": "equals", "value": "US"}, "actions": []}
RICH = {"name": "Rich", "condition": {"field": "total_minor", "op": "greater", "value": 5000}, "actions": []}


@pytest.mark.parametrize(
    "combine, otherwise, expected",
    [
        ("all", "pass", lambda us, rich: us and rich),
        ("any", "pass", lambda us, rich: us or rich),
        ("first", "pass", lambda us, rich: True),
        ("first", "fail", lambda us, rich: us or rich),
        ("every", "fail", lambda us, rich: us or rich),
    ],
)
def test_rules_combine_as_the_policy_says(orders, combine, otherwise, expected):
    verdicts = evaluate(
        policy(combine=combine, otherwise=otherwise, rules=[US, RICH]), [order.pk for order in orders]
    )

    assert {pk: v.passed for pk, v in verdicts.items()} == {
        o.pk: expected(o.ship_to_country == "US", o.total_minor > 5000) for o in orders
    }


def test_one_query_for_any_number_of_records_and_it_tells_the_actual_values(
    orders, django_assert_num_queries
):
    definition = policy(rules=[US, RICH])
    evaluate(definition, [orders[0].pk])

    for ids in ([orders[0].pk], [order.pk for order in orders]):
        with django_assert_num_queries(1):
            verdicts = evaluate(definition, ids)

    assert verdicts[orders[0].pk].values == {
        "ship_to_country": "US",
        "total_minor": 100,
        "currency": "USD",
    }
