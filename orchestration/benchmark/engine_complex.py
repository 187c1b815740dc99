"""A larger flow: more than 12 steps, four policies of five rules each, line level, splitters, rules that set values.

The demo flow with these policies in place of its own two, and two steps more; all orders are retail ones of three lines.
"""

import json
import statistics
from collections.abc import Mapping
from typing import Any

from orchestration.benchmark import rig
from orchestration.benchmark.engine import Rounds, prepare
from orchestration.demo.world import FLOW
from orchestration.engine.graph import walk
from orchestration.models import Flow
from orchestration.services import publishing

ACTOR = "benchmark"
Rule = tuple[dict, list]


def measure(url: str, *, orders: int = 1000, rounds: int = 5) -> dict[str, Any]:
    prepare(stock_factor=1000)
    for flow in Flow.objects.filter(status=Flow.Status.PUBLISHED):
        publishing.stop(flow.pk, actor=ACTOR)
    document = drawing()
    publishing.publish(publishing.import_flow(document, actor=ACTOR).pk, actor=ACTOR)
    state = Rounds(url, orders)
    state.engine_round(1)  # warm
    figures = rig.alternate(rounds, one=lambda: state.engine_round(1), two=lambda: state.engine_round(2))
    return {
        "engine_complex.orders_per_s_1": round(figures["one"], 1),
        "engine_complex.orders_per_s_2": round(figures["two"], 1),
        "engine_complex.cpu_ms": round(statistics.median(state.cpu_ms), 3),
        "engine_complex.rows_per_order": round(state.rows_per_order, 1),
        "engine_complex.steps": sum(1 for _ in walk(document["steps"])),
    }


def drawing() -> dict[str, Any]:
    document = json.loads(FLOW.read_text())
    document |= {"key": "complex", "name": "Complex"}
    header, _, lines, *_ = steps = document["steps"]
    header["policies"], lines["policies"] = ["complex-header"], ["complex-lines"]
    at = next(n for n, step in enumerate(steps) if step["key"] == "source")
    steps[at:at] = [
        _custom("rate", "Rate the order", "order", "complex-priority"),
        _custom("group", "Group the lines", "order_line", "complex-groups"),
    ]
    document["policies"] += [
        _policy("complex-header", "order", "all", HEADER),
        _policy("complex-lines", "order_line", "all", LINES),
        _policy("complex-priority", "order", "first", PRIORITY),
        _policy("complex-groups", "order_line", "first", GROUPS),
    ]
    used = {name for step in walk(steps) for name in (*step.get("filters", ()), *step.get("policies", ()))}
    used |= {
        name
        for step in walk(steps)
        for branch in step.get("branches", ())
        for name in branch.get("filters", ())
    }
    document["policies"] = [policy for policy in document["policies"] if policy["key"] in used]
    return document


def _custom(key: str, name: str, level: str, policy: str) -> dict[str, Any]:
    return {
        "kind": "action", "key": key, "name": name, "action": "custom", "parameters": {"level": level},
        "policies": [policy],
    }  # fmt: skip


def _policy(key: str, entity: str, combine: str, rules: list[Rule]) -> dict[str, Any]:
    return {
        "key": key, "name": key, "type": "execution", "entity": entity, "combine": combine, "otherwise": "pass",
        "criticality": "critical" if combine == "all" else "information",
        "rules": [
            {"name": f"rule {n}", "condition": condition, "actions": actions}
            for n, (condition, actions) in enumerate(rules, start=1)
        ],
    }  # fmt: skip


def _is(field: str, op: str, value: Any = None) -> Mapping[str, Any]:
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


def _set(field: str, value: Any) -> list[dict]:
    return [{"set": field, "value": value}]


HEADER: list[Rule] = [
    (_is("ship_to_country", "in", ["US", "CA"]), []),
    ({"any": [_is("ship_to_name", "has_data"), _is("customer_email", "has_data")]}, []),
    ({"all": [_is("ship_to_line1", "has_data"), _is("ship_to_city", "has_data")]}, []),
    ({"not": _is("customer.credit_hold", "equals", True)}, []),
    ({"related": "lines", "aggregate": "sum", "field": "quantity", "op": "at_least", "value": 1}, []),
]
LINES: list[Rule] = [
    ({"any": [_is("product.active", "equals", True), _is("description", "has_data")]}, []),
    (_is("quantity", "between", [1, 1000]), []),
    (_is("unit_price", "at_most", 10000), []),
    (_is("order.ship_to_country", "in", ["US", "CA"]), []),
    ({"not": {"all": [_is("order.is_manual", "equals", True), _is("quantity", "greater", 500)]}}, []),
]
PRIORITY: list[Rule] = [
    (_is("total_minor", "greater", 1_000_000), _set("priority", 10)),
    (_is("unit_count", "greater", 100), _set("priority", 20)),
    (_is("ship_to_region", "in", ["NY", "MA"]), _set("priority", 30)),
    (_is("channel.kind", "equals", "wholesale"), _set("priority", 40)),
    (_is("line_count", "at_least", 3), _set("priority", 45)),
]
GROUPS: list[Rule] = [
    (_is("product.weight_grams", "greater", 20_000), _set("split_group", "heavy")),
    (_is("quantity", "greater", 50), _set("split_group", "bulk")),
    (_is("unit_price", "greater", 500), _set("split_group", "dear")),
    (_is("order.ship_to_region", "in", ["AK", "HI"]), _set("split_group", "far")),
    (_is("quantity", "at_least", 3), _set("split_group", "many")),
]
