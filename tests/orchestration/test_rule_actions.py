"""What execution policies do, inside the engine and set by set."""

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import SourceList
from orchestration.engine.advance import advance
from orchestration.errors import BadRule, NotPublishable
from orchestration.models import Flow, FlowRun, Policy, Rule
from orchestration.policies import actions
from orchestration.policies.act import act
from orchestration.policies.evaluate import evaluate
from orchestration.services import publishing
from orders.models import BusinessEvent, EventDefinition, Hold, Order, OrderLine, OrderTag
from orders.services.holds import release_holds

US = {"field": "ship_to_country", "op": "equals", "value": "US"}


def policy(*done, entity="order", condition=None, **more):
    ready = [actions.ready(entity, action, "actions") for action in done]
    rules = [{"name": "R", "condition": condition or {}, "actions": ready}]
    return {"key": "p", "name": "P", "type": "execution", "entity": entity, "criticality": "information", "combine": "every",
            "otherwise": "pass", "version": 1, "rules": rules, **more}  # fmt: skip


def do(definition, ids):
    verdicts = evaluate(definition, ids)
    return verdicts, act(definition, verdicts, actor="test")


@pytest.mark.parametrize(
    "action, before, after",
    [
        ({"set": "priority", "value": 7}, 50, 7),
        ({"set": "priority", "arithmetic": "add", "by": 5}, 50, 55),
        ({"set": "priority", "arithmetic": "add", "by": -60}, 50, 0),
        ({"set": "priority", "arithmetic": "add", "by": 60}, 50, 100),
        ({"set": "priority", "arithmetic": "multiply", "by": "0.29"}, 50, 15),
        ({"set": "priority", "arithmetic": "multiply", "by": 1000}, 100, 100),
        ({"set": "priority", "arithmetic": "multiply", "by": 1.5}, 33, 50),
        ({"set": "priority", "arithmetic": "round", "by": 10}, 44, 40),
        ({"set": "priority", "arithmetic": "round", "by": 10}, 45, 50),
        ({"set": "priority", "from": "line_count"}, 50, 2),
        ({"set": "priority", "from": "total_minor"}, 50, 100),
    ],
)
def test_numbers_are_whole_and_within_their_range_on_both_databases(make_orders, action, before, after):
    (order,) = make_orders()
    Order.objects.filter(pk=order.pk).update(priority=before)

    verdicts, _ = do(policy(action), [order.pk])

    assert Order.objects.get(pk=order.pk).priority == after
    assert verdicts[order.pk].sets == {"priority": after}


def test_texts_and_moments_are_taken_from_elsewhere(make_orders):
    us, ca = *make_orders(), *make_orders(country="CA")
    Order.objects.filter(pk=us.pk).update(ship_to_city="A" * 60)
    definition = policy(
        {"set": "company", "from": "ship_to_city"}, {"set": "sales_origin", "from": "customer.code"},
        {"set": "promised_at", "value": {"amount": 2, "unit": "days"}}, condition=US,
    )  # fmt: skip

    do(definition, [us.pk, ca.pk])

    us, ca = Order.objects.get(pk=us.pk), Order.objects.get(pk=ca.pk)
    assert (us.company, us.sales_origin, ca.company, ca.promised_at) == ("A" * 40, "", "", None)
    assert timedelta() <= timezone.now() + timedelta(days=2) - us.promised_at < timedelta(minutes=1)


def test_a_source_goes_on_lines_and_tags_and_holds_on_their_order(make_orders, world):
    (order,) = make_orders()
    lines = list(OrderLine.objects.filter(order=order).order_by("pk"))
    small = {"field": "quantity", "op": "less", "value": 2}
    definition = policy(
        {"set": "source", "value": "DC-CMH"}, {"tag": "add", "name": "by hand"}, {"hold": "fraud", "reason": "Look at it"},
        entity="order_line", condition=small,
    )  # fmt: skip

    verdicts, effects = do(definition, [line.pk for line in lines])

    assert [line.source_id for line in OrderLine.objects.filter(order=order).order_by("pk")] == [
        world["sources"]["DC-CMH"].pk,
        None,
    ]
    assert [row.tag.name for row in OrderTag.objects.filter(order=order)] == ["by hand"]
    assert Hold.objects.get().reason == "Look at it" and effects.held == [order.pk]
    assert verdicts[lines[0].pk].sets["hold"] == "fraud" and verdicts[lines[1].pk].sets == {}
    do(policy({"tag": "remove", "name": "by hand"}), [order.pk])
    assert not OrderTag.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_orders(make_orders, django_assert_max_num_queries):
    orders = make_orders(40)
    definition = policy(
        {"set": "company", "value": "X"}, {"tag": "add", "name": "t"}, {"hold": "fraud", "reason": "r"}
    )

    with django_assert_max_num_queries(30):
        do(definition, [order.pk for order in orders])

    assert Hold.objects.count() == 40 and Order.objects.filter(company="X").count() == 40


@pytest.mark.parametrize(
    "entity, action, path",
    [
        ("order", {"set": "state", "value": "shipped"}, "a.set"),
        ("order", {"set": "total_minor", "value": 1}, "a.set"),
        ("order", {"set": "priority", "value": 101}, "a.value"),
        ("order", {"set": "priority", "value": True}, "a.value"),
        ("order", {"set": "priority"}, "a"),
        ("order", {"set": "priority", "value": 1, "from": "line_count"}, "a"),
        ("order", {"set": "priority", "from": "currency"}, "a.from"),
        ("order", {"set": "priority", "arithmetic": "power", "by": 2}, "a.arithmetic"),
        ("order", {"set": "priority", "arithmetic": "round", "by": 0}, "a.by"),
        ("order", {"set": "priority", "arithmetic": "multiply", "by": "9e99"}, "a.by"),
        ("order", {"set": "company", "arithmetic": "add", "by": 1}, "a.set"),
        ("order", {"set": "company", "value": "x" * 41}, "a.value"),
        ("order_line", {"set": "source", "value": "NOWHERE"}, "a.value"),
        ("order", {"tag": "add", "name": " "}, "a.name"),
        ("order", {"tag": "paint", "name": "x"}, "a.tag"),
        ("order", {"hold": "forever"}, "a.hold"),
        ("order", {"raise": "order.nothing"}, "a.raise"),
        ("order", {"raise": "order.new"}, "a.raise"),
        ("order", {"raise": "order_line.shipped"}, "a.raise"),
        ("order", {"run": "rm"}, "a"),
        ("order", "set", "a"),
    ],
)
def test_a_faulty_action_is_refused_with_its_path(world, entity, action, path):
    with pytest.raises(BadRule) as fault:
        actions.ready(entity, action, "a")

    assert fault.value.path == path


def test_a_filter_policy_does_nothing(world):
    found = Policy.objects.create(key="f", name="F", type="filter", entity="order")
    Rule.objects.create(policy=found, name="R", condition={}, actions=[{"set": "priority", "value": 1}])

    with pytest.raises(NotPublishable, match="only asks"):
        publishing.publish_policy(found.pk, actor="test")


def test_a_hold_by_a_policy_stops_this_very_step_and_is_not_put_back_after_release(make_orders):
    EventDefinition.objects.create(key="order.looked_at", name="Looked at", entity="order")
    policies = [
        {**policy(), "key": "check", "name": "Check", "combine": "every", "criticality": "information", "rules": [
            {"name": "From the US", "condition": US, "actions": [{"hold": "fraud", "reason": "US"}, {"raise": "order.looked_at"}]}]},
    ]  # fmt: skip
    steps = [
        {"kind": "action", "key": "check", "name": "Check", "action": "custom", "policies": ["check"], "parameters": {"raise_event": "order.changed"}},
        {"kind": "action", "key": "next", "name": "Next", "action": "custom"},
    ]  # fmt: skip
    document = {
        "schema": 1,
        "key": "f",
        "name": "F",
        "entry": {"events": ["order.new"]},
        "steps": steps,
        "policies": policies,
    }
    for rule in document["policies"]:
        rule.pop("version")
    flow = publishing.import_flow(document, actor="test")
    publishing.publish(flow.pk, actor="test")
    us, ca = *make_orders(), *make_orders(country="CA")
    for _ in range(4):
        advance()

    changed = BusinessEvent.objects.filter(kind="order.changed")
    assert {run.order_id: run.state for run in FlowRun.objects.all()}[ca.pk] == "done"
    assert [event.order_id for event in changed] == [ca.pk]
    assert Order.objects.get(pk=us.pk).state == "on_hold"
    assert BusinessEvent.objects.filter(kind="order.looked_at").count() == 1
    release_holds([us.pk], actor="user:ann")
    for _ in range(4):
        advance()

    assert {run.state for run in FlowRun.objects.all()} == {"done"}
    assert changed.filter(order=us).count() == 1
    assert Hold.objects.count() == 1 and Flow.objects.count() == 1


def test_a_rule_keeps_lines_to_a_source_list(world, make_orders):
    SourceList.objects.create(key="west", name="West").sources.add(world["sources"]["DC-RNO"])
    (order,) = make_orders()

    only_a = {"field": "sku", "op": "equals", "value": "A"}
    do(
        policy({"set": "source_list", "value": "west"}, entity="order_line", condition=only_a),
        list(order.lines.values_list("pk", flat=True)),
    )

    assert dict(order.lines.values_list("sku", "source_list")) == {"A": "west", "B": ""}


@pytest.mark.parametrize("value, told", [("nowhere", "no source list"), ("bare", "has no sources")])
def test_a_list_that_nobody_is_in_is_refused(db, value, told):
    SourceList.objects.create(key="bare", name="Bare")

    with pytest.raises(BadRule, match=told):
        actions.ready("order_line", {"set": "source_list", "value": value}, "actions.0")
