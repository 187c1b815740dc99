"""A cart by where its lines end: the ways of each part see what the others take, so that no option needs a unit twice."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fulfillment import list_limits
from fulfillment.checkout.asking import Asked
from fulfillment.checkout.ways import Ways
from fulfillment.loading import Facts, Loaded, load
from fulfillment.optimizer import Solution
from fulfillment.sourcing_strategy import LinePlan, OrderNeed
from fulfillment.strategy_document import LiveStrategy

# As sourcing works where nobody made a strategy.
NO_STRATEGY = LiveStrategy("", 0, True, {"weights": {}, "constraints": [], "objective": "nearest"})
Solved = tuple[Loaded, Solution]


@dataclass(frozen=True)
class Parts:
    """`plans` of `asked`, by line. Lines that end nobody knows where are in no part: nothing of them can be priced."""

    asked: Asked
    plans: Mapping[int, LinePlan]
    facts_of: Callable[[Sequence[OrderNeed]], Facts]
    confidence: float

    # -- the world, with the last rules that were tried: the strategy's own, unless something found no source by them --
    @cached_property
    def _last(self) -> Loaded | None:
        return self.asked.problem.reports[-1].loaded if self.asked.problem.reports else None

    @cached_property
    def _bars(self) -> Mapping[int, Mapping[int, str]]:
        return list_limits.outside(self.plans, self.asked.list_days)

    @cached_property
    def needs(self) -> list[OrderNeed]:
        needs = list_limits.barred(self.asked.needs, self._bars)
        rules = self._last.orders[0].rules if self._last else needs[0].rules
        return [replace(need, rules=rules) for need in needs if None not in (need.latitude, need.longitude)]

    @cached_property
    def known(self) -> Facts:
        lines = {line.line_id for need in self.needs for line in need.lines}
        if self._last and lines <= self._last.known.prices.keys():
            return self._last.known
        return self.facts_of(self.needs)

    @cached_property
    def strategy(self) -> LiveStrategy:
        if self._last:
            return self._last.strategy
        strategies, key = self.known.strategies, self.asked.needs[0].rules.key
        return strategies.get(key) or strategies.get("") or NO_STRATEGY

    @cached_property
    def _relaxed(self) -> bool:
        return self._last.relaxed if self._last else any(plan.relaxed for plan in self.plans.values())

    # -- parts --------------------------------------------------------------------------------------------------------
    @cached_property
    def by_line(self) -> dict[int, Ways]:
        """Ways of the part of a line, as if it were alone: for distances and dates."""
        return {
            line.line_id: ways
            for need, ways in zip(self.needs, self._alone, strict=True)
            for line in need.lines
        }

    def has_services(self, line: int) -> bool:
        return bool(self.by_line[line].loaded.services if line in self.by_line else self.known.services)

    @cached_property
    def _alone(self) -> list[Ways]:
        solved_alone = len(self.asked.needs) == len(self.asked.problem.reports) == 1 and not self._bars
        return [self._ways(self._last if solved_alone else self._loaded(need, ())) for need in self.needs]

    def _ways(self, loaded: Loaded) -> Ways:
        plans = [self.plans[line.line_id] for line in loaded.lines]
        units, parted = [plan.units for plan in plans], [len(plan.allocations) > 1 for plan in plans]
        return Ways(loaded, units, parted, self.confidence)

    def _beside(self, place: int, others: Sequence[Solved]) -> Ways:
        """With the stock and capacity that other parts leave."""
        return self._ways(self._loaded(self.needs[place], others)) if others else self._alone[place]

    def _loaded(self, need: OrderNeed, others: Sequence[Solved]) -> Loaded:
        stock = {product: dict(units) for product, units in self.asked.stock.items()}
        taken: Counter[int] = Counter()
        for loaded, solution in others:
            for row, parcel, units in zip(
                solution.alloc_line.tolist(), solution.alloc_parcel.tolist(), solution.alloc_quantity.tolist(), strict=True
            ):  # fmt: skip
                source = loaded.nodes[int(solution.parcel_node[parcel])]["pk"]
                stock[loaded.lines[row].product_id][source] -= units
            used = zip(loaded.nodes, solution.capacity_used.tolist(), strict=True)
            taken.update({row["pk"]: count for row, count in used})
        return load(self.known, [need], stock, self.strategy, relaxed=self._relaxed, taken=taken)

    # -- ways ---------------------------------------------------------------------------------------------------------
    @cached_property
    def as_planned(self) -> list[Solved]:
        """What is planned, each parcel by its cheapest service."""
        return [(ways.loaded, ways.fixed(self._allocations(ways.loaded))) for ways in self._alone]

    def _allocations(self, loaded: Loaded) -> dict[int, dict[int, int]]:
        plans = enumerate(self.plans[line.line_id] for line in loaded.lines)
        return {row: {pk: units for pk, units, _ in plan.allocations} for row, plan in plans}

    def cheapest(self, solved: Sequence[Solved], by_cost: bool) -> list[Solved] | None:
        """What was planned at the least cost is; None: there is no way by cost to bring what the plan brings."""
        if by_cost and len(solved) == 1:
            return list(solved) if len(self.needs) == 1 else self.as_planned
        found: list[Solved] = []
        for place in range(len(self.needs)):
            ways = self._beside(place, [*found, *self.as_planned[place + 1 :]])
            solution = ways.cheapest()
            if not ways.brings_all(solution):
                return None
            found.append((ways.loaded, solution))
        return found

    def by(self, way: Callable[[Ways, Solution], Solution], cheapest: Sequence[Solved]) -> list[Solved]:
        """Each part in its turn by this way, with what those before it leave; those after it can still be the cheapest."""
        found: list[Solved] = []
        for place in range(len(self.needs)):
            ways = self._beside(place, [*found, *cheapest[place + 1 :]])
            found.append((ways.loaded, way(ways, cheapest[place][1])))
        return found
