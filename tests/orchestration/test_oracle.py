"""Random flows and random orders: the engine against a second telling in plain Python (`oracle`)."""

import os
from collections import Counter, defaultdict

import pytest
from django.db import transaction
from flow_words import raise_event, rule
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st
from oracle import tell

from orchestration.engine import step
from orchestration.engine.advance import advance
from orchestration.models import FlowRun, StepResult, StepRun

EVENTS = ("order.delivered", "order.changed", "order.part_shipped")
FILTERS = (
    rule("us", "ship_to_country", "equals", "US", type="filter"),
    rule("nowhere", "ship_to_country", "equals", "ZZ", type="filter"),
    rule("a", "sku", "equals", "A", "order_line", "filter"),
    rule("big", "quantity", "at_least", 3, "order_line", "filter"),
)
CHECKS = (
    rule("is-us", "ship_to_country", "equals", "US"),
    rule("is-a", "sku", "equals", "A", "order_line"),
    rule("is-big", "quantity", "at_least", 3, "order_line"),
    rule("told-big", "quantity", "at_least", 3, "order_line", criticality="information"),
)
POLICIES = {policy["key"]: policy for policy in (*FILTERS, *CHECKS)}
# What a step of each level may ask: filters about lines make no sense for the order, checks do.
ASKED = {"order": ["us", "nowhere"], "order_line": ["us", "nowhere", "a", "big"]}
levels = st.sampled_from(["order", "order_line"])


@st.composite
def actions(draw):
    level = draw(levels)
    kind = draw(st.sampled_from(["custom", "custom", "validate", "wait"]))
    node = {"kind": "action", "parameters": {}}
    if kind == "validate":
        node["action"] = "validate_order_header" if level == "order" else "validate_order_line"
    else:
        node |= {"action": kind, "parameters": {"level": level}}
    if kind == "wait":
        node["input_events"] = draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True))
    if kind == "custom" and draw(st.integers(0, 3)) == 0:
        node["parameters"]["raise_event"] = draw(st.sampled_from(EVENTS))
    node["filters"] = draw(st.lists(st.sampled_from(ASKED[level]), max_size=1))
    node["policies"] = draw(st.lists(st.sampled_from([c["key"] for c in CHECKS]), max_size=2, unique=True))
    if draw(st.booleans()):
        node["resume_on_error"] = draw(st.sampled_from(EVENTS))
    return node


@st.composite
def elements(draw, inner, merge):
    if draw(st.booleans()):
        return {"kind": "condition_merge" if merge else "condition", "yes": draw(inner), "no": draw(inner)}
    level = draw(levels)
    branches = draw(st.lists(st.tuples(st.sampled_from(ASKED[level]), inner), min_size=1, max_size=3))
    found = [{"filters": [name], "otherwise": False, "steps": steps} for name, steps in branches]
    if draw(st.booleans()):
        found.append({"filters": [], "otherwise": True, "steps": draw(inner)})
    return {"kind": "splitter_merge" if merge else "splitter", "level": level, "branches": found}


def sequences(depth):
    """Steps and elements that rejoin; one that does not may end it."""
    if depth == 0:
        return st.lists(actions(), max_size=2)
    inner = sequences(depth - 1)
    body = st.lists(actions() | elements(inner, True), max_size=3)
    return st.tuples(body, st.lists(elements(inner, False), max_size=1)).map(
        lambda parts: parts[0] + parts[1]
    )


flows = sequences(2).filter(bool)
orders = st.fixed_dictionaries({
    "country": st.sampled_from(["US", "CA"]),
    "lines": st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 5)), min_size=1, max_size=4),
})  # fmt: skip


def keyed(nodes, prefix):
    """The same drawing with a key and a name for every node and branch."""
    named = []
    for n, node in enumerate(nodes):
        key = f"{prefix}{n}"
        fresh = {**node, "key": key, "name": key}
        for word in ("yes", "no"):
            if word in node:
                fresh[word] = keyed(node[word], f"{key}{word[0]}")
        if "branches" in node:
            fresh["branches"] = [
                {**b, "key": f"b{m}", "name": f"b{m}", "steps": keyed(b["steps"], f"{key}b{m}x")}
                for m, b in enumerate(node["branches"])
            ]
        named.append(fresh)
    return named


MANY = int(
    os.environ.get("IOM_ORACLE", 0)
)  # so many examples, new ones each time; without it some that are always the same


@given(
    drawings=st.lists(flows, min_size=1, max_size=2),
    drafts=st.lists(orders, min_size=1, max_size=3),
    later=st.permutations(EVENTS).flatmap(lambda p: st.integers(0, 2).map(lambda n: p[:n])),
)
@settings(
    max_examples=MANY or 100, derandomize=not MANY, deadline=None, database=None,
    phases=list(Phase) if MANY else [Phase.generate],  # a smaller example is worth its minutes to who looks for it
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def check_examples(publish, make_orders, batch, drawings, drafts, later):
    drawings = [keyed(drawing, "fg"[n]) for n, drawing in enumerate(drawings)]
    with transaction.atomic():
        versions = [
            publish(steps, policies=POLICIES.values(), key=f"flow-{n}") for n, steps in enumerate(drawings)
        ]
        made = [make_orders(lines=draft["lines"], country=draft["country"])[0] for draft in drafts]
        raised = set()
        for kind in (None, *later):
            if kind:
                raised.add(kind)
                for order in made:
                    raise_event(order, kind)
            while advance(batch):
                pass
            for order, draft in zip(made, drafts, strict=True):
                compare(order, draft, drawings, versions, raised)
        transaction.set_rollback(True)


@pytest.mark.parametrize("batch", [250, 1], ids=["together", "one by one"])
def test_the_engine_does_what_the_oracle_tells(publish, make_orders, batch):
    check_examples(publish, make_orders, batch)


def test_control_steps_that_forget_their_policies_while_they_wait_are_found(
    publish, make_orders, monkeypatch
):
    monkeypatch.setattr(step, "_is_new", lambda token, gate: token.state != "waiting")

    with pytest.raises((AssertionError, ExceptionGroup)):
        check_examples(publish, make_orders, 250)


def compare(order, draft, drawings, versions, raised):
    lines = {line.pk: line.line_number for line in order.lines.all()}
    told = {
        "ship_to_country": draft["country"],
        "lines": {n: {"sku": sku, "quantity": q} for n, (sku, q) in enumerate(draft["lines"], 1)},
    }
    stories = tell([(steps, POLICIES) for steps in drawings], told, raised)
    for version, story in zip(versions, stories, strict=True):
        run = FlowRun.objects.get(order=order, version=version)
        found = seen(run, lines)
        note(f"flow {version.flow.key}: {version.definition['steps']}")
        event(f"run ends {story.state}")
        assert found["standing"] == {key: where for key, where in story.standing.items() if where}
        for outcome in ("passed", "skipped", "failed"):
            wanted = {key: Counter(records) for key, records in getattr(story, outcome).items() if records}
            assert found[outcome] == (
                {key: sum(c.values()) for key, c in wanted.items()} if outcome == "passed" else wanted
            ), outcome
        assert run.state == story.state
    touched = set().union(*(story.touched for story in stories))
    assert {line.line_number for line in order.lines.all() if line.state != "new"} == touched


def seen(run, lines):
    """What the engine did in the words of a story; of what passed only the number is kept."""
    passed, skipped, failed = Counter(), defaultdict(Counter), defaultdict(Counter)
    for result in StepResult.objects.filter(run=run).exclude(result="requested"):
        if "n" in result.detail:
            left = result.detail.get("skipped", {})
            skipped[result.step].update(
                lines.get(int(pk), 0) if _of_lines(run, result.step) else 0 for pk in left
            )
            passed[result.step] += result.detail["n"] - len(left)
        elif result.result == "failure":
            failed[result.step].update(
                lines[int(pk)] if _of_lines(run, result.step) else 0 for pk in result.detail["records"]
            )
    standing = defaultdict(set)
    for token in StepRun.objects.filter(run=run):
        ids = lines if token.lines is None else token.lines
        standing[token.step, token.state] |= {lines[pk] for pk in ids}
    return {
        "passed": {key: n for key, n in passed.items() if n}, "skipped": {k: c for k, c in skipped.items() if c},
        "failed": dict(failed), "standing": dict(standing),
    }  # fmt: skip


def _of_lines(run, key):
    step = run.version.compiled["steps"][key]
    return step.get("action") == "validate_order_line" or step["parameters"].get("level") == "order_line"
