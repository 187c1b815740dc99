"""Money in rules: typed and read as money, kept in minor units with its currency, never compared across currencies."""

import json

import pytest

from orchestration.errors import BadRule
from orchestration.policies import actions, amounts, editing
from orchestration.policies.act import act
from orchestration.policies.check import gap, overlap, possible
from orchestration.policies.compile import compile_tree
from orchestration.policies.evaluate import evaluate
from orchestration.policies.explain import explain
from orchestration.policies.fields import FIELDS, RELATIONS, catalog
from orchestration.services import policies as drafts
from orders.models import Order, OrderLine
from tests.warranties.models import Warranty

CURRENCIES = ("USD", "EUR", "JPY", "KWD")


@pytest.fixture
def orders(make_orders):
    """The same figure of minor units in four currencies: 5,000.00 USD, 5,000.00 EUR, 500,000 JPY, 500.000 KWD."""
    made = make_orders(4)
    for order, code in zip(made, CURRENCIES, strict=True):
        Order.objects.filter(pk=order.pk).update(currency=code, total_minor=500000)
        OrderLine.objects.filter(order=order).update(amount_minor=250000, unit_price="12.5")
    return made


def total(op, value, code="USD", **more):
    return {"field": "total_minor", "op": op, "value": value, "currency": code, **more}


def picked(tree):
    found = Order.objects.filter(compile_tree("order", tree)).order_by("pk")
    return list(found.values_list("currency", flat=True))


@pytest.mark.parametrize(
    "tree, expected",
    [
        (total("equals", 500000), ["USD"]),
        (total("greater", 499999, "JPY"), ["JPY"]),
        (total("less", 10**9, "KWD"), ["KWD"]),
        (total("between", [1, 10**9], "EUR"), ["EUR"]),
        (total("in", [1, 500000], "EUR"), ["EUR"]),
        (total("greater", 500000), []),
        # what denies is the denial: an order in another currency is not 5,000.00 USD
        (total("does_not_equal", 500000), ["EUR", "JPY", "KWD"]),
        (total("not_in", [500000, 7], "JPY"), ["USD", "EUR", "KWD"]),
        ({"not": total("at_least", 1)}, ["EUR", "JPY", "KWD"]),
        ({"any": [total("at_least", 1), total("at_least", 1, "JPY")]}, ["USD", "JPY"]),
        # from before amounts had a currency: the figure, whatever the currency
        ({"field": "total_minor", "op": "equals", "value": 500000}, list(CURRENCIES)),
        ({"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "equals", "value": 500000, "currency": "EUR"}, ["EUR"]),
        ({"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "less", "value": 9, "currency": "EUR"}, []),
        ({"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "does_not_equal", "value": 500000, "currency": "EUR"}, ["USD", "JPY", "KWD"]),
        ({"related": "lines", "where": {"field": "unit_price", "op": "at_least", "value": "12.5", "currency": "KWD"}}, ["KWD"]),
        ({"related": "lines", "where": {"field": "amount_minor", "op": "less", "value": 250001, "currency": "JPY"}}, ["JPY"]),
    ],
)  # fmt: skip
def test_an_amount_is_compared_with_orders_in_its_currency_only(orders, tree, expected):
    assert picked(tree) == expected


@pytest.mark.parametrize(
    "text, code, value, found",
    [
        ("5,000.00", "USD", 500000, "USD"),
        ("5000", "USD", 500000, "USD"),
        ("-12.5", "EUR", -1250, "EUR"),
        ("500,000", "JPY", 500000, "JPY"),
        ("1.234", "KWD", 1234, "KWD"),
        ("1,234.500 KWD", "USD", 1234500, "KWD"),
        ("7 jpy", "USD", 7, "JPY"),
        # no amount: it stays as it was written, and publishing says what is wrong
        ("5.001", "USD", "5.001", "USD"),
        ("1.5", "JPY", "1.5", "JPY"),
        ("5.000,00", "EUR", "5.000,00", "EUR"),
        ("1,00", "EUR", "1,00", "EUR"),
        ("1e5", "USD", "1e5", "USD"),
        ("many", "USD", "many", "USD"),
        ("", "USD", "", "USD"),
    ],
)
def test_what_people_type_becomes_minor_units(text, code, value, found):
    assert amounts.read("total_minor", "equals", text, code) == (value, found)


@pytest.mark.parametrize(
    "text, value",
    [
        ("1,000.00; 5,000.00", [100000, 500000]),
        ("1,000.00, 5,000.00", [100000, 500000]),
        ("1000 and 5000 USD", [100000, 500000]),
        ("1.00 EUR; 2.00 USD", "1.00 EUR; 2.00 USD"),
    ],
)
def test_a_list_of_amounts_keeps_its_thousands(text, value):
    assert amounts.read("total_minor", "between", text, "USD")[0] == value


@pytest.mark.parametrize(
    "tree, path, words",
    [
        (total("greater", "5.001"), "condition.value", "5.001 has more decimals than USD has (2)"),
        (total("greater", "1.5", "JPY"), "condition.value", "1.5 has more decimals than JPY has (0)"),
        (total("greater", "5.000,00"), "condition.value", "'5.000,00' is no amount; write it such as 5,000.00"),
        (total("greater", "1e5", "KWD"), "condition.value", "'1e5' is no amount; write it such as 500.000"),
        (total("between", [1, "x"]), "condition.value", "'x' is no amount; write it such as 5,000.00"),
        (total("greater", 5, "XXX"), "condition.currency", "'XXX' is no currency that is known here"),
        (total("greater", 5, ["USD"]), "condition.currency", "['USD'] is no currency that is known here"),
        ({"field": "priority", "op": "greater", "value": 5, "currency": "USD"}, "condition.currency", "is not known here"),
        ({"field": "total_minor", "op": "greater", "other": "goods_minor", "currency": "USD"}, "condition.currency", "is not known here"),
        ({"related": "lines", "aggregate": "count", "op": "equals", "value": 1, "currency": "USD"}, "condition.currency", "is not known here"),
    ],
)  # fmt: skip
def test_a_bad_amount_is_refused_with_its_path(db, tree, path, words):
    with pytest.raises(BadRule) as fault:
        compile_tree("order", tree)

    assert fault.value.path == path
    assert fault.value.sentence.startswith(words)


def test_a_rule_shows_what_the_order_had_as_money(orders):
    rule = {"name": "Big", "condition": {"any": [total("greater", 499999)]}, "actions": []}
    told = explain({"entity": "order", "rules": [rule]}, [order.pk for order in orders])

    seen = {code: told[order.pk][0].parts[1] for order, code in zip(orders, CURRENCIES, strict=True)}
    assert {code: part.held for code, part in seen.items()} == {
        "USD": True,
        "EUR": False,
        "JPY": False,
        "KWD": False,
    }
    assert {code: part.actual["total"] for code, part in seen.items()} == {
        "USD": "5,000.00 USD", "EUR": "5,000.00 EUR", "JPY": "500,000 JPY", "KWD": "500.000 KWD",
    }  # fmt: skip
    assert seen["USD"].sentence == "total is more than 4,999.99 USD"


def test_overlaps_and_gaps_know_that_other_currencies_are_left():
    over, rest = total("greater", 500000), total("at_most", 500000)

    assert overlap("order", over, total("greater", 1, "EUR")).verdict == "no"
    assert overlap("order", over, total("at_least", 500001)).example == {
        "currency": "USD", "total": "5,000.01 USD",
    }  # fmt: skip
    assert gap("order", [over, rest]).example["currency"] == "another value"
    assert gap("order", [over, {"not": over}]).verdict == "no"
    others = {"field": "currency", "op": "does_not_equal", "value": "USD"}
    assert gap("order", [over, rest, others]).verdict == "no"
    assert possible("order", over, others).verdict == "no"


def test_the_currency_of_a_sum_is_certain_though_its_figure_is_not():
    over = {
        "related": "lines",
        "aggregate": "sum",
        "field": "amount_minor",
        "op": "greater",
        "value": 9,
        "currency": "USD",
    }
    euros, dollars = ({"field": "currency", "op": "equals", "value": one} for one in ("EUR", "USD"))

    assert possible("order", over, euros).verdict == "no"
    assert possible("order", over, dollars).verdict == "cannot tell"
    assert possible("order", {**over, "op": "does_not_equal"}, euros).verdict == "yes"
    assert possible("order", {"not": over}, euros).verdict == "yes"
    assert possible("order", {"not": {**over, "op": "does_not_equal"}}, euros).verdict == "no"


def priced(*done):
    ready = [actions.ready("warranty", action, "a") for action in done]
    return {"key": "p", "name": "P", "type": "execution", "entity": "warranty", "criticality": "information", "combine": "every",
            "otherwise": "pass", "version": 1, "rules": [{"name": "R", "condition": {}, "actions": ready}]}  # fmt: skip


@pytest.mark.parametrize(
    "action, prices",
    [
        ({"value": 995, "currency": "USD"}, [995, 1001]),
        ({"arithmetic": "add", "by": 123450, "currency": "EUR"}, [1001, 124451]),
        ({"arithmetic": "round", "by": 5, "currency": "EUR"}, [1001, 1000]),
        ({"arithmetic": "multiply", "by": "1.1"}, [1101, 1101]),
        ({"value": 7}, [7, 7]),
    ],
)
def test_an_action_on_an_amount_works_in_its_currency_only(orders, action, prices):
    made = [
        Warranty.objects.create(order=orders[0], serial=code, price_minor=1001, currency=code)
        for code in ("USD", "EUR")
    ]
    policy = priced({"set": "price_minor", **action})
    verdicts = evaluate(policy, [one.pk for one in made])
    act(policy, verdicts, actor="test")

    assert list(Warranty.objects.order_by("pk").values_list("price_minor", flat=True)) == prices
    told = [verdict.sets.get("price_minor", 1001) for verdict in verdicts.values()]
    assert told == prices


@pytest.mark.parametrize(
    "action, path",
    [
        ({"value": "1.005", "currency": "USD"}, "a.value"),
        ({"value": 5, "currency": "GOLD"}, "a.currency"),
        ({"arithmetic": "add", "by": 10**10, "currency": "USD"}, "a.by"),
        ({"arithmetic": "multiply", "by": 2, "currency": "USD"}, "a.currency"),
        ({"from": "price_minor", "currency": "USD"}, "a.currency"),
    ],
)
def test_a_bad_amount_of_an_action_is_refused(db, action, path):
    with pytest.raises(BadRule) as fault:
        actions.ready("warranty", {"set": "price_minor", **action}, "a")

    assert fault.value.path == path


def test_people_never_type_minor_and_no_name_means_two_fields():
    for entity in FIELDS:
        known = catalog(entity)
        assert all(amounts.column(amounts.label(name), known) == name for name in known)
    node = editing.group("all", [editing.row("total", "greater", "5,000.00 EUR", currency="USD")])
    assert editing.to_tree(node, "order", RELATIONS) == total("greater", 500000, "EUR")


def test_an_exported_policy_comes_back_the_same_and_an_old_file_keeps_its_meaning(orders):
    policy = drafts.create_policy(name="Big", type="filter", entity="order")
    for condition in (total("greater", 500000), {"field": "total_minor", "op": "greater", "value": 500000}):
        rules = [{"name": "Big", "condition": condition, "actions": []}]
        policy = drafts.save_policy(
            policy.pk, stamp=drafts.stamp_of(policy), head={"name": "Big"}, rules=rules
        )
        before = drafts.export_policy(policy)
        again = drafts.import_policy(json.dumps(before))
        assert drafts.export_policy(again) == before
        policy = again

    _, warnings = drafts.problems_of(drafts.draft_of(policy))
    assert warnings == [("big: Big", "compares total in any currency; choose one for the amount")]
