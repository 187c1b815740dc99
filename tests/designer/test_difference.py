"""Two drawings compared in words."""

import copy

import pytest

from orchestration.designer import edits
from orchestration.policies.words import rule_words
from orchestration.services.difference import differences

STEP = {"kind": "action", "key": "a", "name": "Validate", "action": "validate_order_header"}
HOLD = {
    "kind": "action", "key": "h", "name": "Hold", "action": "hold",
    "parameters": {"type": "fraud", "reason": "Look at it"}, "deadline": {"minutes": 30},
}  # fmt: skip
DRAFT = {
    "entry": {"events": ["order.new"], "filters": []},
    "steps": [
        STEP,
        {"kind": "condition_merge", "key": "c", "name": "Valid?", "yes": [], "no": [HOLD]},
        {**STEP, "key": "z", "name": "Last"},
    ],
}


def told(before, after, **more):
    return [change.sentence for change in differences(before, after, **more)]


def limit(value, name="Hold orders over the limit"):
    rule = {
        "name": name,
        "condition": {
            "all": [{"field": "total_minor", "op": "greater", "value": value * 100, "currency": "USD"}]
        },
        "actions": [],
    }
    return {
        "big": {
            "name": "Big orders",
            "criticality": "critical",
            "combine": "all",
            "otherwise": "fail",
            "rules": [rule],
        }
    }


def test_nothing_differs_between_equal_drawings():
    assert told(DRAFT, copy.deepcopy(DRAFT)) == []


def test_steps_that_came_went_and_moved_are_named_with_their_place():
    added, _ = edits.insert(DRAFT, "c/yes", 0, "custom", "Note it")
    assert told(DRAFT, added) == ["Note it was added first in branch Yes of Valid?"]
    assert told(DRAFT, edits.delete(DRAFT, "z")) == ["Last was removed"]
    assert told(DRAFT, edits.move_to(DRAFT, "z", "", 0)) == ["Last was moved at the start"]
    assert told(DRAFT, edits.move(DRAFT, "h", 1)) == ["Hold was moved after Valid?"]


def test_settings_are_told_with_what_they_were():
    changed = edits.configure(
        DRAFT, "h", {"parameters": {"reason": "Call them"}, "deadline": {"minutes": 60}, "filters": ["big"]}
    )
    renamed, _ = edits.rename(changed, "h", "Hold it", fixed={"h"})

    assert told(DRAFT, renamed, names={"big": "Big orders"}) == [
        "Hold is now called Hold it",
        "Hold it: filter policies: Big orders added",
        "Hold it: deadline in minutes 30 became 60",
        "Hold it: reason “Look at it” became “Call them”",
    ]


def test_a_rule_that_changed_is_told_by_its_number():
    assert told(DRAFT, DRAFT, policies_before=limit(5000), policies_after=limit(10000)) == [
        "Big orders: Hold orders over the limit: total is more than 5,000.00 USD became 10,000.00 USD"
    ]
    assert told(
        DRAFT, DRAFT,
        policies_before=limit(5000, "Hold orders over 5,000"), policies_after=limit(10000, "Hold orders over 10,000"),
    )[0] == "Big orders: Hold orders over 5,000 became Hold orders over 10,000"  # fmt: skip


def test_branches_are_told():
    split, key = edits.insert(DRAFT, "", 0, "splitter_merge", "Split")
    more, _ = edits.add_branch(split, key, "Wholesale")
    fewer = edits.delete_branch(more, key, "branch-1")
    rest = edits.set_branch(fewer, key, "branch-2", name="Rest", otherwise=True)

    assert told(split, rest) == [
        "Split: branch Branch 1 was removed",
        "Split: branch Branch 2 is now called Rest",
        "Split, branch Rest takes everything else now",
        "Split: branch Wholesale was added",
    ]


@pytest.mark.parametrize(
    "was, now, change",
    [
        ({"field": "quantity", "op": "at_least", "value": 5}, {"field": "quantity", "op": "less", "value": 5},
         "quantity is at least 5 became quantity is less than 5"),
        ({"field": "total_minor", "op": "greater", "other": "goods_minor"}, {"field": "total_minor", "op": "greater", "other": "tax_minor"},
         "total is more than goods became total is more than tax"),
        ({"field": "sku", "op": "in_list", "list": "toys"}, {"field": "sku", "op": "in_list", "list": "books"},
         "sku is in the list toys became sku is in the list books"),
        ({"not": {"field": "ship_to_country", "op": "in", "value": ["US", "CA"]}}, {},
         "it is not so that ship to country is US or CA became always"),
    ],
)  # fmt: skip
def test_a_condition_reads_in_a_difference_as_above_the_builder(was, now, change):
    before, after = limit(1), limit(1)
    before["big"]["rules"][0]["condition"], after["big"]["rules"][0]["condition"] = was, now
    old, new = (
        rule_words({"condition": tree}).removeprefix("When ").removesuffix(".").replace("Always", "always")
        for tree in (was, now)
    )

    assert f"{old} became {new}" == change
    assert told(DRAFT, DRAFT, policies_before=before, policies_after=after) == [
        f"Big orders: Hold orders over the limit: {change}"
    ]


def test_a_rule_that_came_is_told_whole():
    after = limit(5000)
    after["big"]["rules"].append(
        {"name": "Gifts", "condition": {}, "actions": [{"tag": "add", "name": "gift"}]}
    )

    assert told(DRAFT, DRAFT, policies_before=limit(5000), policies_after=after) == [
        "Big orders: rule Gifts was added: Always, add the tag gift to the order."
    ]
