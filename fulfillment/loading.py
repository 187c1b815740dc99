"""A batch of orders as the optimizer's arrays: sources, services, stock, capacity, rules; a fixed number of queries.

House rules where nothing else is set: a unit that is not shipped costs its price and UNFILLED_MINOR on top, so that it
is left only where nothing can bring it; being late costs LATE_MINOR and a share of the goods, a refusal likewise.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from fulfillment import calendars, shipping_setup
from fulfillment.distance import kilometers
from fulfillment.models import SourceDay
from fulfillment.optimizer import (
    COMPONENTS,
    IN_LINES,
    IN_PARCELS,
    IN_UNITS,
    UNLIMITED,
    Exclusions,
    Extras,
    Lines,
    Nodes,
    Orders,
    Problem,
    Services,
    Skus,
    Stock,
)
from fulfillment.rates import rate_tables
from fulfillment.shipping_setup import ServiceSetup, SourceSetup
from fulfillment.sourcing_strategy import LineNeed, OrderNeed
from fulfillment.strategy_document import LiveStrategy, counts_on, list_members, live_strategies
from inventory.models import FulfillmentSource, Product
from orders.models import Order, OrderLine

UNFILLED_MINOR, LATE_MINOR, REJECT_MINOR = 10_000, 500, 700
LATE_SHARE, REJECT_SHARE = 0.06, 0.10
CAPACITY = {"units": IN_UNITS, "lines": IN_LINES, "orders": IN_PARCELS}
WEIGHED = {
    "carrier": ("carrier",), "handling": ("handling", "units"), "distance": ("distance",), "lateness": ("lateness",),
    "split": ("split",), "rejection": ("rejection",), "future_sale": ("opportunity",), "overtime": ("overtime",),
}  # fmt: skip
STICKY_MINOR = 40  # a unit: a line that was planned before moves for more than this
SPLIT_MINOR = (
    100  # a parcel more, where a strategy weighs splits; a kilometer costs a cent where it weighs distance
)
SOURCE = (
    "pk", "code", "type", "active", "latitude", "longitude", "time_zone", "capacity_unit", "capacity_per_day",
    "overtime_per_day", "overtime_minor", "handling_parcel_minor", "handling_unit_minor", "reject_rate_ppm", "priority",
    "safety_stock",
)  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """The arrays and what their rows are. `lines[n]` is a LineNeed; `days` the capacity day of each source."""

    problem: Problem
    orders: Sequence[OrderNeed]
    lines: Sequence[LineNeed]
    nodes: Sequence[dict[str, Any]]
    services: Sequence[ServiceSetup]
    days: Mapping[int, date]
    strategy: LiveStrategy
    relaxed: bool
    excluded: Mapping[tuple[int, int], str]  # (line row, node row) -> which constraint


@dataclass
class Facts:
    """What all strategies of a batch share, read once."""

    now: datetime
    sources: list[dict[str, Any]]
    services: list[ServiceSetup]
    setups: dict[int, SourceSetup]
    used: dict[tuple[int, date], int]
    products: dict[int, tuple]
    values: dict[int, tuple]
    prices: dict[int, tuple]
    strategies: dict[str, LiveStrategy]
    lists: dict[str, frozenset[int]]


def facts(orders: Sequence[OrderNeed], now: datetime) -> Facts:
    """Everything but stock; about twenty queries however many orders."""
    hours = shipping_setup.calendars_by_id()
    lines = [line for order in orders for line in order.lines]
    products = {line.product_id for line in lines if line.product_id}
    order_ids = {order.order_id for order in orders}
    sources = list(FulfillmentSource.objects.order_by("pk").values(*SOURCE))
    return Facts(
        now,
        sources,
        shipping_setup.services(hours),
        shipping_setup.sources(hours),
        _used(now),
        _rows(Product, products, ("weight_grams", "ship_class", "category", "sku", "keeps_order_whole")),
        _rows(Order, order_ids, ("promised_at", "requested_delivery_at", "goods_minor", "currency")),
        _rows(OrderLine, [line.line_id for line in lines], ("amount_minor", "quantity")),
        live_strategies(),
        list_members(),
    )


def _rows(model, ids: Collection[int], fields: Sequence[str]) -> dict[int, tuple]:
    return {row[0]: row[1:] for row in model.objects.filter(pk__in=ids).order_by().values_list("pk", *fields)}


def _used(now: datetime) -> dict[tuple[int, date], int]:
    rows = SourceDay.objects.filter(day__gte=now.date() - calendars.ONE_DAY)
    return {(source, day): used for source, day, used in rows.values_list("source_id", "day", "used")}


def unfilled_minor(amount_minor: int, quantity: int) -> int:
    """What a unit costs that is not shipped, of a line of so much and so many."""
    return min(2**31, amount_minor // max(1, quantity) + UNFILLED_MINOR)


def load(
    known: Facts,
    orders: Sequence[OrderNeed],
    stock: Mapping[int, Mapping[int, int]],
    strategy: LiveStrategy,
    *,
    relaxed: bool = False,
    taken: Mapping[int, int] | None = None,
) -> Loaded:
    """Arrays for orders of one strategy. `relaxed`: without its soft constraints. `taken`: capacity used meanwhile."""
    return _Loader(known, orders, stock, strategy, relaxed, taken or {}).loaded()


class _Loader:
    def __init__(self, known, orders, stock, strategy, relaxed, taken) -> None:
        self.known, self.orders, self.stock, self.strategy = known, orders, stock, strategy
        self.relaxed, self.taken = relaxed, taken
        self.nodes = [
            row for row in known.sources if row["latitude"] is not None and row["longitude"] is not None
        ]
        self.place = {row["pk"]: n for n, row in enumerate(self.nodes)}
        self.lines = [line for order in orders for line in order.lines]
        self.products = sorted({line.product_id for line in self.lines})
        self.sku = {pk: n for n, pk in enumerate(self.products)}
        self.counted = self._constraints()
        self.days = {row["pk"]: self._day(row["pk"]) for row in self.nodes}
        self.ready = self._ready()
        self.excluded: dict[tuple[int, int], str] = {}

    def _constraints(self) -> dict[str, list[Mapping]]:
        today, found = self.known.now.date(), defaultdict(list)
        for row in self.strategy.document["constraints"]:
            if counts_on(row, today) and (row["is_hard"] or not self.relaxed):
                found[row["kind"]].append(row)
        return found

    def _day(self, source: int) -> date:
        setup = self.known.setups[source]
        schedule = calendars.Schedule(setup.time_zone, setup.calendar, setup.cutoff, setup.processing)
        try:
            return calendars.capacity_day(schedule, self.known.now)
        except calendars.NoWorkingDay:
            return date.max

    def loaded(self) -> Loaded:
        known, services = self.known, self._services()
        allowed, masks, mask_of = self._masks()
        problem = Problem(
            nodes=self._nodes(),
            services=services,
            skus=Skus(grams=[known.products[pk][0] for pk in self.products]),
            stock=self._stock(),
            orders=self._orders(mask_of),
            lines=self._lines(),
            exclusions=self._exclusions(allowed),
            extras=self._extras(),
            latitude=[order.latitude for order in self.orders],
            longitude=[order.longitude for order in self.orders],
            masks=masks,
            offered=[
                [service.id in known.setups[row["pk"]].offered for service in known.services]
                for row in self.nodes
            ],
            ready_days=self.ready,
            weights=[self._weights()],
            distance_cents=1.0 if "distance" in self.strategy.document["weights"] else 0.0,
        )
        return Loaded(
            problem, self.orders, self.lines, self.nodes, known.services, self.days, self.strategy, self.relaxed,
            self.excluded,
        )  # fmt: skip

    # -- sources and services ---------------------------------------------------------------------------------
    def _nodes(self) -> Nodes:
        rows = self.nodes
        regular = [UNLIMITED if row["capacity_per_day"] is None else row["capacity_per_day"] for row in rows]
        most = [min(UNLIMITED, r + row["overtime_per_day"]) for r, row in zip(regular, rows, strict=True)]
        used = [self._used(row["pk"]) for row in rows]
        return Nodes(
            active=[row["active"] and self.days[row["pk"]] != date.max for row in rows],
            latitude=[row["latitude"] for row in rows],
            longitude=[row["longitude"] for row in rows],
            pick_cents=[row["handling_parcel_minor"] for row in rows],
            unit_cents=[row["handling_unit_minor"] for row in rows],
            cap_regular=[r if r == UNLIMITED else max(0, r - u) for r, u in zip(regular, used, strict=True)],
            cap_max=[m if m == UNLIMITED else max(0, m - u) for m, u in zip(most, used, strict=True)],
            cap_unit=[CAPACITY[row["capacity_unit"]] for row in rows],
            overtime_cents=[row["overtime_minor"] for row in rows],
        )

    def _used(self, source: int) -> int:
        return self.known.used.get((source, self.days[source]), 0) + self.taken.get(source, 0)

    def _services(self) -> Services:
        setups = self.known.services
        tables = rate_tables(
            [one.tariff for one in setups], heaviest_units=self._heaviest(), day=self.known.now.date()
        )
        depth = tables.rate_cents.shape[1]
        days = np.zeros((len(setups), depth), np.int64)
        for row, (one, zones) in enumerate(zip(setups, tables.zones, strict=True)):
            for rank, zone in enumerate(zones):
                days[row, rank] = one.stated_days.get(zone, 0)
        return Services(
            weight_unit=tables.weight_unit,
            max_distance=tables.max_distance,
            zone_limits=tables.zone_limits,
            rate_cents=tables.rate_cents,
            transit_days=days,
            late_ppm=np.array([one.late_ppm for one in setups], np.int64).reshape(len(setups), 6),
        )

    def _heaviest(self) -> int:
        """Billable units of the heaviest order, in the smallest unit of weight that is used."""
        grams = max(
            (sum(self.known.products[line.product_id][0] * line.quantity for line in order.lines) for order in self.orders),
            default=0,
        )  # fmt: skip
        units = [one.tariff.weight_unit for one in self.known.services] or ["g"]
        return max(
            1, -(-grams // {"g": 1, "lb": 453, "kg": 1000}[min(units, key=["g", "lb", "kg"].index)]) + 1
        )

    def _ready(self) -> np.ndarray:
        """Days until a parcel leaves, by source and service; a source that never works again is 10,000 days away."""
        known, cache = self.known, {}
        table = np.zeros((len(self.nodes), len(known.services)), np.int64)
        for n, row in enumerate(self.nodes):
            setup = known.setups[row["pk"]]
            for v, service in enumerate(known.services):
                if service.id not in setup.offered:
                    continue
                pickups = setup.pickups.get(service.carrier_id, {})
                cutoff = setup.offered.get(service.id) or setup.cutoff
                key = (setup.time_zone, id(setup.calendar) if setup.calendar.hours or setup.calendar.days else 0,
                       setup.calendar.country, cutoff, setup.processing, tuple(pickups.items()))  # fmt: skip
                if key not in cache:
                    cache[key] = _days(setup.schedule(service), known.now)
                table[n, v] = cache[key]
        return table

    # -- stock ------------------------------------------------------------------------------------------------
    def _stock(self) -> Stock:
        rows = [
            (self.sku[product], self.place[source], units)
            for product in self.products
            for source, units in self.stock.get(product, {}).items()
            if units > 0 and source in self.place
        ]
        table = np.array(sorted(rows), np.int64).reshape(-1, 3)
        sku, node, units = table[:, 0], table[:, 1], table[:, 2]
        kept = np.array([row["safety_stock"] for row in self.nodes], np.int64)
        left = np.maximum(0, units - (kept[node] if len(kept) else 0))
        for row in self.counted["safety_stock"]:
            left = np.where(
                self._narrowed(row, sku, node), np.maximum(0, left - row["parameters"]["units"]), left
            )
        for row in self.counted["minimum_inventory"]:
            left = np.where(self._narrowed(row, sku, node) & (units < row["parameters"]["units"]), 0, left)
        ppm = np.array([row["reject_rate_ppm"] for row in self.nodes], np.int64)
        return Stock(sku=sku, node=node, atp=left, short_ppm=ppm[node] if len(ppm) else None)

    def _narrowed(self, row: Mapping, sku: np.ndarray, node: np.ndarray) -> np.ndarray:
        products = np.array([self._concerns(row, pk) for pk in self.products], bool)
        return products[sku] & self._listed(row)[node]

    def _concerns(self, row: Mapping, product: int) -> bool:
        _, _, category, sku, _ = self.known.products[product]
        if not row["skus"] and not row["category"]:
            return True
        return sku in row["skus"] or (bool(row["category"]) and category == row["category"])

    def _listed(self, row: Mapping) -> np.ndarray:
        if not row["source_list"]:
            return np.ones(len(self.nodes), bool)
        members = self.known.lists.get(row["source_list"], frozenset())
        return np.array([one["pk"] in members for one in self.nodes], bool)

    # -- orders and lines -------------------------------------------------------------------------------------
    def _masks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of sources that an order may use: the strategy's, or those only that it uses already."""
        allowed = np.ones(len(self.nodes), bool)
        if self.orders and self.orders[0].rules.source_ids is not None:
            allowed = np.array([row["pk"] in self.orders[0].rules.source_ids for row in self.nodes], bool)
        for row in self.counted["offline"]:
            codes = row["parameters"].get("codes", ())
            listed = self._listed(row) if row["source_list"] else np.zeros(len(self.nodes), bool)
            allowed &= ~(listed | np.array([one["code"] in codes for one in self.nodes], bool))
        for row in self.counted["respect_timings"]:
            late = self.ready.min(axis=1, initial=10_000) > 0
            allowed &= ~(late & self._listed(row))
        masks, rank = [allowed], []
        for order in self.orders:
            if len(order.used_sources) < order.rules.max_sources:
                rank.append(0)
                continue
            rank.append(len(masks))
            masks.append(allowed & np.array([row["pk"] in order.used_sources for row in self.nodes], bool))
        return allowed, np.array(masks), np.array(rank, np.int64)

    def _orders(self, mask_of: np.ndarray) -> Orders:
        known, weights = self.known, self.strategy.document["weights"]
        goods = np.array([known.values[order.order_id][2] for order in self.orders], float)
        whole = [self._whole(order) for order in self.orders]
        # Hard ones are in the rules of the order too; soft ones count until they give way.
        reach = min(
            (row["parameters"]["km"] for row in self.counted["maximum_distance"] if not row["source_list"]),
            default=np.inf,
        )
        most = min((row["parameters"]["count"] for row in self.counted["sources_per_order"]), default=50)
        return Orders(
            line_start=np.concatenate([[0], np.cumsum([len(order.lines) for order in self.orders])]).astype(np.int64),
            destination=np.arange(len(self.orders)),
            days_left=[self._days_left(order) for order in self.orders],
            late_cents=np.floor(LATE_MINOR + LATE_SHARE * goods).astype(np.int64),
            reject_cents=np.floor(REJECT_MINOR + REJECT_SHARE * goods).astype(np.int64),
            max_parcels=[
                1 if one else max(1, min(most, order.rules.max_sources) - len(order.used_sources))
                for order, one in zip(self.orders, whole, strict=True)
            ],
            complete=[bool(self.counted["restrict_partial"]) or one for one in whole],
            mask=mask_of,
            max_distance=[min(reach, order.rules.max_distance_km or np.inf) for order in self.orders],
            sticky_cents=[STICKY_MINOR] * len(self.orders),
            split_cents=[SPLIT_MINOR if "split" in weights else 0] * len(self.orders),
        )  # fmt: skip

    def _whole(self, order: OrderNeed) -> bool:
        products = [line.product_id for line in order.lines]
        if any(self.known.products[pk][4] for pk in products):
            return True
        goods = self.known.values[order.order_id][2]
        for row in self.counted["no_split"]:
            named = row["skus"] or row["category"]
            if goods < (row["parameters"].get("value_minor") or 0):
                return True
            if named and any(self._concerns(row, pk) for pk in products):
                return True
        return False

    def _days_left(self, order: OrderNeed) -> int:
        promised, requested, *_ = self.known.values[order.order_id]
        wanted = promised or requested
        return 10_000 if wanted is None else max(-10_000, (wanted.date() - self.known.now.date()).days)

    def _lines(self) -> Lines:
        per_line = [row["parameters"]["count"] for row in self.counted["sources_per_line"]]
        split = min(per_line, default=2) > 1
        prices = self.known.prices
        return Lines(
            sku=[self.sku[line.product_id] for line in self.lines],
            quantity=[line.quantity for line in self.lines],
            splittable=[
                split and order.rules.split_lines and line.quantity > 1 for order in self.orders for line in order.lines
            ],
            unfilled_cents=[unfilled_minor(*prices[line.line_id]) for line in self.lines],
            current=[self.place.get(line.current_source_id, -1) for line in self.lines],
            pinned=[self.place.get(line.fixed_source_id, -1) if line.fixed_source_id else -1 for line in self.lines],
        )  # fmt: skip

    def _exclusions(self, allowed: np.ndarray) -> Exclusions:
        for n, line in enumerate(self.lines):
            for source, reason in line.rejected.items():
                if source in self.place:
                    self.excluded[n, self.place[source]] = f"rejected by this source before: {reason}"
            if line.allowed is not None:
                outside = (at for source, at in self.place.items() if source not in line.allowed)
                self.excluded.update({(n, at): line.outside() for at in outside})
        for row in self.counted["class_not_from"]:
            wanted = row["parameters"]
            nodes = self._listed(row) & np.array(
                [one["type"] == wanted["source_type"] for one in self.nodes], bool
            )
            for n, line in enumerate(self.lines):
                if self.known.products[line.product_id][1] == wanted["ship_class"]:
                    self.excluded.update(
                        dict.fromkeys(((n, int(at)) for at in np.flatnonzero(nodes)), row["name"])
                    )
        self._exclude_far()
        pairs = np.array(sorted(self.excluded), np.int64).reshape(-1, 2)
        return Exclusions(line=pairs[:, 0], node=pairs[:, 1])

    def _exclude_far(self) -> None:
        """A distance that counts for the sources of a list only."""
        limits = [row for row in self.counted["maximum_distance"] if row["source_list"]]
        if not limits:
            return
        km = kilometers(
            [(order.latitude, order.longitude) for order in self.orders],
            [(row["latitude"], row["longitude"]) for row in self.nodes],
        )
        start = 0
        for n, order in enumerate(self.orders):
            for row in limits:
                far = np.flatnonzero((km[n] > row["parameters"]["km"]) & self._listed(row))
                pairs = ((start + line, int(node)) for line in range(len(order.lines)) for node in far)
                self.excluded.update(dict.fromkeys(pairs, row["name"]))
            start += len(order.lines)

    def _extras(self) -> Extras:
        rows = []
        for row in self.counted["location_priority"]:
            ranks, step = row["parameters"].get("ranks") or {}, row["parameters"]["step_minor"]
            listed = self._listed(row)
            cents = [
                step * (ranks.get(one["code"], one["priority"]) - 1) if listed[n] else 0
                for n, one in enumerate(self.nodes)
            ]
            for n, line in enumerate(self.lines):
                if self._concerns(row, line.product_id):
                    rows += [(n, node, each) for node, each in enumerate(cents) if each]
        table = np.array(rows, np.int64).reshape(-1, 3)
        return Extras(line=table[:, 0], node=table[:, 1], cents=table[:, 2])

    def _weights(self) -> list[int]:
        given = self.strategy.document["weights"]
        found = dict.fromkeys(COMPONENTS, 1000)
        for name, parts in WEIGHED.items():
            for part in parts:
                if name in given:
                    found[part] = round(float(given[name]) * 1000)
        return list(found.values())


def _days(schedule: calendars.Schedule, now: datetime) -> int:
    try:
        return min(10_000, max(0, calendars.ready_days(schedule, now)))
    except calendars.NoWorkingDay:
        return 10_000
