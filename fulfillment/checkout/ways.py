"""Other ways to bring a cart, or a part of it, over the arrays that sourcing made of it: cheapest, earliest, greenest. Pure.

Lines that end in one place: each source has one distance; a promise is the quantile of all days together, not the stated days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fulfillment import optimizer
from fulfillment.calendars import NoWorkingDay
from fulfillment.loading import Loaded
from fulfillment.optimizer.parcels import great_circle
from fulfillment.promise import Lane, Promise, promise
from fulfillment.rates import UNIT_WEIGHT, zone_of

LATE_FOR_SURE = (1_000_000, 1_000_000, 0, 0, 0, 0)
FORBIDDEN_CENTS = 5_000_000
NEVER = 9_000


@dataclass(frozen=True)
class Ways:
    """`units` of each line of the cart are brought, no more and no fewer, `parted`: from several sources.

    `confidence` of the promised days.
    """

    loaded: Loaded
    units: Sequence[int]
    parted: Sequence[bool]
    confidence: float

    @cached_property
    def problem(self) -> optimizer.Problem:
        """That of the cart, with what the plan brings: lines that it leaves may come from nowhere.

        A line that the plan does not split is not split by other ways either: that keeps them quick.
        """
        problem, units = self.loaded.problem, np.array(self.units, np.int64)
        problem = replace(
            problem, lines=replace(problem.lines, splittable=problem.lines.splittable & self.parted)
        )
        if (units == problem.lines.quantity).all():
            return problem
        left = np.array(
            [(n, node) for n in np.flatnonzero(units == 0) for node in range(problem.sizes["N"])], np.int64
        )
        rows = np.concatenate([
            np.stack([problem.exclusions.line, problem.exclusions.node], axis=1), left.reshape(-1, 2),
        ])  # fmt: skip
        return replace(
            problem,
            lines=replace(problem.lines, quantity=np.maximum(units, 1)),
            exclusions=optimizer.Exclusions(line=rows[:, 0], node=rows[:, 1]),
        )

    @cached_property
    def km(self) -> np.ndarray:
        nodes = np.arange(len(self.loaded.nodes))
        return great_circle(self.loaded.problem, np.zeros(len(nodes), np.int64), nodes)

    # -- dates ----------------------------------------------------------------------------------------------------
    @cached_property
    def _promises(self) -> dict[tuple, Promise | None]:
        return {}

    def promise(self, node: int, v: int) -> Promise | None:
        """None: the service does not go there from this source. Sources that work alike share the arithmetic."""
        setup, service = self.loaded.known.setups[self.loaded.nodes[node]["pk"]], self.loaded.services[v]
        zone = zone_of(service.tariff, float(self.km[node]))
        if zone is None or (service.carries and service.id not in setup.offered):
            return None
        key = (v, zone, *setup.works_like(service))
        if key not in self._promises:
            self._promises[key] = self._promise(setup.schedule(service), service, zone)
        return self._promises[key]

    def _promise(self, schedule, service, zone: int) -> Promise | None:
        lane = Lane(
            schedule, service.carrier_calendar, service.transit.get(zone, {5: 1.0}), service.delivers_saturday
        )
        try:
            return promise(lane, self.loaded.known.now, confidence=self.confidence)
        except NoWorkingDay:
            return None

    @cached_property
    def arrival(self) -> np.ndarray:
        """Days from now to the promised day, by source and service, where the source has any of the goods."""
        table = np.full((len(self.loaded.nodes), len(self.loaded.services)), NEVER, np.int64)
        today, stock = self.loaded.known.now.date(), self.loaded.problem.stock
        for n in np.unique(stock.node[stock.atp > 0]).tolist():
            for v in range(len(self.loaded.services)):
                if found := self.promise(n, v):
                    table[n, v] = max(0, (found.deliver_on - today).days)
        return table

    # -- plans ----------------------------------------------------------------------------------------------------
    def brings_all(self, found: optimizer.Solution) -> bool:
        """As many units of each line as asked for."""
        return bool((self.problem.lines.quantity - found.unfilled_quantity == self.units).all())

    def cheapest(self) -> optimizer.Solution:
        return optimizer.solve(self.problem, "single")

    def fixed(self, allocations: Mapping[int, Mapping[int, int]]) -> optimizer.Solution:
        """Line -> source id -> units, as somebody else planned it, with the cheapest service of each parcel."""
        problem, sku_of = self.loaded.problem, self.loaded.problem.lines.sku
        place = {row["pk"]: n for n, row in enumerate(self.loaded.nodes)}
        units: dict[tuple[int, int], int] = {}
        pairs = set()
        for line, parts in allocations.items():
            for pk, quantity in parts.items():
                key = (int(sku_of[line]), place[pk])
                units[key] = units.get(key, 0) + quantity
                pairs.add((line, place[pk]))
        keys = zip(problem.stock.sku.tolist(), problem.stock.node.tolist(), strict=True)
        atp = np.array([units.get(key, 0) for key in keys], np.int64)
        others = np.array(
            [(n, node) for n in allocations for node in place.values() if (n, node) not in pairs], np.int64
        ).reshape(-1, 2)
        count = len(sku_of)
        return optimizer.solve(
            replace(
                problem,
                stock=replace(problem.stock, atp=atp),
                exclusions=optimizer.Exclusions(line=others[:, 0], node=others[:, 1]),
                lines=replace(
                    problem.lines,
                    splittable=np.array([len(allocations.get(n, ())) > 1 for n in range(count)], bool),
                    unfilled_cents=np.full(count, FORBIDDEN_CENTS),
                ),
            ),
            "single",
        )

    def earliest(self, base: optimizer.Solution) -> optimizer.Solution:
        """The cheapest plan that is complete on the first day on which one can be: found by halving."""
        days = np.unique(self.arrival[self.arrival < NEVER])
        used = zip(base.parcel_node.tolist(), base.parcel_service.tolist(), strict=True)
        days = days[days < max((self.arrival[n, v] for n, v in used), default=0)]
        best, low, high = base, 0, len(days)
        late = optimizer.COMPONENTS.index("lateness")
        while low < high:
            middle = (low + high) // 2
            found = optimizer.solve(self._within(int(days[middle])), "single")
            if found.components[:, late].sum() == 0 and self.brings_all(found):
                best, high = found, middle
            else:
                low = middle + 1
        return best

    def _within(self, days: int) -> optimizer.Problem:
        """A parcel that is promised for later costs more than leaving it."""
        problem, services = self.problem, self.problem.services
        return replace(
            problem,
            offered=problem.offered & (self.arrival < NEVER),
            ready_days=self.arrival,
            services=replace(
                services,
                transit_days=np.zeros_like(services.transit_days),
                late_ppm=np.tile(LATE_FOR_SURE, (len(self.loaded.services), 1)),
            ),
            orders=replace(problem.orders, days_left=[days], late_cents=[FORBIDDEN_CENTS]),
        )

    def greenest(self, base: optimizer.Solution) -> optimizer.Solution:
        found = optimizer.solve(self._carbon(), "single")
        return found if self.brings_all(found) else base

    def _carbon(self) -> optimizer.Problem:
        """Grams of CO2 where money knows a price; each distance is a zone of its own, and nothing else counts."""
        problem, nodes = self.problem, self.problem.nodes
        services = problem.services
        distinct = np.unique(self.km)
        units = np.arange(services.rate_cents.shape[2])
        grams = np.full((len(self.loaded.services), len(distinct), len(units)), -1, np.int64)
        for v, one in enumerate(self.loaded.services):
            priced = services.rate_cents[v][np.searchsorted(services.zone_limits[v], distinct)]
            tonnes = UNIT_WEIGHT[one.tariff.weight_unit] / 1e15
            each = one.grams_co2_per_parcel + one.grams_co2_per_tonne_km * distinct[:, None] * units * tonnes
            grams[v] = np.where(priced < 0, -1, np.rint(each).astype(np.int64))
        free = np.zeros(len(self.loaded.nodes), np.int64)
        limits = np.tile((distinct[:-1] + distinct[1:]) / 2, (len(self.loaded.services), 1))
        return replace(
            problem,
            services=replace(
                services, zone_limits=limits, rate_cents=grams, late_ppm=np.zeros_like(services.late_ppm),
                transit_days=np.zeros(grams.shape[:2], np.int64),
            ),
            nodes=replace(nodes, pick_cents=free, unit_cents=free, overtime_cents=free),
            stock=replace(problem.stock, opportunity_cents=None, short_ppm=None),
            orders=replace(problem.orders, split_cents=None),
            lines=replace(problem.lines, unfilled_cents=np.full(len(problem.lines.sku), FORBIDDEN_CENTS)),
            extras=None,
            weights=None,
            distance_cents=0.0,
        )  # fmt: skip
