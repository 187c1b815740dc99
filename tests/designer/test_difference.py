"""Two drawings compared in words."""

import copy

from orchestration.designer import edits
from orchestration.services.difference import condition, differences

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
        "Big orders: Hold orders over the limit: total over 5,000.00 USD became 10,000.00 USD"
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


def test_conditions_read_as_sentences():
    rule = {"all": [{"field": "total_minor", "op": "at_least", "value": 5000, "currency": "JPY"}, {"any": [
        {"field": "ship_to_country", "op": "in", "value": ["US", "CA"]}, {"field": "customer.credit_hold", "op": "equals", "value": True}]}]}  # fmt: skip
    assert (
        condition(rule)
        == "total at least 5,000 JPY and (ship to country is one of US, CA or customer credit hold is yes)"
    )
    assert condition({}) == "always"
