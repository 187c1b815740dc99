"""Why here and not there: each node for each line of an order, with its cost terms or the constraint that removed it."""

from dataclasses import dataclass

import numpy as np

from .parcels import billable, distance_cents, excluded, extra_cents, great_circle, lane
from .problem import COMPONENTS, Problem
from .solution import Solution

INACTIVE, MASK, CLASS, PINNED, EXCLUDED = (
    "inactive",
    "not_in_source_list",
    "class_not_allowed",
    "pinned",
    "excluded",
)
NO_STOCK, TOO_FEW, TAKEN = "no_stock", "not_enough_stock", "stock_taken"
NO_SERVICE, TOO_FAR, NO_RATE, FULL = "no_service", "too_far", "no_rate", "capacity_full"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node for a line on its own. `removed_by` is empty or names the first constraint that rules the node out.

    `terms` are cents by component at the cheapest service; `stock_price` and `capacity_price` what the units would be
    charged for what others would pay; `cost` the sum of all. A removed node has no terms. `rank` counts from 1.
    """

    line: int
    node: int
    removed_by: str
    distance: float
    atp: int
    quantity: int
    service: int = -1
    terms: dict[str, int] | None = None
    stock_price: int = 0
    capacity_price: int = 0
    cost: int | None = None
    rank: int = 0


def candidates(problem: Problem, order: int, solution: Solution | None = None) -> list[list[Candidate]]:
    """For each line of the order, its nodes: ranked ones by cost, then the removed ones by distance.

    With a solution, stock and capacity are what it left over plus what this order has in it, and its prices are told.
    """
    view = _View(problem, order, solution)
    first, last = problem.orders.line_start[order : order + 2]
    return [
        _ranked([view.candidate(line, node) for node in range(problem.sizes["N"])])
        for line in range(first, last)
    ]


def _ranked(found: list[Candidate]) -> list[Candidate]:
    good = sorted((one for one in found if not one.removed_by), key=lambda one: (one.cost, one.node))
    rest = sorted((one for one in found if one.removed_by), key=lambda one: (one.distance, one.node))
    fields = [{name: getattr(one, name) for name in one.__slots__} for one in good]
    return [Candidate(**one | {"rank": rank}) for rank, one in enumerate(fields, 1)] + rest


class _View:
    """One order's look at the nodes."""

    def __init__(self, problem: Problem, order: int, solution: Solution | None) -> None:
        self.problem, self.order, self.solution = problem, order, solution
        nodes = np.arange(problem.sizes["N"])
        same = np.full(len(nodes), order)
        self.distance = great_circle(problem, problem.orders.destination[same], nodes)
        self.lanes = [lane(problem, same, nodes, self.distance, one) for one in range(problem.sizes["V"])]
        self.left, self.used = remaining(problem, order, solution)
        self.row = {}
        for line in range(*problem.orders.line_start[order : order + 2]):
            rows = np.arange(*np.searchsorted(problem.stock.sku, problem.lines.sku[line] + np.arange(2)))
            self.row[line] = dict(zip(problem.stock.node[rows].tolist(), rows.tolist(), strict=True))

    def candidate(self, line: int, node: int) -> Candidate:
        row = self.row[line].get(node)
        atp = 0 if row is None else int(self.left[row])
        quantity = int(self.problem.lines.quantity[line])
        if self.problem.lines.splittable[line]:
            quantity = max(1, min(quantity, atp))
        removed = self._rule(line, node) or self._stock(row, quantity) or self._road(line, node, quantity)
        base = {
            "line": line,
            "node": node,
            "distance": float(self.distance[node]),
            "atp": atp,
            "quantity": quantity,
        }
        if removed:
            return Candidate(removed_by=removed, **base)
        return Candidate(removed_by="", **base, **self._terms(line, node, row, quantity))

    def _rule(self, line: int, node: int) -> str:
        problem = self.problem
        sku_class = problem.skus.class_code[problem.lines.sku[line]]
        pinned = problem.lines.pinned[line]
        for broken, name in (
            (not problem.nodes.active[node], INACTIVE),
            (not problem.masks[problem.orders.mask[self.order], node], MASK),
            (not problem.class_allowed[sku_class, node], CLASS),
            (pinned >= 0 and pinned != node, PINNED),
            (excluded(problem, np.array([line]), np.array([node]))[0], EXCLUDED),
        ):
            if broken:
                return name
        return ""

    def _stock(self, row: int | None, quantity: int) -> str:
        if row is None or self.problem.stock.atp[row] == 0:
            return NO_STOCK
        if self.problem.stock.atp[row] < quantity:
            return TOO_FEW
        return TAKEN if self.left[row] < quantity else ""

    def _road(self, line: int, node: int, quantity: int) -> str:
        problem = self.problem
        if not problem.offered[node].any():
            return NO_SERVICE
        if not any(one.runs[node] for one in self.lanes):
            return TOO_FAR
        if self._best_service(line, node, quantity) is None:
            return NO_RATE
        use = quantity if problem.nodes.cap_unit[node] == 0 else 1
        return FULL if self.used[node] + use > problem.nodes.cap_max[node] else ""

    def _best_service(self, line: int, node: int, quantity: int) -> tuple[int, int, int] | None:
        """(service, carrier cents, lateness cents), the cheapest in sum."""
        problem, found = self.problem, []
        sku = problem.lines.sku[line]
        grams, volume = problem.skus.grams[sku] * quantity, problem.skus.volume_mm3[sku] * quantity
        for service, one in enumerate(self.lanes):
            step = int(billable(problem, grams, volume, service))
            rates = problem.services.rate_cents
            if one.runs[node] and step < rates.shape[2] and rates[service, one.zone[node], step] >= 0:
                carrier, late = int(rates[service, one.zone[node], step]), int(one.late_cents[node])
                found.append((carrier + late, service, carrier, late))
        return min(found)[1:] if found else None

    def _terms(self, line: int, node: int, row: int, quantity: int) -> dict:
        problem = self.problem
        service, carrier, late = self._best_service(line, node, quantity)
        reject = int(problem.stock.short_ppm[row]) * int(problem.orders.reject_cents[self.order])
        terms = dict.fromkeys(COMPONENTS, 0) | {
            "carrier": carrier,
            "handling": int(problem.nodes.pick_cents[node]),
            "units": int(problem.nodes.unit_cents[node]) * quantity,
            "opportunity": int(problem.stock.opportunity_cents[row]) * quantity,
            "rejection": (reject + 500_000) // 1_000_000 * quantity,
            "lateness": late,
            "distance": int(distance_cents(problem, self.distance[node : node + 1])[0]),
            "soft": int(extra_cents(problem, np.array([line]), np.array([node]))[0]) * quantity,
        }
        use = quantity if problem.nodes.cap_unit[node] == 0 else 1
        over = int(max(0, self.used[node] + use - problem.nodes.cap_regular[node]))
        terms["overtime"] = min(use, over) * int(problem.nodes.overtime_cents[node])
        stock = capacity = 0
        if self.solution is not None:
            stock = round(float(self.solution.stock_price[row]) * quantity)
            capacity = round(float(self.solution.capacity_price[node]) * use)
        cost = sum(terms.values()) + stock + capacity
        return {
            "service": service,
            "terms": terms,
            "stock_price": stock,
            "capacity_price": capacity,
            "cost": cost,
        }


def remaining(problem: Problem, order: int, solution: Solution | None) -> tuple[np.ndarray, np.ndarray]:
    """Stock left and capacity used by the others."""
    if solution is None:
        return problem.stock.atp.astype(np.int64), np.zeros(problem.sizes["N"], np.int64)
    left, used = solution.stock_left.copy(), solution.capacity_used.copy()
    keys = problem.stock_key()
    own = np.flatnonzero(solution.parcel_order[solution.alloc_parcel] == order)
    for at in own:
        node, quantity = solution.parcel_node[solution.alloc_parcel[at]], solution.alloc_quantity[at]
        sku = problem.lines.sku[solution.alloc_line[at]]
        left[np.searchsorted(keys, sku * problem.sizes["N"] + node)] += quantity
        used[node] -= (quantity, 1, 0)[problem.nodes.cap_unit[node]]
    for node in solution.parcel_node[solution.parcel_order == order]:
        used[node] -= int(problem.nodes.cap_unit[node] == 2)
    return left, used
