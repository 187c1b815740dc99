"""One policy of five rules over 500 orders of three lines: related records, sums, relative dates; beside reading the rows."""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from orchestration.benchmark import rig
from orchestration.benchmark.engine import drafts, prepare
from orchestration.policies.evaluate import evaluate
from orders.models import Order
from orders.services.intake import create_orders

CONDITIONS = [
    {"all": [{"field": "total_minor", "op": "between", "value": [100, 90000]}, {"field": "ship_to_country", "op": "in", "value": ["US", "CA"]}]},
    {"any": [{"field": "customer.group", "op": "equals", "value": "VIP"}, {"field": "channel.kind", "op": "equals", "value": "retail"}]},
    {"related": "lines", "aggregate": "sum", "field": "quantity", "op": "at_least", "value": 3},
    {"related": "lines", "match": "all", "where": {"field": "product.active", "op": "equals", "value": True}},
    {"field": "placed_at", "op": "within_last", "value": {"amount": 2, "unit": "days"}},
]  # fmt: skip
POLICY = {
    "key": "p", "name": "P", "type": "execution", "entity": "order", "criticality": "critical", "combine": "all", "otherwise": "pass",
    "version": 1,
    "rules": [{"name": f"R{n}", "condition": tree, "actions": []} for n, tree in enumerate(CONDITIONS)],
}  # fmt: skip


def measure(url: str, *, orders: int = 500, rounds: int = 5) -> dict[str, Any]:
    """Milliseconds, medians of alternating rounds; the floor reads the orders and lines that the rules look at."""
    prepare(stock_factor=10)
    made = create_orders(drafts(1, orders), actor="benchmark")
    ids = [row.order_id for row in made]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    figures = rig.alternate(rounds, policy=lambda: _timed(_evaluated, ids), rows=lambda: _timed(_read, ids))
    return {
        "policies.orders": len(ids),
        "policies.five_rules_ms": round(figures["policy"], 1),
        "policies.read_rows_ms": round(figures["rows"], 1),
    }


def _timed(work: Callable[[list[int]], None], ids: list[int]) -> float:
    started = time.perf_counter()
    work(ids)
    return (time.perf_counter() - started) * 1000


def _evaluated(ids: list[int]) -> None:
    verdicts = evaluate(POLICY, ids)
    assert len(verdicts) == len(ids) and all(verdict.passed for verdict in verdicts.values())


def _read(ids: list[int]) -> None:
    rows = Order.objects.filter(pk__in=ids).values_list("pk", "total_minor", "lines__quantity")
    assert len({row[0] for row in rows}) == len(ids)
