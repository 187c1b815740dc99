"""How each source stands for each line, on its own: what it would cost there, or the constraint that removed it.

The whole batch at once, for the decision records; `optimizer.candidates` tells one order in every detail.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fulfillment.loading import Loaded
from fulfillment.optimizer import Solution
from fulfillment.optimizer.parcels import billable, excluded, extra_cents, great_circle, lane

SHOWN = 8
FAR = 2**40
# In the order in which they are looked at; the first that holds is told.
REASONS = (
    "", "inactive", "not in the source list", "not the assigned source", "excluded", "out of stock", "no service offered",
    "too far", "too heavy for its services", "no capacity left", "taken by other orders",
)  # fmt: skip
INACTIVE, LIST, PINNED, EXCLUDED, STOCK, SERVICE, DISTANCE, HEAVY, FULL, TAKEN = range(1, 11)


class Standing:
    """`cost` in cents and `removed` (a place in REASONS), by line and source."""

    def __init__(self, loaded: Loaded, solution: Solution) -> None:
        problem = self.problem = loaded.problem
        self.loaded = loaded
        count, nodes = problem.sizes["L"], problem.sizes["N"]
        line, node = np.repeat(np.arange(count), nodes), np.tile(np.arange(nodes), count)
        order = problem.line_order()[line]
        distance = great_circle(problem, problem.orders.destination[order], node)
        quantity = problem.lines.quantity[line]
        self.distance = distance.reshape(count, nodes)
        self.have, left = self._stock(line, node, solution)
        self.cost, roads = self._cost(line, node, order, distance, quantity)
        use = np.where(problem.nodes.cap_unit[node] == 0, quantity, 1)
        pinned = problem.lines.pinned[line]
        tests = (
            (INACTIVE, ~problem.nodes.active[node]),
            (LIST, ~problem.masks[problem.orders.mask[order], node]),
            (PINNED, (pinned >= 0) & (pinned != node)),
            (EXCLUDED, excluded(problem, line, node)),
            (STOCK, self.have.ravel() < quantity),
            *roads,
            (FULL, use > problem.nodes.cap_max[node]),
            (TAKEN, left < quantity),
        )
        removed = np.zeros(len(line), np.int8)
        for reason, broken in reversed(tests):
            removed[broken] = reason
        self.removed = removed.reshape(count, nodes)
        self.cost = self.cost.reshape(count, nodes)

    def _stock(self, line, node, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
        problem = self.problem
        table = np.zeros((problem.sizes["K"], problem.sizes["N"]), np.int64)
        rest = table.copy()
        table[problem.stock.sku, problem.stock.node] = problem.stock.atp
        rest[problem.stock.sku, problem.stock.node] = solution.stock_left
        own = np.zeros((problem.sizes["L"], problem.sizes["N"]), np.int64)
        np.add.at(
            own, (solution.alloc_line, solution.parcel_node[solution.alloc_parcel]), solution.alloc_quantity
        )
        have = table[problem.lines.sku]
        return have, rest[problem.lines.sku[line], node] + own[line, node]

    def _cost(self, line, node, order, distance, quantity):
        problem = self.problem
        sku = problem.lines.sku[line]
        grams, volume = problem.skus.grams[sku] * quantity, problem.skus.volume_mm3[sku] * quantity
        best, runs, steps = (
            np.full(len(line), FAR, np.int64),
            np.zeros(len(line), bool),
            problem.services.rate_cents.shape[2],
        )
        for service in range(problem.sizes["V"]):
            way = lane(problem, order, node, distance, service)
            weight = billable(problem, grams, volume, service)
            rate = problem.services.rate_cents[service, way.zone, np.minimum(weight, steps - 1)]
            good = way.runs & (weight < steps) & (rate >= 0)
            best = np.where(good, np.minimum(best, rate + way.late_cents), best)
            runs |= way.runs
        offers = problem.offered.any(axis=1)[node]
        reject = np.zeros((problem.sizes["K"], problem.sizes["N"]), np.int64)
        later = reject.copy()
        reject[problem.stock.sku, problem.stock.node] = problem.stock.short_ppm
        later[problem.stock.sku, problem.stock.node] = problem.stock.opportunity_cents
        risk = (reject[sku, node] * problem.orders.reject_cents[order] + 500_000) // 1_000_000
        units = problem.nodes.unit_cents[node] + risk + later[sku, node] + extra_cents(problem, line, node)
        cost = np.where(best < FAR, best + problem.nodes.pick_cents[node] + units * quantity, FAR)
        return cost, ((SERVICE, ~offers), (DISTANCE, offers & ~runs), (HEAVY, runs & (best >= FAR)))

    def shown(self, line: int, chosen: Mapping[int, int]) -> list[dict[str, Any]]:
        """The chosen, the cheapest others and the nearest of those removed; at most SHOWN."""
        cost, removed = self.cost[line], self.removed[line]
        good = [
            n
            for n in np.argsort(cost, kind="stable")[: SHOWN + 2].tolist()
            if not removed[n] and cost[n] < FAR
        ]
        bad = [n for n in np.argsort(self.distance[line], kind="stable")[: SHOWN + 8].tolist() if removed[n]]
        picked = list(dict.fromkeys([*chosen, *good[: SHOWN - 3], *bad]))[:SHOWN]
        return [self._row(line, n, chosen) for n in picked]

    def _row(self, line: int, node: int, chosen: Mapping[int, int]) -> dict[str, Any]:
        row = {
            "code": self.loaded.nodes[node]["code"],
            "available": int(self.have[line, node]),
            "distance_km": round(float(self.distance[line, node])),
            "removed_by": "" if node in chosen else self._words(line, node),
        }
        if self.cost[line, node] < FAR:
            row["cost_minor"] = int(self.cost[line, node])
        return row

    def _words(self, line: int, node: int) -> str:
        reason = int(self.removed[line, node])
        if reason == EXCLUDED:
            return self.loaded.excluded.get((line, node), REASONS[reason])[:80]
        if reason == STOCK:
            return f"out of stock: {self.have[line, node]:,} of {self.problem.lines.quantity[line]:,}"
        return REASONS[reason] or "dearer in this plan"

    def counts(self, line: int, chosen: Collection[int] = ()) -> dict[str, int]:
        """How many sources each reason took out; of the chosen none, though each may have too few for all of a line."""
        found = Counter(reason for n, reason in enumerate(self.removed[line].tolist()) if n not in chosen)
        return {REASONS[reason]: count for reason, count in sorted(found.items()) if reason}

    def dearer_without(self, line_id: int, sources: Collection[int]) -> int:
        """Cents that the line costs more where none of these sources brings it; FAR where no other could."""
        line = self._rows[line_id]
        cost = np.where(self.removed[line] == 0, self.cost[line], FAR)
        inside = np.array([row["pk"] in sources for row in self.loaded.nodes], bool)
        best = min(cost.min(initial=FAR, where=inside), FAR)
        return int(cost.min(initial=FAR, where=~inside) - best)

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {line.line_id: row for row, line in enumerate(self.loaded.lines)}

    def others(self, line: int, chosen: Collection[int] = ()) -> int:
        """Sources beside the chosen that could bring the line whole: in the table they are dearer in this plan."""
        good = (self.removed[line] == 0) & (self.cost[line] < FAR)
        return int(good.sum()) - sum(bool(good[n]) for n in chosen)
