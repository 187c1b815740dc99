"""The exact checks against brute force: every record of small domains is tried."""

from itertools import product

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.policies.check import always, gap, never, overlap, possible, shadowed

TOTALS, COUNTRIES, CURRENCIES = range(7), ("US", "CA", "", "elsewhere"), ("USD", "JPY", "another")
CUSTOMERS = ((None, None), *product(("VIP", "", "other"), ("account", "contact")))
RECORDS = [
    {"total_minor": total, "currency": currency, "is_manual": manual, "ship_to_country": country, "customer.group": group, "customer.kind": kind}
    for total, currency, manual, country, (group, kind) in product(TOTALS, CURRENCIES, (True, False), COUNTRIES, CUSTOMERS)
]  # fmt: skip


def holds(tree, record):
    if not tree:
        return True
    if "not" in tree:
        return not holds(tree["not"], record)
    for word, how in (("all", all), ("any", any)):
        if word in tree:
            return how(holds(part, record) for part in tree[word])
    mine, op, value = record[tree["field"]], tree["op"], tree.get("value")
    if tree.get("currency", record["currency"]) != record["currency"]:
        return op in ("does_not_equal", "not_in")
    if op in ("has_data", "has_no_data"):
        return (mine not in (None, "")) == (op == "has_data")
    if op in ("does_not_equal", "not_in"):
        return mine is None or (mine != value if op == "does_not_equal" else mine not in value)
    if mine is None:
        return False
    if op == "between":
        return value[0] <= mine <= value[1]
    return {
        "equals": lambda: mine == value, "in": lambda: mine in value, "greater": lambda: mine > value, "less": lambda: mine < value,
        "at_least": lambda: mine >= value, "at_most": lambda: mine <= value,
    }[op]()  # fmt: skip


def row(field, operators, values):
    return st.builds(
        lambda op, value: {"field": field, "op": op, "value": value}, st.sampled_from(operators), values
    )


def amount(operators, values):
    return st.builds(
        lambda tree, code: {**tree, "currency": code}, row("total_minor", operators, values), st.sampled_from(["USD", "JPY"])
    )  # fmt: skip


TEXT = ["equals", "does_not_equal"]
rows = st.one_of(
    row("total_minor", ["equals", "does_not_equal", "greater", "at_least", "less", "at_most"], st.integers(0, 5)),
    row("total_minor", ["between"], st.tuples(st.integers(0, 2), st.integers(2, 5)).map(list)),
    row("total_minor", ["in", "not_in"], st.lists(st.integers(0, 5), min_size=1, max_size=4)),
    amount(["equals", "does_not_equal", "greater", "at_least", "less", "at_most"], st.integers(0, 5)),
    amount(["between"], st.tuples(st.integers(0, 2), st.integers(2, 5)).map(list)),
    amount(["in", "not_in"], st.lists(st.integers(0, 5), min_size=1, max_size=4)),
    row("currency", TEXT, st.sampled_from(["USD", "JPY"])),
    row("is_manual", TEXT, st.booleans()),
    row("ship_to_country", TEXT, st.sampled_from(["US", "CA", ""])),
    row("ship_to_country", ["in", "not_in"], st.lists(st.sampled_from(["US", "CA", ""]), min_size=1, max_size=3)),
    row("customer.group", TEXT, st.sampled_from(["VIP", ""])),
    row("customer.kind", TEXT, st.sampled_from(["account", "contact"])),
    st.builds(lambda f, op: {"field": f, "op": op}, st.sampled_from(["ship_to_country", "customer.group", "customer.kind"]), st.sampled_from(["has_data", "has_no_data"])),
)  # fmt: skip
trees = st.recursive(
    rows,
    lambda part: st.one_of(
        st.lists(part, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(part, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        part.map(lambda inner: {"not": inner}),
    ),
    max_leaves=8,
)


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(trees, min_size=1, max_size=3))
def test_verdicts_are_those_of_brute_force(found):
    truths = [[holds(tree, record) for tree in found] for record in RECORDS]

    assert never("order", found[0]) == (not any(row[0] for row in truths))
    assert always("order", found[0]) == all(row[0] for row in truths)
    assert possible("order", *found).verdict == ("yes" if any(map(all, truths)) else "no")
    assert gap("order", found).verdict == ("no" if all(map(any, truths)) else "yes")
    last = len(found) - 1
    assert shadowed("order", found, last) == (not any(row[last] and not any(row[:last]) for row in truths))


BIG = {"field": "total_minor", "op": "at_least", "value": 5000}
SMALL = {"field": "total_minor", "op": "less", "value": 5000}
STARTS = {"field": "external_id", "op": "starts_with", "value": "A"}
LATE = {"field": "placed_at", "op": "older_than", "value": {"amount": 2, "unit": "days"}}
ANY_BIG = {"related": "lines", "where": {"field": "quantity", "op": "greater", "value": 9}}


def test_two_branches_side_by_side_have_neither_overlap_nor_gap():
    assert overlap("order", BIG, SMALL).verdict == "no"
    assert gap("order", [BIG, SMALL]).verdict == "no"
    assert gap("order", [BIG, {**SMALL, "value": 4999}]).example == {
        "total": "4,999 minor units of any currency"
    }
    assert overlap("order", BIG, {**SMALL, "op": "at_most"}).example == {
        "total": "5,000 minor units of any currency"
    }


@pytest.mark.parametrize(
    "unknown", [STARTS, LATE, ANY_BIG, {"field": "total_minor", "op": "less", "other": "goods_minor"}]
)
def test_what_cannot_be_looked_into_is_said_to_be_unknown(unknown):
    assert possible("order", unknown).verdict == "cannot tell"
    assert gap("order", [unknown, BIG]).verdict == "cannot tell"
    assert possible("order", unknown, {"not": unknown}).verdict == "no"
    assert gap("order", [unknown, {"not": unknown}]).verdict == "no"
    assert possible("order", {"any": [unknown, BIG]}).verdict == "yes"
    assert possible("order", unknown, BIG, SMALL).verdict == "no"


@pytest.mark.parametrize(
    "entity, tree, never_holds, always_holds",
    [
        ("order_line", {"field": "quantity", "op": "less", "value": 1}, True, False),
        ("order_line", {"field": "quantity", "op": "at_least", "value": 1}, False, True),
        ("order_line", {"field": "unit_price", "op": "less", "value": 0}, True, False),
        ("order", {"field": "priority", "op": "less", "value": 0}, True, False),
        ("order", {"not": {"field": "channel.kind", "op": "in", "value": ["retail", "wholesale", "marketplace", "manual"]}}, True, False),
        ("order", {"field": "placed_at", "op": "between", "value": ["2026-01-01", "2026-01-31"]}, False, False),
        ("order", {"all": [{"field": "placed_at", "op": "equals", "value": "2026-01-01"}, {"field": "placed_at", "op": "at_least", "value": "2026-01-02"}]}, True, False),
        ("order_line", {"all": [{"field": "unit_price", "op": "greater", "value": "1.1"}, {"field": "unit_price", "op": "less", "value": "1.100001"}]}, True, False),
        ("order", {}, False, True),
    ],
)  # fmt: skip
def test_bounds_of_the_column_count(entity, tree, never_holds, always_holds):
    assert (never(entity, tree), always(entity, tree)) == (never_holds, always_holds)


def test_a_search_that_would_take_too_long_cannot_tell():
    rows = [
        {"any": [{"field": "ship_to_city", "op": "equals", "value": f"{n}-{k}"} for k in range(9)]}
        for n in range(9)
    ]

    assert possible("order", *[{"any": [*part["any"], STARTS]} for part in rows]).verdict in (
        "no",
        "cannot tell",
    )
