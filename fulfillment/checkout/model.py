"""One cart as a problem of the optimizer. With one destination each source has one distance: it is its own zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from fulfillment import optimizer, rates
from fulfillment.calendars import NoWorkingDay, local
from fulfillment.checkout.limits import Limits, Place, method_refusal
from fulfillment.checkout.loading import Facts
from fulfillment.checkout.types import Cart
from fulfillment.distance import kilometers
from fulfillment.promise import Lane, Promise, promise
from fulfillment.shipping_setup import ServiceSetup
from inventory.models import FulfillmentSource

# A strategy's component: those of the optimizer that it weighs.
WEIGHED = {
    "carrier": ("carrier",), "handling": ("handling", "units"), "distance": ("distance",), "lateness": ("lateness",),
    "split": ("split",), "rejection": ("rejection",), "future_sale": ("opportunity",), "overtime": ("overtime",),
}  # fmt: skip
CAPACITY = {"units": optimizer.IN_UNITS, "lines": optimizer.IN_LINES, "orders": optimizer.IN_PARCELS}
LATE_FOR_SURE = (1_000_000, 1_000_000, 0, 0, 0, 0)
UNFILLED_CENTS = 20_000_000  # what can go, goes
LATE_CENTS = 5_000_000
NEVER = 9_000


@dataclass(frozen=True)
class CartModel:
    """The arrays of a cart; `problem(aim)` differs in what a parcel costs and when it is late."""

    cart: Cart
    facts: Facts
    limits: Limits
    places: Sequence[Place]

    @cached_property
    def nodes(self) -> list[FulfillmentSource]:
        return [self.facts.sources[place.id] for place in self.places]

    @cached_property
    def km(self) -> np.ndarray:
        return np.array([place.km for place in self.places])

    @cached_property
    def promises(self) -> dict[tuple[int, int], Promise]:
        """By node and service, where it goes at all. Sources that work alike share the arithmetic."""
        known: dict[tuple, Promise | None] = {}
        found = {}
        for n, place in enumerate(self.places):
            setup, free = self.facts.setups[place.id], self.facts.free_day[place.id]
            for v, service in enumerate(self.facts.services):
                zone = rates.zone_of(service.tariff, place.km)
                if zone is None or service.id not in setup.offered or free is None:
                    continue
                schedule = setup.schedule(service)
                key = (
                    v, zone, free, schedule.time_zone, id(schedule.calendar), schedule.cutoff, schedule.processing,
                    tuple(schedule.pickups.items()),
                )  # fmt: skip
                if key not in known:
                    known[key] = self._promise(service, schedule, zone, free)
                if known[key] is not None:
                    found[n, v] = known[key]
        return found

    def _promise(self, service: ServiceSetup, schedule, zone: int, free: date) -> Promise | None:
        lane = Lane(
            schedule, service.carrier_calendar, service.transit.get(zone, {5: 1.0}), service.delivers_saturday
        )
        try:
            return promise(lane, self.facts.now, confidence=self.cart.confidence, not_before=free)
        except NoWorkingDay:
            return None

    def days_until(self, n: int, day: date) -> int:
        return max(0, (day - local(self.facts.now, self.nodes[n].time_zone).date()).days)

    @cached_property
    def arrival(self) -> np.ndarray:
        """Days from the order to the promised day, by node and service."""
        table = np.full((len(self.places), len(self.facts.services)), NEVER, np.int64)
        today = self.facts.now.date()
        for (n, v), found in self.promises.items():
            table[n, v] = max(0, (found.deliver_on - today).days)
        return table

    @cached_property
    def _ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct distances ascending, and limits halfway between them."""
        distinct = np.unique(self.km)
        return distinct, (distinct[:-1] + distinct[1:]) / 2

    @cached_property
    def _width(self) -> int:
        smallest = min((rates.UNIT_WEIGHT[s.tariff.weight_unit] for s in self.facts.services), default=10**12)
        return min(rates.HEAVIEST_UNITS, -(-int(self.grams.sum()) * 10**9 // smallest) + 1) + 1

    @cached_property
    def grams(self) -> np.ndarray:
        return np.array([max(1, p.weight_grams) * line.quantity for p, line in self.pairs], np.int64)

    @property
    def pairs(self):
        return list(zip(self.facts.products, self.cart.lines, strict=True))

    @cached_property
    def money(self) -> np.ndarray:
        """Cents by service, distance and billable units; all distances of a zone share its row."""
        distinct, _ = self._ranks
        table = np.full((len(self.facts.services), len(distinct), self._width), -1, np.int64)
        tables = rates.rate_tables(
            [service.tariff for service in self.facts.services],
            heaviest_units=self._width - 1,
            day=self.facts.now.date(),
        )
        for v in range(len(table)):
            table[v] = tables.rate_cents[v][np.searchsorted(tables.zone_limits[v], distinct)]
            table[v][distinct > tables.max_distance[v]] = -1
        return table

    @cached_property
    def carbon(self) -> np.ndarray:
        """Grams of CO2 where money knows a price."""
        distinct, _ = self._ranks
        units = np.arange(self._width)
        grams = [
            service.grams_co2_per_parcel
            + service.grams_co2_per_tonne_km * distinct[:, None] * units * _tonnes(service)
            for service in self.facts.services
        ]
        return np.where(self.money < 0, -1, np.rint(np.array(grams)).astype(np.int64))

    # -- the problem ----------------------------------------------------------------------------------------------
    def problem(
        self, table: np.ndarray, *, days_left: int | None = None, sure: bool = False, plain: bool = False
    ) -> optimizer.Problem:
        """`plain`: only the table counts, no handling and no weights; `sure`: late means forbidden."""
        count = len(self.cart.lines)
        late = [LATE_FOR_SURE if sure else service.late_ppm for service in self.facts.services]
        return optimizer.Problem(
            nodes=self._nodes(plain),
            services=optimizer.Services(
                weight_unit=[rates.UNIT_WEIGHT[s.tariff.weight_unit] for s in self.facts.services],
                zone_limits=np.repeat(self._ranks[1][None, :], len(self.facts.services), axis=0),
                rate_cents=table,
                transit_days=np.zeros(table.shape[:2], np.int64),
                late_ppm=late,
            ),
            skus=optimizer.Skus(
                grams=[max(1, p.weight_grams) for p, _ in self.pairs], class_code=np.arange(count) * 0
            ),
            stock=self._stock(plain),
            orders=optimizer.Orders(
                line_start=[0, count], destination=[0], max_parcels=[self.limits.most_parcels],
                complete=[self.limits.complete], days_left=[NEVER if days_left is None else days_left],
                late_cents=[LATE_CENTS if sure else self._late_cents()], reject_cents=[self._reject_cents()],
            ),
            lines=optimizer.Lines(
                sku=np.arange(count), quantity=[line.quantity for line in self.cart.lines],
                splittable=[self.limits.split_lines and line.quantity > 1 for line in self.cart.lines],
                unfilled_cents=[UNFILLED_CENTS] * count,
            ),
            exclusions=self._exclusions(),
            extras=None if plain else self._extras(),
            latitude=[self.facts.point[0]],
            longitude=[self.facts.point[1]],
            offered=self.arrival < NEVER,
            ready_days=np.minimum(self.arrival, NEVER),
            weights=None if plain else self._weights(),
            distance_cents=0.0 if plain else self._distance_cents(),
        )  # fmt: skip

    def _late_cents(self) -> int:
        return 500 + self.cart.value_minor * 6 // 100

    def _reject_cents(self) -> int:
        return 700 + self.cart.value_minor // 10

    def _distance_cents(self) -> float:
        return 10.0 if self.facts.live.document["objective"] == "nearest" else 0.0

    def _nodes(self, plain: bool) -> optimizer.Nodes:
        count = len(self.nodes)
        return optimizer.Nodes(
            active=[place.id not in self.limits.closed for place in self.places],
            latitude=[node.latitude for node in self.nodes],
            longitude=[node.longitude for node in self.nodes],
            pick_cents=[0] * count if plain else [node.handling_parcel_minor for node in self.nodes],
            unit_cents=[0] * count if plain else [node.handling_unit_minor for node in self.nodes],
        )

    def _stock(self, plain: bool) -> optimizer.Stock:
        index = {place.id: n for n, place in enumerate(self.places)}
        rows = sorted((line, index[source], free) for (line, source), free in self._free.items())
        ppm = [0 if plain else self.nodes[n].reject_rate_ppm for _, n, _ in rows]
        columns = np.array(rows, np.int64).reshape(-1, 3)
        return optimizer.Stock(
            sku=columns[:, 0], node=columns[:, 1], atp=np.minimum(columns[:, 2], 1_000_000), short_ppm=ppm
        )

    @cached_property
    def _free(self) -> dict[tuple[int, int], int]:
        """Available after what constraints keep back; lines of one product share it, first come first served."""
        free = {}
        for (n, source), units in self.facts.stock.items():
            if units < self.limits.least.get((n, source), 0):
                continue
            units -= self.limits.kept.get((n, source), 0)
            units -= sum(
                line.quantity
                for other, line in enumerate(self.cart.lines[:n])
                if self.facts.products[other].pk == self.facts.products[n].pk
            )
            if units > 0:
                free[n, source] = units
        return free

    def _exclusions(self) -> optimizer.Exclusions | None:
        index = {place.id: n for n, place in enumerate(self.places)}
        pairs = sorted((line, index[source]) for line, source in self._barred if source in index)
        columns = np.array(pairs, np.int64).reshape(-1, 2)
        return optimizer.Exclusions(line=columns[:, 0], node=columns[:, 1])

    @cached_property
    def _barred(self) -> dict[tuple[int, int], str]:
        barred = dict(self.limits.barred)
        for n, item in enumerate(self.facts.items):
            for place in self.places:
                if refusal := method_refusal(self.facts.methods, item, place, self.cart.channel_id):
                    barred.setdefault((n, place.id), refusal)
        return barred

    def _extras(self) -> optimizer.Extras:
        index = {place.id: n for n, place in enumerate(self.places)}
        rows = sorted(
            (line, index[source], cents)
            for (line, source), cents in self.limits.extra.items()
            if source in index and cents
        )
        columns = np.array(rows, np.int64).reshape(-1, 3)
        return optimizer.Extras(line=columns[:, 0], node=columns[:, 1], cents=columns[:, 2])

    def _weights(self) -> np.ndarray:
        weights: Mapping[str, float] = self.facts.live.document["weights"]
        nearest = self.facts.live.document["objective"] == "nearest"
        row = dict.fromkeys(optimizer.COMPONENTS, 1000)
        if nearest:
            row |= dict.fromkeys(("carrier", "handling", "units", "rejection", "lateness"), 0)
        for name, weight in weights.items():
            for component in WEIGHED.get(name, ()):
                row[component] = round(weight * 1000)
        return np.array([[row[name] for name in optimizer.COMPONENTS]], np.int64)


def places_of(facts: Facts) -> list[Place]:
    """The candidates with their distance, by id."""
    sources = list(facts.sources.values())
    if not sources:
        return []
    table = kilometers([facts.point], [(s.latitude, s.longitude) for s in sources])[0]
    return [
        Place(
            s.pk, s.code, s.type, float(km),
            facts.free_day[s.pk] == local(facts.now, s.time_zone).date(), s.priority,
        )
        for s, km in zip(sources, table, strict=True)
    ]  # fmt: skip


def _tonnes(service: ServiceSetup) -> float:
    """Of one weight unit."""
    return rates.UNIT_WEIGHT[service.tariff.weight_unit] / 1e15
