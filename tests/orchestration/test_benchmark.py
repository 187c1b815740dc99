"""The benchmark measures what it says: its keys are there and its checks of the stored rows ran. Never how fast."""

import pytest
from django.db import connection

from orchestration.benchmark import (
    engine,
    engine_complex,
    ingest,
    memory,
    pages,
    plan,
    policies,
    reserve,
    rig,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="its floors are PostgreSQL's"),
]


@pytest.fixture
def address():
    return rig.address(connection.settings_dict["NAME"])


@pytest.fixture(autouse=True)
def _no_twins():
    """The tables that floors write to are no model's, so nobody else clears them."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'floor\\_%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TABLE "{name}"')


def test_engine(address):
    figures = engine.measure(address, orders=6, rounds=1, lone_orders=1)

    assert {
        "engine.orders_per_s_1", "engine.orders_per_s_2", "engine.floor_ratio_1", "engine.floor_ratio_2", "engine.cpu_ms",
        "engine.rows_per_order", "engine.lone_order_ms",
    } <= set(figures)  # fmt: skip
    assert figures["engine.rows_per_order"] > 30


def test_the_floor_writes_every_row_that_the_engine_wrote(address):
    engine.prepare(stock_factor=1000)
    rounds = engine.Rounds(address, 6)
    rounds.engine_round(1)

    rounds.floor_round(2)

    tables = {table.name: (table.inserts, table.updates) for table in rounds.replay.tables}
    assert tables["orders_businessevent"] == (True, 0)
    assert tables["orders_orderline"] == (False, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM floor_orders_orderline WHERE id = (SELECT max(id) FROM floor_orders_orderline)"
        )
    with pytest.raises(AssertionError, match="orders_orderline: 17 of 18 rows"):
        rounds.replay._verify()


def test_engine_complex(address):
    figures = engine_complex.measure(address, orders=6, rounds=1)

    assert {"engine_complex.orders_per_s_1", "engine_complex.orders_per_s_2", "engine_complex.cpu_ms"} <= set(
        figures
    )
    assert figures["engine_complex.steps"] >= 12


def test_policies(address):
    figures = policies.measure(address, orders=8, rounds=1)

    assert figures["policies.orders"] == 8
    assert {"policies.five_rules_ms", "policies.read_rows_ms"} <= set(figures)


def test_memory(address):
    figures = memory.measure(address, orders=6)

    assert figures["memory.orders"] == 6
    assert 50 < figures["memory.worker_peak_mb"] < 300


def test_ingest(address):
    figures = ingest.measure(address, orders=4, rounds=1)

    assert {"ingest.bulk_orders_per_s", "ingest.single_p95_ms", "ingest.csv_floor_ratio"} <= set(figures)


def test_reserve(address, monkeypatch):
    monkeypatch.setattr(reserve, "CLIENTS", 3)
    monkeypatch.setattr(reserve, "PRODUCTS", 20)
    figures = reserve.measure(address, orders=1000, rounds=1)

    assert {"reserve.batch_lines_per_s", "reserve.hot_floor_ratio"} <= set(figures)
    assert figures["reserve.oversold"] == 0


def test_pages(address):
    figures = pages.measure(address, orders=40, rounds=1)

    assert figures["pages.orders"] >= 40
    assert {
        f"pages.{name}_p95_ms" for name in ("order_list", "order_page", "home", "dashboard", "worklist")
    } <= set(figures)


def test_a_rate_is_not_told_when_rows_are_missing(db):
    with pytest.raises(AssertionError, match="0 of 5 orders stored"):
        ingest._check_stored("nothing-", 5)


def test_plan(address, monkeypatch):
    monkeypatch.setattr(plan, "SOURCES", 30)
    monkeypatch.setattr(plan, "PRODUCTS", 20)
    figures = plan.measure(address, rounds=1, orders=4)

    assert {
        "plan.p50_ms", "plan.p99_ms", "plan.cpu_ms", "plan.floor_p50_ms", "plan.floor_p99_ms", "plan.floor_cpu_ms",
    } <= set(figures)  # fmt: skip
    assert figures["plan.carts"] == 4 and figures["plan.p99_ms"] >= figures["plan.p50_ms"] > 0
