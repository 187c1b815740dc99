"""What people read of a rule."""

import pytest

from iom.lib.money import formatted
from orchestration.policies.explain import explain
from orchestration.policies.words import difference_words, policy_words, rule_words
from orders.models import Order

BIG = {"field": "quantity", "op": "at_least", "value": 50}
TOYS = {"field": "product.category", "op": "in", "value": ["Toys", "Books"]}


@pytest.mark.parametrize(
    "condition, actions, sentence",
    [
        ({"all": [BIG, TOYS]}, [{"set": "source", "value": "DC-CMH"}],
         "When quantity is at least 50 and product category is Toys or Books, set source to DC-CMH."),
        ({}, [{"tag": "add", "name": "vip"}, {"hold": "fraud", "reason": "look"}],
         "Always, add the tag vip to the order, hold the order (fraud) because “look”."),
        ({"any": [BIG, {"all": [TOYS, BIG]}]}, [],
         "When quantity is at least 50 or (product category is Toys or Books and quantity is at least 50)."),
        ({"not": BIG}, [], "When it is not so that quantity is at least 50."),
        ({"field": "placed_at", "op": "older_than", "value": {"amount": 1, "unit": "days"}}, [], "When placed at is older than 1 day."),
        ({"field": "total_minor", "op": "greater", "other": "goods_minor"}, [], "When total is more than goods."),
        ({"field": "total_minor", "op": "between", "value": [100000, 500000], "currency": "JPY"}, [],
         "When total is between 100,000 JPY and 500,000 JPY."),
        ({"field": "unit_price", "op": "at_least", "value": "0.0125", "currency": "KWD"}, [], "When unit price is at least 0.0125 KWD."),
        ({"field": "total_minor", "op": "in", "value": [1500], "currency": "KWD"}, [], "When total is 1.500 KWD."),
        ({"field": "total_minor", "op": "greater", "value": 5000}, [], "When total is more than 5,000 minor units of any currency."),
        ({"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "less", "value": 999, "currency": "EUR"}, [],
         "When the sum of amount of its lines is less than 9.99 EUR."),
        ({}, [{"set": "price_minor", "arithmetic": "add", "by": 250, "currency": "USD"}], "Always, add 2.50 USD to price."),
        ({}, [{"set": "price_minor", "value": 995, "currency": "EUR"}], "Always, set price to 9.95 EUR."),
        ({"field": "ship_to_country", "op": "in_list", "list": "served"}, [], "When ship to country is in the list served."),
        ({"field": "quantity", "op": "between", "value": [1, 5]}, [], "When quantity is between 1 and 5."),
        ({"related": "lines", "match": "none", "where": BIG}, [], "When none of its lines has (quantity is at least 50)."),
        ({"related": "lines", "aggregate": "sum", "field": "quantity", "op": "at_least", "value": 9}, [],
         "When the sum of quantity of its lines is at least 9."),
        ({"all": [{"field": "quantity"}]}, [], "When quantity … …."),
        ({}, [{"set": "priority", "arithmetic": "add", "by": 5}], "Always, add 5 to priority."),
        ({}, [{"set": "company", "from": "customer.code"}], "Always, set company to customer code."),
    ],
)  # fmt: skip
def test_a_rule_as_a_sentence(condition, actions, sentence):
    assert rule_words({"name": "R", "condition": condition, "actions": actions}) == sentence


def policy(*rules, **more):
    return {"key": "p", "name": "P", "type": "filter", "entity": "order", "criticality": "critical", "combine": "first",
            "otherwise": "fail", "rules": list(rules), **more}  # fmt: skip


def test_versions_differ_in_words():
    old = {
        "name": "Big",
        "condition": {"field": "total_minor", "op": "greater", "value": 500000, "currency": "USD"},
        "actions": [],
    }
    new = {**old, "condition": {**old["condition"], "value": 1000000}}

    assert difference_words(policy(old), policy(new, otherwise="pass")) == [
        "Otherwise: “fail” became “pass”.",
        "Rule “Big”: “When total is more than 5,000.00 USD.” became “When total is more than 10,000.00 USD.”",
    ]
    assert difference_words(policy(old), policy(old)) == ["Nothing changed."]
    assert policy_words(policy(old))[-1] == "The first rule that holds acts. What no rule holds for fails."


def test_a_rule_explains_itself_with_actual_values(make_orders, django_assert_num_queries):
    orders = make_orders(2, country="CA")
    tree = {
        "all": [
            {"field": "ship_to_country", "op": "equals", "value": "CA"},
            {"not": {"field": "total_minor", "op": "less", "value": 99, "currency": "USD"}},
        ]
    }
    definition = policy({"name": "Canada", "condition": tree, "actions": []})

    with django_assert_num_queries(1):
        told = explain(definition, [order.pk for order in orders])

    (rule,) = told[orders[0].pk]
    total = Order.objects.get(pk=orders[0].pk).total_minor
    assert rule.held
    assert [(part.depth, part.sentence, part.held, part.actual) for part in rule.parts] == [
        (0, "all of these", True, {}),
        (1, "ship to country is CA", True, {"ship_to_country": "CA"}),
        (1, "not this", True, {}),
        (2, "total is less than 0.99 USD", False, {"total": formatted(total, "USD")}),
    ]
