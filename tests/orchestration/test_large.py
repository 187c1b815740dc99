"""One order of a thousand lines, five hundred orders in mid-flow, and five rules over five hundred orders."""

import time
from collections import Counter

import pytest
from django.db import connection
from flow_words import action, branch, condition, rule, splitter, wait

from orchestration.engine.recovery import recover
from orchestration.models import FlowRun, FlowVersion, StepResult
from orders.models import BusinessEvent, OrderLine
from orders.services.events import record
from orders.types import Raised

LINE = {"parameters": {"level": "order_line"}}
ODD = rule("odd", "quantity", "equals", 1, "order_line", "filter")
CHECK = rule("small", "quantity", "less", 3, "order_line")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_thousand_lines_fan_out_and_meet_once_under_four_workers(publish, make_orders, workers):
    assert connection.vendor == "postgresql"
    flow = [
        action("header", "validate_order_header"),
        action("lines", "validate_order_line", policies=["small"]),
        condition("c", [action("yes", **LINE)], [action("no", **LINE)]),
        splitter("s", branch("odd", action("one", **LINE), filters=["odd"]), branch("even", action("two", **LINE), otherwise=True), level="order_line"),
        action("join", parameters={"raise_event": "order.changed"}),
    ]  # fmt: skip
    publish(flow, policies=[ODD, CHECK])
    lines = [("A", 1 + n % 2) for n in range(1000)]
    (order,) = make_orders(lines=lines)

    started = time.monotonic()
    workers(4)
    took = time.monotonic() - started

    assert FlowRun.objects.get().state == "done"
    counted = Counter(BusinessEvent.objects.filter(order=order).values_list("kind", flat=True))
    assert counted["order_line.validated"] == 1000
    assert [counted[k] for k in ("order.validated", "order.lines_validated", "order.changed")] == [1, 1, 1]
    done = dict(StepResult.objects.values_list("step", "detail"))
    assert (done["yes"]["n"], done["one"]["n"], done["two"]["n"], done["join"]["n"]) == (1000, 500, 500, 1)
    assert StepResult.objects.filter(step="join").count() == 1
    assert set(OrderLine.objects.values_list("state_reason", flat=True)) == {"validated"}
    assert took <= 5, took


@pytest.mark.parametrize("count", [500])
def test_orders_in_mid_flow_end_on_the_version_they_began_with(publish, make_orders, run_flows, count):
    """Each version writes its own number into the path; twenty are published while orders stand in the middle."""

    def drawing(n):
        return [action(f"begin-{n}"), wait("w", "order.changed"), action(f"end-{n}")]

    began = {}
    for n in range(1, 21):
        version = publish(drawing(n))
        for order in make_orders(count // 20, lines=[("A", 1)]):
            began[order.pk] = (version.pk, n)
        run_flows()
    publish(drawing(21))
    assert FlowVersion.objects.count() == 21
    record([Raised("order.changed", "order", pk, pk) for pk in began], actor="test")
    run_flows()

    assert len(began) == count
    assert dict(FlowRun.objects.values_list("order", "version")) == {pk: v for pk, (v, _) in began.items()}
    paths = {}
    for order, step in (
        StepResult.objects.filter(result="success").order_by("pk").values_list("order", "step")
    ):
        paths.setdefault(order, []).append(step)
    assert paths == {pk: [f"begin-{n}", "w", f"end-{n}"] for pk, (_, n) in began.items()}
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert recover() == 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_four_workers_at_work_while_twenty_versions_are_published(publish, make_orders, workers):
    """Every order ends on one version: the one that was live when its run began; none is lost or walked twice."""
    assert connection.vendor == "postgresql"

    def drawing(n):
        return [action(f"a-{n}"), action(f"b-{n}"), action(f"c-{n}")]

    publish(drawing(1))
    made = []

    def publishing():
        for n in range(2, 22):
            made.extend(make_orders(25, lines=[("A", 1)]))
            publish(drawing(n))

    workers(4, besides=publishing, batch=20)
    workers(4)

    numbers = dict(FlowRun.objects.values_list("order", "version__number"))
    assert numbers.keys() == {order.pk for order in made}
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    steps = Counter(StepResult.objects.values_list("order", "step"))
    assert steps == Counter((pk, f"{word}-{n}") for pk, n in numbers.items() for word in "abc")
    assert len(made) == 500
    assert len(set(numbers.values())) == 20
