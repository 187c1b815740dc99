"""What publishing says of a flow's policies: problems that stop it, warnings that do not."""

import pytest

from orchestration.models import PolicyVersion
from orchestration.services import publishing
from orchestration.services.checking import flow_problems, flow_warnings
from orchestration.services.findings import policy_findings
from orders import definitions


def more(n):
    return {"field": "total_minor", "op": "at_least", "value": n}


def less(n):
    return {"field": "total_minor", "op": "less", "value": n}


def policy(key, *conditions, **extra):
    rules = [{"name": f"R{n}", "condition": tree, "actions": []} for n, tree in enumerate(conditions)]
    return {"key": key, "name": key, "type": "filter", "entity": "order", "criticality": "information", "combine": "all",
            "otherwise": "fail", "version": 1, "rules": rules, **extra}  # fmt: skip


def flow(*filters, level="order", **extra):
    branches = [
        {"key": f"b{n}", "name": f"B{n}", "filters": list(names), "steps": []}
        for n, names in enumerate(filters)
    ]
    step = {
        "kind": "splitter_merge",
        "key": "split",
        "name": "Split",
        "level": level,
        "branches": branches,
        **extra,
    }
    return {"entry": {"events": ["order.new"]}, "steps": [step]}


@pytest.fixture(autouse=True)
def events(db):
    definitions.sync()


def test_a_branch_that_nothing_can_take_stops_publishing():
    policies = {"big": policy("big", more(500)), "small": policy("small", less(500))}

    assert flow_problems(flow(["big"], ["big", "small"]), policies) == [
        ("split", "branch “B1” can never be taken: its filters contradict each other")
    ]
    assert flow_problems(flow(["big"], ["small"]), policies) == []


def test_a_splitter_is_told_its_overlap_and_its_gap_with_an_example():
    policies = {
        "big": policy("big", more(500)),
        "small": policy("small", less(400)),
        "all": policy("all", more(0)),
    }

    assert flow_warnings(flow(["big"], ["small"]), policies)[-1] == (
        "split",
        "no branch takes a record with total 400 minor units of any currency; add an “otherwise” branch",
    )
    overlaps = [
        sentence for where, sentence in flow_warnings(flow(["big"], ["all"]), policies) if where == "split"
    ]
    assert overlaps == [
        "branches “B0” and “B1” overlap: both take a record with total 500 minor units of any currency"
    ]


def test_filters_of_the_order_are_compared_at_line_level_too():
    policies = {"big": policy("big", more(500)), "small": policy("small", less(500))}
    policies["gift"] = policy("gift", {"related": "tags", "where": {}})

    two, three = ([["big"], ["small"], *more] for more in ([], [["gift"]]))
    assert without_currencies(flow_warnings(flow(*two, level="order_line"), policies)) == []
    assert [
        sentence
        for _, sentence in without_currencies(flow_warnings(flow(*three, level="order_line"), policies))
    ] == [
        "cannot tell whether branches “B0” and “B2” overlap",
        "cannot tell whether branches “B1” and “B2” overlap",
    ]


def told(policy):
    return without_currencies(policy_findings(policy))


def without_currencies(found):
    """Without what each of these amounts, which have no currency, is told."""
    return [finding for finding in found if "in any currency" not in finding[1]]


def test_rules_are_told_that_they_never_act():
    starts = {"field": "external_id", "op": "starts_with", "value": "A"}
    found = told(
        policy("p", more(500), more(900), {"all": [more(5), less(5)]}, more(0), starts, combine="first")
    )

    assert found == [
        ("p: R1", "never acts: earlier rules take every record that it would take"),
        ("p: R2", "can never hold: its conditions contradict each other"),
        ("p: R3", "always holds, whatever the record"),
        ("p: R4", "never acts: earlier rules take every record that it would take"),
    ]


def test_two_rules_that_set_one_field_are_named():
    found = policy("p", more(500), more(900), less(100), combine="every", type="execution")
    for rule in found["rules"]:
        rule["actions"] = [{"set": "priority", "value": 5}]

    assert told(found) == [("p: R1", "sets priority, as “R0” does; where both hold, this one wins")]


def test_a_loop_without_a_wait_stops_publishing():
    first = {"kind": "action", "key": "first", "name": "First", "action": "custom"}
    again = {
        "kind": "action",
        "key": "again",
        "name": "Again",
        "action": "custom",
        "parameters": {"go_to": "first"},
    }
    wait = {
        "kind": "action",
        "key": "wait",
        "name": "Wait",
        "action": "wait",
        "input_events": ["order.changed"],
    }
    entry = {"events": ["order.new"]}

    assert flow_problems({"entry": entry, "steps": [first, again]}, {}) == [
        ("again", "goes back to first for ever: nothing in between waits")
    ]
    assert flow_problems({"entry": entry, "steps": [first, wait, again]}, {}) == []


def test_an_event_that_nobody_raises_and_an_idle_provider_are_warnings():
    wait = {
        "kind": "action",
        "key": "wait",
        "name": "Wait",
        "action": "wait",
        "input_events": ["order.sourced", "order.changed"],
    }
    send = {
        "kind": "action",
        "key": "send",
        "name": "Send",
        "action": "send_to_fulfillment",
        "provider_action": "threepl.send",
    }
    draft = {"entry": {"events": ["order.new"]}, "steps": [wait, send]}

    found = dict(flow_warnings(draft, {}))
    assert found["wait"] == "waits for order.sourced, which nobody raises"
    assert "no active connection" in found["send"]


def test_the_flow_that_ships_has_no_overlap_no_gap_and_no_rule_without_effect(world):
    flow = publishing.import_flow("orchestration/flows/order_to_invoice.json", actor="test")
    policies = {v.definition["key"]: v.definition for v in PolicyVersion.objects.all()}
    warned = {where for where, _ in flow_warnings(flow.draft, policies)}

    always_and_any_currency = {
        "line-is-complete: Quantity is positive",
        "line-is-complete: Price within limits",
    }
    assert warned == {"send-3pl", "invoice-3pl", "invoice-own", *always_and_any_currency}
