"""A run keeps its version, and what was decided can be decided again from the record, whatever has changed since."""

import pytest
from flow_words import action

from orchestration.models import FlowRun, Policy, StepResult
from orchestration.policies.replay import replay
from orchestration.services import publishing
from orders.models import Order, OrderLine

RULES = [
    ("country", {"field": "ship_to_country", "op": "equals", "value": "US"}),
    ("not listed", {"field": "ship_to_region", "op": "not_in", "value": ["IL", "OH"]}),
    ("amount", {"any": [{"field": "total_minor", "op": "greater", "value": 100000}, {"not": {"field": "priority", "op": "between", "value": [40, 60]}}]}),
    ("other currency", {"field": "total_minor", "op": "less", "value": 10**9, "currency": "EUR"}),
    ("not in other currency", {"field": "total_minor", "op": "does_not_equal", "value": 1, "currency": "EUR"}),
    ("currency", {"field": "total_minor", "op": "at_least", "value": 3000, "currency": "USD"}),
    ("text", {"field": "ship_to_city", "op": "contains", "value": "CHIC"}),
    ("against", {"field": "goods_minor", "op": "less", "other": "total_minor"}),
    ("missing", {"field": "customer.group", "op": "has_no_data"}),
    ("lines", {"related": "lines", "aggregate": "count", "op": "at_least", "value": 1}),
    ("clock", {"field": "placed_at", "op": "within_last", "value": {"amount": 2, "unit": "days"}}),
]  # fmt: skip


def policy(key, combine, type="execution", **more):
    rules = [{"name": name, "condition": tree, "actions": []} for name, tree in RULES]
    return {
        "key": key, "name": key, "type": type, "entity": "order", "criticality": "critical", "combine": combine,
        "otherwise": "fail", "rules": rules, **more,
    }  # fmt: skip


@pytest.mark.parametrize("combine", ["all", "any"])
@pytest.mark.parametrize("country", ["US", "CA"])
def test_every_kept_decision_comes_out_the_same_after_everything_has_changed(
    publish, make_orders, run_flows, combine, country
):
    gate = policy("gate", combine, type="filter", rules=[
        {"name": "never", "condition": {"field": "line_count", "op": "greater", "value": 99}, "actions": []},
        {"name": "related", "condition": {"related": "lines", "match": "all", "where": {"field": "quantity", "op": "greater", "value": 9}}, "actions": []},
    ])  # fmt: skip
    publish(
        [
            action("skipped", filters=["gate"]),
            action("fails", policies=["check"], resume_on_error="order.changed"),
        ],
        policies=[gate, policy("check", "all")],
    )
    make_orders(country=country)
    run_flows()
    Order.objects.update(ship_to_country="DE", total_minor=10**9, priority=1, ship_to_city="Bonn")
    OrderLine.objects.update(quantity=500)

    found = [told for result in StepResult.objects.order_by("pk") for told in replay(result)]

    assert [told.policy for told in found] == ["gate", "check"]
    assert all(told.same for told in found), found
    assert found[0].taken == ("related",)
    assert set(found[1].taken) == {"lines", "clock"}
    assert len(found[1].rules_again) == len(RULES)


def test_a_policy_that_was_changed_in_mid_run_is_decided_by_the_version_of_the_run(
    publish, make_orders, run_flows
):
    publish(
        [action("a", input_events=["order.changed"], policies=["check"])], policies=[policy("check", "all")]
    )
    (order,) = make_orders()
    run_flows()
    held = Policy.objects.get(key="check")
    held.rules.all().delete()
    held.rules.create(name="always", condition={}, position=1)
    publishing.publish_policy(held.pk, actor="test")
    from flow_words import raise_event

    raise_event(order, "order.changed")
    run_flows()

    (told,) = replay(StepResult.objects.get(result="failure"))
    assert (told.version, told.then, told.same) == (1, False, True)
    kept = StepResult.objects.get(result="failure").detail["records"][str(order.pk)]["check"]
    assert kept["version"] == 1
    assert FlowRun.objects.get().version.compiled["policies"]["check"]["version"] == 1


def test_control_a_record_that_was_tampered_with_is_told(publish, make_orders, run_flows):
    publish([action("a", policies=["check"])], policies=[policy("check", "all")])
    (order,) = make_orders(country="CA")
    run_flows()
    result = StepResult.objects.get()
    result.detail["records"][str(order.pk)]["check"]["values"]["ship_to_country"] = "US"

    (told,) = replay(result)

    assert not told.same
