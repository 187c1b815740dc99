"""Small flows and what each order's path must be: every element, level and outcome, for one worker and for four.

All flows are published at once; an entry filter gives each its orders. A path is written down as its step results in any
order: `a+2` passed for two records, `a-1` failed, `a~1` skipped, `a?` waits, `s:x1,y2` records by branch, `c:yes`; then
where paths stand: `a!failed`.
"""

from dataclasses import dataclass, field

import pytest
from django.db import connection
from flow_words import action, branch, condition, raise_event, rule, splitter, wait

from orchestration.engine.advance import advance
from orchestration.models import FlowRun, StepResult, StepRun
from orders.models import BusinessEvent

ORDERS = 3
LINE, WORK = {"parameters": {"level": "order_line"}}, {"parameters": {"level": "fulfillment_order"}}
POLICIES = [
    rule("us", "ship_to_country", "equals", "US", type="filter"),
    rule("ca", "ship_to_country", "equals", "CA", type="filter"),
    rule("a", "sku", "equals", "A", "order_line", "filter"),
    rule("b", "sku", "equals", "B", "order_line", "filter"),
    rule("many", "quantity", "greater", 1, "order_line", "filter"),
    rule("ohio", "source.code", "equals", "DC-CMH", "fulfillment_order", "filter"),
    rule("is-us", "ship_to_country", "equals", "US"),
    rule("is-ca", "ship_to_country", "equals", "CA"),
    rule("is-a", "sku", "equals", "A", "order_line"),
    rule("told-ca", "ship_to_country", "equals", "CA", criticality="information"),
    rule("is-ohio", "source.code", "equals", "DC-CMH", "fulfillment_order"),
]
SOURCED = [action("dom", "send_to_dom"), action("res", "soft_reserve")]


@dataclass
class Row:
    name: str
    steps: list
    path: str
    end: str = "done"
    events: list = field(default_factory=list)
    raised: dict = field(default_factory=dict)  # how often each order raised these
    lines: list = field(default_factory=lambda: [("A", 1), ("B", 2)])


def two(*parts, **more):
    return splitter("s", *parts, **more)


CHANGED = {"parameters": {"raise_event": "order.changed"}}
TABLE = [
    # actions: success, skipped, failure with each road, at each level
    Row("order success", [action("x"), action("y")], "x+1 y+1"),
    Row("order skipped", [action("x", filters=["ca"]), action("y")], "x~1 y+1"),
    Row("order failure", [action("x", policies=["is-ca"]), action("y")], "x-1 x!failed", "attention"),
    Row("order information", [action("x", policies=["told-ca"]), action("y")], "x+1 y+1"),
    Row("order resume", [action("x", policies=["is-ca"], resume_on_error="order.changed"), action("y")], "x-1 y+1", raised={"order.changed": 1}),
    Row("order go to", [action("x", policies=["is-ca"], on_failure={"go_to": "z"}), action("y"), action("z")], "x-1 z+1"),
    Row("line success", [action("x", **LINE), action("y")], "x+2 y+1"),
    Row("line skipped in part", [action("x", filters=["a"], **LINE), action("y")], "x+1 x~1 y+1"),
    Row("line skipped", [action("x", filters=["ca"], **LINE), action("y")], "x~2 y+1"),
    Row("line failure in part", [action("x", policies=["is-a"], **LINE), action("y", **LINE), action("z")],
        "x+1 x-1 x!failed y+1 z!joining", "attention"),
    Row("line resume", [action("x", policies=["is-a"], resume_on_error="order.changed", **LINE), action("y")],
        "x+1 x-1 y+1", raised={"order.changed": 1}),
    Row("line header events once", [action("x", "validate_order_line"), action("y")], "x+2 y+1",
        raised={"order_line.validated": 2, "order.lines_validated": 1, "order.lines_validation_failed": 0}),
    Row("line header events of failure once", [action("x", "validate_order_line", policies=["is-ca"])], "x-2 x!failed", "attention",
        raised={"order_line.validation_failed": 2, "order.lines_validation_failed": 1, "order.lines_validated": 0}),
    Row("work success", [*SOURCED, action("x", **WORK), action("y")], "dom+2 res+2 x+1 y+1"),
    Row("work failure", [*SOURCED, action("x", policies=["is-ohio"], resume_on_error="order.changed", **WORK), action("y")],
        "dom+2 res+2 x-1 y+1", raised={"order.changed": 1}),
    Row("work skipped", [*SOURCED, action("x", filters=["ohio"], **WORK), action("y")], "dom+2 res+2 x~1 y+1"),
    Row("work none", [action("x", **WORK), action("y")], "x~ y+1"),
    # conditions
    Row("condition yes", [action("x"), condition("c", [action("y")], [action("n")]), action("z")], "x+1 c:yes y+1 z+1"),
    Row("condition no", [action("x", policies=["is-ca"]), condition("c", [action("y")], [action("n")]), action("z")], "x-1 c:no n+1 z+1"),
    Row("condition after a skip", [action("x", filters=["ca"]), condition("c", [action("y")], [action("n")])], "x~1 c:yes y+1"),
    Row("condition parts lines", [action("x", policies=["is-a"], **LINE), condition("c", [action("y", **LINE)], [action("n", **LINE)]), action("z")],
        "x+1 x-1 c:yes c:no y+1 n+1 z+1"),
    Row("condition empty branch", [action("x", policies=["is-a"], **LINE), condition("c", [], [action("n", **LINE)]), action("z")],
        "x+1 x-1 c:yes c:no n+1 z+1"),
    Row("condition that ends", [action("x", policies=["is-a"], **LINE), condition("c", [action("y", **LINE)], [], merge=False)], "x+1 x-1 c:yes c:no y+1"),
    Row("condition on work", [*SOURCED, action("x", policies=["is-ohio"], **WORK), condition("c", [action("y")], [action("n", **WORK)])],
        "dom+2 res+2 x-1 c:no n+1"),
    # splitters: none, one or two branches match; with and without the rest; at each level
    Row("splitter none", [two(branch("p", action("x"), filters=["ca"])), action("z")], "s: s!failed", "attention"),
    Row("splitter one", [two(branch("p", action("x"), filters=["us"]), branch("q", action("y"), filters=["ca"])), action("z")], "s:p1 x+1 z+1"),
    Row("splitter two", [two(branch("p", action("x"), filters=["us"]), branch("q", action("y"), filters=["us"])), action("z")], "s:p1,q1 x+1 y+1 z+1"),
    Row("splitter otherwise", [two(branch("p", action("x"), filters=["ca"]), branch("r", action("y"), otherwise=True)), action("z")], "s:r1 y+1 z+1"),
    Row("splitter two that end", [two(branch("p", action("x"), filters=["us"]), branch("q", action("y"), filters=["us"]), merge=False)], "s:p1,q1 x+1 y+1"),
    Row("splitter of lines none", [two(branch("p", action("x", **LINE), filters=["ca"]), level="order_line"), action("z")], "s: s!failed", "attention"),
    Row("splitter of lines in part", [two(branch("p", action("x", **LINE), filters=["a"]), level="order_line"), action("z")],
        "s:p1 x+1 s!failed z!joining", "attention"),
    Row("splitter of lines each", [two(branch("p", action("x", **LINE), filters=["a"]), branch("q", action("y", **LINE), filters=["b"]), level="order_line"), action("z")],
        "s:p1,q1 x+1 y+1 z+1"),
    Row("splitter of lines overlaps", [two(branch("p", action("x", **LINE), filters=["b"]), branch("q", action("y", **LINE), filters=["many"]),
        branch("r", otherwise=True), level="order_line"), action("z", **LINE)], "s:p1,q1,r1 x+1 y+1 z+2"),
    Row("splitter of work", [*SOURCED, two(branch("p", action("x", **WORK), filters=["ohio"]), branch("r", action("y", **WORK), otherwise=True),
        level="fulfillment_order"), action("z")], "dom+2 res+2 s:r1 y+1 z+1"),
    Row("order step in a branch of lines", [two(branch("p", action("x"), filters=["a"]), branch("q", action("y"), filters=["b"]), level="order_line"), action("z")],
        "s:p1,q1 x+1 y+1 z+1"),
    Row("order splitter after lines", [two(branch("p", wait("x", "order.changed", "order_line"), filters=["a"]), branch("q", otherwise=True), level="order_line", merge=True),
        splitter("t", branch("u", action("y"), filters=["us"]))], "s:p1,q1 x? x+1 t:u1 y+1", events=["order.changed"]),
    Row("merge waits for a failure inside", [two(branch("p", action("x", policies=["is-ca"]), filters=["us"]), branch("q", action("y"), filters=["us"])), action("z")],
        "s:p1,q1 x-1 x!failed y+1 s.merge!joining", "attention"),
    # input events
    Row("event", [wait("x", "order.changed"), action("y")], "x? x+1 y+1", events=["order.changed"]),
    Row("event of several", [action("x", input_events=["order.delivered", "order.changed"])], "x? x+1", events=["order.changed"]),
    Row("event that never comes", [wait("x", "order.delivered"), action("y")], "x? x!waiting", "waiting", events=["order.changed"]),
    Row("event before its step", [action("r", **CHANGED), wait("x", "order.changed")], "r+1 x+1", raised={"order.changed": 1}),
    Row("event and filter", [action("x", input_events=["order.changed"], filters=["ca"]), action("y")], "x? x~1 y+1", events=["order.changed"]),
    Row("event and failure", [action("x", input_events=["order.changed"], policies=["is-ca"])], "x? x-1 x!failed", "attention", events=["order.changed"]),
    Row("event for lines", [wait("x", "order.changed", "order_line"), action("y")], "x? x+2 y+1", events=["order.changed"]),
    Row("event of failure", [wait("x", "order.delivered", parameters={"level": "order", "failure_events": ["order.changed"]}, on_failure={"go_to": "z"}), action("z")],
        "x? x-1 z+1", events=["order.changed"]),
    Row("event of a sister branch", [two(branch("p", wait("x", "order.changed"), filters=["us"]), branch("q", action("r", **CHANGED), filters=["us"])), action("z")],
        "s:p1,q1 x? r+1 x+1 z+1", raised={"order.changed": 1}),
]  # fmt: skip


@pytest.fixture
def play(publish, make_orders):
    """Publish every row's flow, make its orders, drain, raise its events, drain; the orders by row."""

    def play(drain):
        for n, row in enumerate(TABLE):
            mine = rule(f"mine-{n}", "customer_reference", "equals", row.name, type="filter")
            publish(row.steps, policies=[*POLICIES, mine], key=f"row-{n}", filters=[f"mine-{n}"])
        made = {row.name: make_orders(ORDERS, lines=row.lines, customer_reference=row.name) for row in TABLE}
        drain()
        for row in TABLE:
            for order in made[row.name]:
                for kind in row.events:
                    raise_event(order, kind)
        drain()
        return made

    return play


def told(order):
    words = []
    for result in StepResult.objects.filter(order=order):
        detail, sign = (
            result.detail,
            {"success": "+", "failure": "-", "skipped": "~", "requested": "?"}[result.result],
        )
        left = len(detail.get("skipped", {}))
        if "branches" in detail:
            words.append(
                f"{result.step}:{','.join(f'{b}{n}' for b, n in sorted(detail['branches'].items()))}"
            )
        elif "branch" in detail:
            words.append(f"{result.step}:{detail['branch']}")
        elif "n" in detail:
            words += [f"{result.step}+{detail['n'] - left}"] * (detail["n"] > left) + [
                f"{result.step}~{left}"
            ] * (left > 0)
        else:
            words.append(f"{result.step}{sign}{len(detail.get('records', ())) or ''}")
    words += [
        f"{step}!{state}"
        for step, state in StepRun.objects.filter(run__order=order).values_list("step", "state")
    ]
    return sorted(words)


def compare(made):
    wrong = []
    for row in TABLE:
        for order in made[row.name]:
            found = (told(order), FlowRun.objects.get(order=order).state)
            if found != (sorted(row.path.split()), row.end):
                wrong.append((row.name, " ".join(found[0]), found[1]))
            for kind, count in row.raised.items():
                if (n := BusinessEvent.objects.filter(order=order, kind=kind).count()) != count:
                    wrong.append((row.name, kind, n))
    assert not wrong, "\n".join(map(str, wrong))


def test_every_path_with_one_worker(play, run_flows):
    compare(play(run_flows))


def test_every_path_one_run_at_a_time(play):
    def drain():
        while advance(1):
            pass

    compare(play(drain))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_every_path_with_four_workers(play, workers):
    assert connection.vendor == "postgresql"
    compare(play(lambda: workers(4, batch=5)))
