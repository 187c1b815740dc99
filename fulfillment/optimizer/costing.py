"""From a plan to a Solution: every cent counted again from the problem, without the table the search used."""

from typing import NamedTuple

import numpy as np

from .arrays import runs
from .choices import Table
from .parcels import billable, distance_cents, extra_cents, great_circle
from .plan import Plan
from .problem import COMPONENTS, IN_LINES, IN_UNITS, Problem, weigh

AT = {name: index for index, name in enumerate(COMPONENTS)}


class Shipped(NamedTuple):
    """Parcels and what is in them, as in Solution."""

    order: np.ndarray
    node: np.ndarray
    service: np.ndarray
    alloc_parcel: np.ndarray
    alloc_line: np.ndarray
    alloc_quantity: np.ndarray


def shipped_of(table: Table, plan: Plan) -> Shipped:
    order = np.repeat(np.arange(len(plan.count)), plan.count)
    slot = np.arange(len(order)) - np.repeat(np.cumsum(plan.count) - plan.count, plan.count)
    state, column = plan.state[order, slot], plan.column[order, slot]
    lines = np.diff(table.line_start)[order]
    parcel = np.repeat(np.arange(len(order)), lines)
    line = (
        np.arange(len(parcel)) - np.repeat(np.cumsum(lines) - lines, lines) + table.line_start[order[parcel]]
    )
    shape = table.order_shape[order]
    digit = (table.shape_digit[shape] + state * table.shape_atoms[shape])[parcel] + table.line_atom[line]
    units = table.digit[digit] * table.line_unit[line]
    kept = units > 0
    node = table.pair_node[table.col_pair[column]].astype(np.int64)
    service = table.col_service[column].astype(np.int64)
    return Shipped(order, node, service, parcel[kept], line[kept], units[kept])


def parcel_components(problem: Problem, shipped: Shipped) -> np.ndarray:
    """Cents by parcel and component; overtime and unfilled stay zero."""
    cents = np.zeros((len(shipped.order), len(COMPONENTS)), np.int64)
    orders, nodes, services = problem.orders, problem.nodes, problem.services
    distance = great_circle(problem, orders.destination[shipped.order], shipped.node)
    grams, volume = np.zeros(len(shipped.order), np.int64), np.zeros(len(shipped.order), np.int64)
    sku, quantity = problem.lines.sku[shipped.alloc_line], shipped.alloc_quantity
    np.add.at(grams, shipped.alloc_parcel, problem.skus.grams[sku] * quantity)
    np.add.at(volume, shipped.alloc_parcel, problem.skus.volume_mm3[sku] * quantity)
    for service in np.unique(shipped.service):
        at = np.flatnonzero(shipped.service == service)
        order, node = shipped.order[at], shipped.node[at]
        zone = np.searchsorted(services.zone_limits[service], distance[at], side="left")
        steps = billable(problem, grams[at], volume[at], service)
        cents[at, AT["carrier"]] = services.rate_cents[service, zone, steps]
        away = nodes.processing_days[node] + problem.ready_days[node, service]
        slack = np.clip(orders.days_left[order] - away - services.transit_days[service, zone], -2, 3)
        chance = services.late_ppm[service, slack + 2]
        cents[at, AT["lateness"]] = (chance * orders.late_cents[order] + 500_000) // 1_000_000
    cents[:, AT["handling"]] = nodes.pick_cents[shipped.node]
    cents[:, AT["distance"]] = distance_cents(problem, distance)
    repeated = np.flatnonzero(np.diff(shipped.order, prepend=-1) == 0)
    cents[repeated, AT["split"]] = orders.split_cents[shipped.order[repeated]]
    _add_units(problem, shipped, cents)
    return cents


def _add_units(problem: Problem, shipped: Shipped, cents: np.ndarray) -> None:
    parcel, line, quantity = shipped.alloc_parcel, shipped.alloc_line, shipped.alloc_quantity
    node, row = shipped.node[parcel], stock_rows(problem, line, shipped.node[parcel])
    reject = problem.orders.reject_cents[shipped.order[parcel]]
    a_unit = {
        "units": problem.nodes.unit_cents[node],
        "opportunity": problem.stock.opportunity_cents[row],
        "rejection": (problem.stock.short_ppm[row] * reject + 500_000) // 1_000_000,
        "soft": extra_cents(problem, line, node),
    }
    for name, each in a_unit.items():
        np.add.at(cents[:, AT[name]], parcel, each * quantity)


def stock_rows(problem: Problem, line: np.ndarray, node: np.ndarray) -> np.ndarray:
    """The stock row of each (line, node); raises KeyError where there is none."""
    stock, size = problem.stock, problem.sizes["N"]
    skus = np.unique(problem.lines.sku[line])
    first = np.searchsorted(stock.sku, skus)
    rows = runs(first, np.searchsorted(stock.sku, skus, side="right") - first)
    keys, wanted = stock.sku[rows] * size + stock.node[rows], problem.lines.sku[line] * size + node
    at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    if len(wanted) and (keys[at] != wanted).any():
        raise KeyError("a line ships from a node without stock of it")
    return rows[at]


def capacity_use(problem: Problem, shipped: Shipped) -> np.ndarray:
    """Uses by node, in each node's own unit."""
    unit = problem.nodes.cap_unit
    of_alloc = shipped.node[shipped.alloc_parcel]
    size = problem.sizes["N"]
    units = np.bincount(of_alloc, shipped.alloc_quantity, minlength=size).astype(np.int64)
    lines, parcels = np.bincount(of_alloc, minlength=size), np.bincount(shipped.node, minlength=size)
    return np.where(unit == IN_UNITS, units, np.where(unit == IN_LINES, lines, parcels))


def objective_of(problem: Problem, components: np.ndarray, shipped: Shipped, overtime_uses, unfilled) -> int:
    """The total at the objective's weights; costs by the unit are weighed by the unit, as the search does."""
    by_line = problem.weights[problem.orders.weights[problem.line_order()], AT["unfilled"]]
    total = int((weigh(problem.lines.unfilled_cents, by_line) * unfilled).sum())
    total += int((overtime_uses * problem.overtime_price()).sum())
    if (problem.weights == 1000).all():
        return total + int(components.sum())
    weights = problem.weights[problem.orders.weights[shipped.order]]
    single = [AT[name] for name in ("carrier", "handling", "lateness", "distance", "split")]
    total += int(weigh(components[:, single], weights[:, single]).sum())
    ones = shipped._replace(alloc_quantity=np.ones_like(shipped.alloc_quantity))
    return total + _weighed_units(problem, ones, shipped.alloc_quantity, weights)


def _weighed_units(problem: Problem, ones: Shipped, quantity: np.ndarray, weights: np.ndarray) -> int:
    apart = ones._replace(
        order=ones.order[ones.alloc_parcel],
        node=ones.node[ones.alloc_parcel],
        alloc_parcel=np.arange(len(ones.alloc_line)),
    )
    cents = np.zeros((len(ones.alloc_line), len(COMPONENTS)), np.int64)
    _add_units(problem, apart, cents)
    return int((weigh(cents, weights[ones.alloc_parcel]).sum(axis=1) * quantity).sum())
