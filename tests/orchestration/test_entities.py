"""A model of another app goes along its order's flows: steps, policies, splitters, conditions and joins take it as their own."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from flow_words import action, branch, condition, path, splitter, steps_done, wait

from orchestration.entities import Entity, register
from orchestration.errors import NotPublishable
from orchestration.models import FlowRun, StepResult, StepRun
from orchestration.policies import fields
from orchestration.services.repair import retry
from orders.models import BusinessEvent, EventDefinition, Order, StateTransition
from orders.services.events import apply_event
from tests.warranties.models import Warranty


def policy(key, condition, *, actions=(), type="filter", entity="warranty"):
    return {
        "key": key, "name": key, "type": type, "entity": entity, "criticality": "critical", "combine": "all",
        "otherwise": "fail" if type == "filter" else "pass",
        "rules": [{"name": key, "condition": condition, "actions": list(actions)}],
    }  # fmt: skip


LONG = policy("long", {"field": "months", "op": "at_least", "value": 24})
OF_WARRANTY = {"parameters": {"level": "warranty"}}


@pytest.fixture
def sold(world, make_orders):
    """An order with a warranty for each (serial, months), and the words of warranties."""
    for key in ("warranty.sold", "warranty.registered", "warranty.refused"):
        EventDefinition.objects.create(key=key, name=key, entity="warranty")
    StateTransition.objects.create(
        event="warranty.registered", entity="warranty", source_state="new", target_state="registered",
        target_reason="by_maker",
    )  # fmt: skip

    def sell(*warranties, **more):
        (order,) = make_orders(**more)
        for serial, months in warranties:
            Warranty.objects.create(order=order, serial=serial, months=months)
        return order

    return sell


def start(order):
    (locked,) = Order.objects.lock([order.pk])
    apply_event("order.orchestrate", [locked], actor="test")


def events(kind):
    return list(
        BusinessEvent.objects.filter(kind=kind).order_by("pk").values_list("entity", "record_id", "order_id")
    )


def test_a_step_of_warranties_works_on_each_moves_its_state_and_the_order_goes_on_once(
    publish, sold, run_flows
):
    order = sold(("AAA", 12), ("BBB", 24))
    other = sold()
    publish([action("r", "register_warranty"), action("after")], events=("order.orchestrate",))
    start(order)
    start(other)

    run_flows()

    one, two = Warranty.objects.order_by("pk")
    assert (one.state, one.state_reason, two.state) == ("registered", "by_maker", "registered")
    assert events("warranty.registered") == [("warranty", w.pk, order.pk) for w in (one, two)]
    assert path(order) == [("r", "success"), ("after", "success")]
    assert path(other) == [("r", "skipped"), ("after", "success")]


def test_one_that_fails_stays_for_a_person_and_a_later_step_of_the_order_waits_for_it(
    publish, sold, run_flows
):
    order = sold(("AAA", 12), ("123", 12))
    publish(
        [action("r", "register_warranty"), action("w", **OF_WARRANTY), action("once")],
        events=("order.orchestrate",),
    )
    start(order)
    run_flows()
    bad = Warranty.objects.get(serial="123")
    failed = StepRun.objects.get(state="failed")
    assert (failed.step, failed.custom, failed.error) == ("r", ["warranty", [bad.pk]], "123 is no serial.")
    assert "once" not in steps_done(order)
    assert events("warranty.refused") == [("warranty", bad.pk, order.pk)]
    assert len(events("order.changed")) == 1

    Warranty.objects.filter(pk=bad.pk).update(serial="XYZ")
    retry([failed.pk], actor="user:ann")
    run_flows()

    assert steps_done(order).count("once") == 1
    assert FlowRun.objects.get().state == "done"
    assert set(Warranty.objects.values_list("state", flat=True)) == {"registered"}


def test_lines_meet_before_a_step_of_warranties_and_warranties_before_one_of_lines(publish, sold, run_flows):
    line = {"parameters": {"level": "order_line"}}
    a = policy("a", {"field": "sku", "op": "equals", "value": "A"}, entity="order_line")
    split = splitter(
        "s", branch("a", action("a1", **line), filters=["a"]), branch("b", otherwise=True), level="order_line"
    )
    publish(
        [split, action("w", **OF_WARRANTY), condition("c", yes=[action("y", **OF_WARRANTY)]), action("l", **line)],
        policies=[a], events=("order.orchestrate",),
    )  # fmt: skip
    order = sold(("AAA", 12), ("BBB", 24), lines=[("A", 1), ("B", 1)])
    start(order)

    run_flows()

    assert [(step, detail.get("n")) for step, detail in StepResult.objects.filter(step__in="wyl").order_by("pk").values_list("step", "detail")] == [
        ("w", 2), ("y", 2), ("l", 2),
    ]  # fmt: skip
    assert FlowRun.objects.get().state == "done"


def test_warranties_part_at_a_splitter_and_meet_again(publish, sold, run_flows):
    split = splitter(
        "s", branch("long", action("l", **OF_WARRANTY), filters=["long"]),
        branch("short", wait("sh", "warranty.sold", "warranty"), otherwise=True), level="warranty",
    )  # fmt: skip
    publish([split, action("once")], policies=[LONG], events=("order.orchestrate",))
    order = sold(("AAA", 12), ("BBB", 24), ("CCC", 36), ("DDD", 6))
    Warranty.objects.filter(serial="DDD").update(state="void")
    start(order)
    run_flows()
    assert StepResult.objects.get(step="l").detail["n"] == 2
    assert "once" not in steps_done(order)
    short = Warranty.objects.get(serial="AAA")
    Order.objects.lock([order.pk])
    apply_event("warranty.sold", [Warranty.objects.get(serial="BBB")], actor="test")
    run_flows()
    assert "once" not in steps_done(order), "an event about another warranty speaks of that one only"

    apply_event("warranty.sold", [short], actor="test")
    run_flows()

    assert steps_done(order).count("once") == 1


def test_policies_compare_set_and_count_its_declared_fields(publish, sold, run_flows):
    double = policy(
        "double", {"field": "order.ship_to_country", "op": "equals", "value": "US"}, type="execution",
        actions=[{"set": "months", "arithmetic": "multiply", "by": 2}],
    )  # fmt: skip
    many = policy(
        "many", {"related": "warranties", "aggregate": "count", "op": "at_least", "value": 2}, entity="order"
    )
    rich = policy(
        "rich",
        {"related": "warranties", "aggregate": "sum", "field": "months", "op": "greater", "value": 70},
        entity="order",
    )
    publish(
        [action("m", filters=["many"]), action("d", policies=["double"], **OF_WARRANTY), action("l", filters=["long"], **OF_WARRANTY),
         action("r", filters=["rich"])],
        policies=[double, many, rich, LONG], events=("order.orchestrate",),
    )  # fmt: skip
    order = sold(("AAA", 6), ("BBB", 30))
    start(order)

    run_flows()

    assert list(Warranty.objects.order_by("pk").values_list("months", flat=True)) == [12, 60]
    assert path(order) == [("m", "success"), ("d", "success"), ("l", "success"), ("r", "success")]
    told = StepResult.objects.get(step="l").detail["skipped"]
    assert [verdict["long"]["values"] for verdict in told.values()] == [{"months": 12}]


def test_an_event_about_a_warranty_starts_the_flow_of_its_order(publish, sold, run_flows):
    publish([action("r", "register_warranty")], events=("warranty.sold",))
    order = sold(("AAA", 12))
    Order.objects.lock([order.pk])

    apply_event("warranty.sold", list(Warranty.objects.all()), actor="test")
    run_flows()

    assert path(order) == [("r", "success")]


def test_a_level_that_nobody_registered_cannot_be_published(publish):
    with pytest.raises(NotPublishable, match="level"):
        publish([action("x", parameters={"level": "unicorn"})])


@pytest.mark.parametrize(
    ("entity", "why"),
    [
        (lambda: Entity(EventDefinition, "E", "es", "key"), "foreign key “order”"),
        (lambda: Entity(Warranty, "W", "lines", "months"), "taken"),
        (lambda: Entity(Warranty, "W", "warranties", "months state", ("state",)), "only be moved by events"),
        (lambda: Entity(Warranty, "W", "warranties", "months", ("serial",)), "among the fields"),
    ],
)
def test_a_registration_that_cannot_work_is_refused(entity, why):
    before = fields.SETTABLE["warranty"]

    with pytest.raises(ImproperlyConfigured, match=why):
        register(entity())

    assert fields.SETTABLE["warranty"] == before


def test_the_documented_action_works_as_it_stands(publish, make_orders, run_flows, world, monkeypatch):
    import textwrap

    import orchestration.actions as documented

    example = documented.__doc__.split("`AppConfig.ready`:\n")[1].split("\nTwo more ways")[0]
    code = textwrap.dedent(example)
    monkeypatch.setattr(documented.base, "ACTIONS", documented.ACTIONS)
    exec(code, {"__name__": "example"})
    try:
        world["products"]["B"].weight_grams = 30_000
        world["products"]["B"].save()
        publish([action("c", "check_weight", on_failure={"go_to": "end"}), action("end")])
        (order,) = make_orders(lines=[("A", 1), ("B", 1)])
        run_flows()
        told = StepResult.objects.get(result="failure").detail["records"]
        with pytest.raises(NotPublishable, match="most_grams"):
            publish([action("c", "check_weight", parameters={"most_grams": 0})], key="two")
    finally:
        documented.ACTIONS.pop("check_weight", None)

    assert [fault["sentence"] for fault in told.values()] == ["B weighs over 25,000 g."]
    assert len(code.strip().splitlines()) <= 20
    assert FlowRun.objects.get(order=order).state == "done"
