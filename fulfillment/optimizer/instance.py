"""Reads an instance of the fulfillment benchmark (instance.json, stock.csv, orders.jsonl) as a Problem."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .problem import POUND, Lines, Nodes, Orders, Problem, Services, Skus, Stock

CLASSES = ("std", "hazmat", "bulky")
EARTH_RADIUS_MILES = 3958.8
SLACK_KEYS = ("-2", "-1", "0", "1", "2", "3")


class Instance(NamedTuple):
    """The problem and the names its rows have in the files."""

    problem: Problem
    orders: list[str]
    nodes: list[str]
    services: list[str]
    line_numbers: np.ndarray


def read_instance(directory: str | Path) -> Instance:
    """Raises OSError where a file is missing, KeyError or ValueError where one is not of this format."""
    directory = Path(directory)
    head = json.loads((directory / "instance.json").read_text())
    with (directory / "orders.jsonl").open() as file:
        orders = [json.loads(line) for line in file]
    problem = Problem(
        nodes=_nodes(head["nodes"]),
        services=_services(head["services"], head["zone_miles"]),
        skus=_skus(head["skus"]),
        stock=_stock(directory / "stock.csv", head),
        orders=_orders(orders),
        lines=_lines(orders, head["skus"]),
        latitude=[order["lat"] for order in orders],
        longitude=[order["lon"] for order in orders],
        class_allowed=_class_allowed(head["nodes"]),
        offered=[[one["id"] in node["services"] for one in head["services"]] for node in head["nodes"]],
        earth_radius=EARTH_RADIUS_MILES,
    )
    numbers = np.array([line["no"] for order in orders for line in order["lines"]])
    names = ([row["id"] for row in rows] for rows in (orders, head["nodes"], head["services"]))
    return Instance(problem, *names, numbers)


def write_plan(path: str | Path, instance: Instance, solution) -> None:
    """The plan as order, ship, node, service, line, qty; rows of one parcel share `ship`."""
    numbers = np.zeros(len(solution.parcel_order), np.int64)
    for parcel in range(1, len(numbers)):
        same = solution.parcel_order[parcel] == solution.parcel_order[parcel - 1]
        numbers[parcel] = numbers[parcel - 1] + 1 if same else 0
    with Path(path).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order", "ship", "node", "service", "line", "qty"))
        for parcel, line, quantity in zip(
            solution.alloc_parcel, solution.alloc_line, solution.alloc_quantity, strict=True
        ):
            writer.writerow((
                instance.orders[solution.parcel_order[parcel]], int(numbers[parcel]) + 1,
                instance.nodes[solution.parcel_node[parcel]], instance.services[solution.parcel_service[parcel]],
                int(instance.line_numbers[line]), int(quantity),
            ))  # fmt: skip


def _nodes(rows) -> Nodes:
    return Nodes(
        active=[row["active"] for row in rows],
        latitude=[row["lat"] for row in rows],
        longitude=[row["lon"] for row in rows],
        pick_cents=[row["pick_cents"] for row in rows],
        unit_cents=[row["unit_cents"] for row in rows],
        cap_regular=[row["cap_base"] for row in rows],
        cap_max=[row["cap_max"] for row in rows],
        overtime_cents=[row["overtime_cents"] for row in rows],
        processing_days=[row["proc_days"] for row in rows],
    )


def _services(rows, zone_miles) -> Services:
    steps = max(row["max_lb"] for row in rows) + 1
    return Services(
        weight_unit=[POUND] * len(rows),
        max_distance=[np.inf if row["max_miles"] is None else row["max_miles"] for row in rows],
        zone_limits=[[float(limit) for limit in zone_miles]] * len(rows),
        rate_cents=[[_steps(row, zone, steps) for zone in range(len(row["base"]))] for row in rows],
        transit_days=[row["transit"] for row in rows],
        late_ppm=[[row["late_ppm"][key] for key in SLACK_KEYS] for row in rows],
    )


def _steps(row, zone: int, steps: int) -> list[int]:
    """The rate by pounds; no parcel weighs 0, so that step is not offered."""
    priced = (
        row["base"][zone] + row["per_lb"][zone] * (pounds - 1) for pounds in range(1, row["max_lb"] + 1)
    )
    return [-1, *priced, *[-1] * (steps - row["max_lb"] - 1)]


def _skus(rows) -> Skus:
    return Skus(grams=[row["grams"] for row in rows], class_code=[CLASSES.index(row["cls"]) for row in rows])


def _class_allowed(nodes) -> np.ndarray:
    """Hazardous goods never leave from a store."""
    store = np.array([node["type"] == "store" for node in nodes])
    return np.stack([~store if name == "hazmat" else np.ones(len(nodes), bool) for name in CLASSES])


def _stock(path: Path, head) -> Stock:
    node = {row["id"]: index for index, row in enumerate(head["nodes"])}
    sku = {row["id"]: index for index, row in enumerate(head["skus"])}
    with path.open() as file:
        next(file)
        rows = [(sku[s], node[n], int(a), int(o), int(p)) for n, s, a, o, p in csv.reader(file)]
    table = np.array(rows, np.int64).reshape(-1, 5)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    columns = ("sku", "node", "atp", "opportunity_cents", "short_ppm")
    return Stock(**{name: table[:, index] for index, name in enumerate(columns)})


def _orders(rows) -> Orders:
    return Orders(
        line_start=np.concatenate([[0], np.cumsum([len(row["lines"]) for row in rows])]),
        destination=np.arange(len(rows)),
        days_left=[row["days_left"] for row in rows],
        late_cents=[row["late_cents"] for row in rows],
        reject_cents=[row["reject_cents"] for row in rows],
        max_parcels=[row["max_ship"] for row in rows],
        complete=[row["complete"] for row in rows],
    )


def _lines(orders, skus) -> Lines:
    sku = {row["id"]: index for index, row in enumerate(skus)}
    rows = [line for order in orders for line in order["lines"]]
    return Lines(
        sku=[sku[row["sku"]] for row in rows],
        quantity=[row["qty"] for row in rows],
        splittable=[row["split"] for row in rows],
        unfilled_cents=[row["unfilled_cents"] for row in rows],
    )
