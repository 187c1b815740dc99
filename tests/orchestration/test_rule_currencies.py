"""What publishing says of money that a rule compares across currencies."""

import pytest

from orchestration.policies.compile import compile_tree
from orchestration.policies.currencies import currency_warnings
from orchestration.services.findings import policy_findings

BIG = {"field": "total_minor", "op": "greater", "value": 5000}
USD = {"field": "currency", "op": "equals", "value": "USD"}
EITHER = {"field": "currency", "op": "in", "value": ["USD", "EUR"]}
ANY = ["compares total in any currency; choose one for the amount"]
DEAR = {"field": "unit_price", "op": "greater", "value": 100}
ABOVE_LIST = {"field": "unit_price", "op": "greater", "other": "product.price"}
UNSURE = [
    "compares unit price with product price: cannot tell whether both are in one currency; "
    "add that order currency is product currency"
]


def line(name, code):
    return {"field": name, "op": "equals", "value": code}


@pytest.mark.parametrize(
    "entity, tree, told",
    [
        ("order", BIG, ANY),
        ("order", {"not": BIG}, ANY),
        ("order", {**BIG, "currency": "USD"}, []),
        # nothing is nothing in every currency
        ("order", {**BIG, "value": 0}, []),
        ("order", {**BIG, "op": "between", "value": [0, 1]}, ANY),
        # one currency is left where the comparison decides
        ("order", {"all": [USD, BIG]}, []),
        ("order", {"all": [BIG, {"all": [USD]}]}, []),
        ("order", {"not": {"all": [USD, BIG]}}, []),
        ("order", {"all": [EITHER, {"not": line("currency", "EUR")}, BIG]}, []),
        ("order", {"any": [{"not": USD}, BIG]}, []),
        # several are left
        ("order", {"all": [EITHER, BIG]}, ANY),
        ("order", {"any": [USD, BIG]}, ANY),
        ("order", {"all": [{"not": USD}, BIG]}, ANY),
        # prices too, and sums
        ("order_line", DEAR, ["compares unit price in any currency; choose one for the amount"]),
        ("order_line", {**DEAR, "value": "0.00"}, []),
        ("order_line", {"all": [line("order.currency", "EUR"), DEAR]}, []),
        ("order", {"related": "lines", "aggregate": "sum", "field": "amount_minor", "op": "greater", "value": 9},
         ["compares amount in any currency; choose one for the amount"]),
        ("order", {"related": "lines", "aggregate": "count", "op": "greater", "value": 9}, []),
        ("order", {"related": "lines", "where": DEAR}, ["compares unit price in any currency; choose one for the amount"]),
        ("order", {"all": [USD, {"related": "lines", "where": DEAR}]}, []),
        ("order", {"all": [USD, {"related": "lines", "where": {"field": "product.price", "op": "greater", "value": 9}}]},
         ["compares product price in any currency; choose one for the amount"]),
        # two fields
        ("order", {"field": "total_minor", "op": "greater", "other": "goods_minor"}, []),
        ("order_line", ABOVE_LIST, UNSURE),
        ("order_line", {"all": [ABOVE_LIST, {"field": "product.currency", "op": "equals", "other": "order.currency"}]}, []),
        ("order_line", {"any": [ABOVE_LIST, {"field": "product.currency", "op": "equals", "other": "order.currency"}]}, UNSURE),
        ("order_line", {"all": [line("order.currency", "USD"), ABOVE_LIST]}, UNSURE),
        ("order_line", {"all": [line("order.currency", "USD"), line("product.currency", "USD"), ABOVE_LIST]}, []),
        ("order_line", {"all": [line("order.currency", "USD"), line("product.currency", "EUR"), ABOVE_LIST]},
         ["compares unit price with product price: the first is in USD, the second in EUR; compare within one currency"]),
        ("order_line", {"field": "unit_price", "op": "less", "other": "amount_minor"},
         ["compares unit price with amount, but amount is counted in minor units such as cents; compare like with like"]),
        ("order_line", {"field": "quantity", "op": "less", "other": "amount_minor"},
         ["compares quantity with amount: quantity is no amount of money; compare with an amount"]),
        ("order_line", {"field": "quantity", "op": "less", "other": "quantity_shipped"}, []),
    ],
)  # fmt: skip
def test_money_of_several_currencies_is_told(db, entity, tree, told):
    compile_tree(entity, tree)  # all of these can be saved

    assert currency_warnings(entity, tree) == told


@pytest.mark.parametrize("combine, told", [("all", 0), ("any", 1), ("first", 1), ("every", 1)])
def test_rules_that_must_all_hold_settle_the_currency_for_each_other(db, combine, told):
    rules = [{"name": name, "condition": tree, "actions": []} for name, tree in (("US", USD), ("Big", BIG))]
    policy = {
        "key": "p",
        "type": "filter",
        "entity": "order",
        "combine": combine,
        "otherwise": "fail",
        "rules": rules,
    }

    assert policy_findings(policy).count(("p: Big", ANY[0])) == told


def test_the_first_match_leaves_what_earlier_rules_did_not_take(db):
    rules = [
        {"name": name, "condition": tree, "actions": []}
        for name, tree in (("Rest", {"not": USD}), ("Big", BIG))
    ]
    policy = {
        "key": "p",
        "type": "filter",
        "entity": "order",
        "combine": "first",
        "otherwise": "fail",
        "rules": rules,
    }

    assert policy_findings(policy) == []
