"""An instance of the fulfillment benchmark goes through the real tables, and leaves nothing there."""

import csv
import json

import pytest
from django.core.management import CommandError, call_command

from fulfillment.models import FulfillmentOrder
from inventory.models import FulfillmentSource, InventoryPosition
from orders.models import Order

LATE = {str(slack): 900_000 if slack < 0 else 10_000 for slack in range(-2, 4)}


def node(name, kind, lat, lon, **fields):
    values = {
        "id": name, "type": kind, "lat": lat, "lon": lon, "active": True, "pick_cents": 100, "unit_cents": 30,
        "cap_base": 50, "cap_max": 60, "overtime_cents": 60, "proc_days": 0, "services": ["GROUND"],
    }  # fmt: skip
    return values | fields


def order(name, *lines, **fields):
    values = {
        "id": name, "lat": 41.9, "lon": -87.6, "days_left": 4, "late_cents": 800, "reject_cents": 900, "max_ship": 2,
        "complete": False,
    }  # fmt: skip
    rows = [
        {"no": n, "sku": sku, "qty": qty, "split": split, "unfilled_cents": 5000}
        for n, (sku, qty, split) in enumerate(lines, 1)
    ]
    return values | {"lines": rows} | fields


@pytest.fixture
def directory(tmp_path):
    head = {
        "nodes": [node("N1", "dc", 40.0, -83.0), node("N2", "store", 41.8, -87.7), node("N3", "dc", 39.5, -119.8, cap_base=1, cap_max=1)],
        "skus": [{"id": "A", "grams": 500, "price_cents": 2000, "cls": "std"}, {"id": "H", "grams": 900, "price_cents": 3000, "cls": "hazmat"}],
        "services": [{
            "id": "GROUND", "base": [700, 750, 800, 850, 900, 950, 1000], "per_lb": [30] * 7, "max_lb": 70,
            "transit": [1, 2, 2, 3, 3, 4, 4], "max_miles": None, "late_ppm": LATE,
        }],
        "zone_miles": [150, 300, 600, 1000, 1400, 1800],
    }  # fmt: skip
    orders = [
        order("O1", ("A", 1, False), ("H", 1, False)),
        order("O2", ("A", 4, True)),
        order("O3", ("A", 9, False), ("H", 1, False), complete=True),
    ]
    (tmp_path / "instance.json").write_text(json.dumps(head))
    (tmp_path / "orders.jsonl").write_text("\n".join(map(json.dumps, orders)))
    rows = [
        "node,sku,atp,opp_cents,short_ppm",
        "N1,A,3,10,2000",
        "N1,H,9,10,2000",
        "N2,A,2,5,50000",
        "N2,H,9,0,0",
    ]
    (tmp_path / "stock.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.django_db
def test_the_plan_keeps_the_rules_of_the_instance_and_the_tables_stay_empty(directory, capsys):
    out = directory / "plan.csv"
    call_command("plan_instance", str(directory), mode="fast", out=str(out), through="database")
    plan = list(csv.DictReader(out.open()))
    assert {row["service"] for row in plan} == {"GROUND"}
    assert {(row["order"], row["node"]) for row in plan if row["line"] == "2"} == {
        ("O1", "N1")
    }  # not from the store
    assert sum(int(row["qty"]) for row in plan if row["order"] == "O2") == 4  # from both, in parts
    assert "O3" not in {row["order"] for row in plan}  # whole or not at all
    figures = json.loads(capsys.readouterr().out)
    assert (figures["orders"], figures["lines"], figures["ledger_differences"]) == (3, 5, 0)
    for model in (Order, FulfillmentOrder, FulfillmentSource, InventoryPosition):
        assert not model.objects.exists()


@pytest.mark.django_db
def test_what_is_no_instance_is_refused_in_words(tmp_path):
    with pytest.raises(CommandError, match="holds no instance that can be read"):
        call_command("plan_instance", str(tmp_path), out=str(tmp_path / "plan.csv"), through="database")
