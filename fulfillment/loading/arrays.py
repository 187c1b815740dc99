"""Orders as the optimizer's arrays: of one strategy, or of several that see the same stock, capacity and money.

A unit that is not shipped costs its price, or a share of it, and more, so that it is left only where nothing can bring it; being late and
being refused cost an amount and a share of the goods: see `fulfillment.strategy_costs`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from fulfillment import calendars
from fulfillment.loading.facts import Facts
from fulfillment.loading.loaded import NEVER, Loaded
from fulfillment.loading.rules import StrategyRules
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
from fulfillment.rates import billable_units, rate_tables
from fulfillment.shipping_setup import TAKEN_THERE
from fulfillment.sourcing_strategy import OrderNeed
from fulfillment.strategy_costs import costs_of
from fulfillment.strategy_document import LiveStrategy

CAPACITY = {"units": IN_UNITS, "lines": IN_LINES, "orders": IN_PARCELS}
WEIGHED = {
    "carrier": ("carrier",), "handling": ("handling", "units"), "distance": ("distance",), "lateness": ("lateness",),
    "split": ("split",), "rejection": ("rejection",), "future_sale": ("opportunity",), "overtime": ("overtime",),
}  # fmt: skip
STICKY_MINOR = 40  # a unit: a line that was planned before moves for more than this
SPLIT_MINOR = (
    100  # a parcel more, where a strategy weighs splits; a kilometer costs a cent where it weighs distance
)
ANY_WEIGHT = 2**62  # one step, whatever it weighs


def load(
    known: Facts,
    orders: Sequence[OrderNeed],
    stock: Mapping[int, Mapping[int, int]],
    strategy: LiveStrategy,
    *,
    relaxed: bool = False,
    taken: Mapping[int, int] | None = None,
    others: Mapping[str, LiveStrategy] | None = None,
    together: Sequence[tuple[frozenset[int], int]] = (),
) -> Loaded:
    """Arrays for orders of one strategy. `relaxed`: without its soft constraints. `taken`: capacity used meanwhile.

    `others`: the strategies of orders whose rules have these keys; all must be `planned_together` with the first.
    `together`: sources that may bring so many lines among them.
    """
    others = others or {}
    strategies = [others.get(order.rules.key, strategy) for order in orders]
    return _Loader(known, orders, stock, strategies or [strategy], relaxed, taken or {}, together).loaded()


class _Group:
    """Orders of one strategy: their rows, and what it says of them."""

    def __init__(self, strategy: LiveStrategy, rules: StrategyRules, rows: Sequence[int]) -> None:
        self.strategy, self.rules, self.rows = strategy, rules, rows
        self.costs = costs_of(strategy.document)
        self.splits_lines = rules.count("sources_per_line", 2) > 1
        self.most = rules.count("sources_per_order", 50)
        self.reach = rules.reach()
        self.whole = bool(rules.counted["restrict_partial"])


class _Loader:
    def __init__(self, known, orders, stock, strategies, relaxed, taken, together) -> None:
        self.known, self.orders, self.stock, self.strategies = known, orders, stock, strategies
        self.relaxed, self.taken, self.together = relaxed, taken, together
        located = [row for row in known.sources if None not in (row["latitude"], row["longitude"])]
        self.place = {row["pk"]: n for n, row in enumerate(located)}
        self.lines = [line for order in orders for line in order.lines]
        self.products = sorted({line.product_id for line in self.lines})
        self.sku = {pk: n for n, pk in enumerate(self.products)}
        self.groups = self._groups(located)
        self.group_of = {row: group for group in self.groups for row in group.rows}
        self.rules = self.groups[0].rules  # for what all orders see
        limits = self.rules.lines_per_day()
        self.nodes = [_limited(row, limits.get(row["pk"])) for row in located]
        stores = {order.store for order in orders}
        self.takes = np.array([row["pk"] in stores for row in self.nodes], bool)
        self.services = [*known.services, *([TAKEN_THERE] if self.takes.any() else [])]
        self.days = {row["pk"]: self._day(row["pk"]) for row in self.nodes}
        self.ready = self._ready()

    def _groups(self, located: Sequence[dict[str, Any]]) -> list[_Group]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, strategy in enumerate(self.strategies[: len(self.orders)]):
            rows[strategy.key].append(row)
        by_key = {strategy.key: strategy for strategy in self.strategies}
        return [
            _Group(
                one, StrategyRules(self.known, located, self.products, one, relaxed=self.relaxed), rows[key]
            )
            for key, one in by_key.items()
        ]

    @property
    def weighs(self) -> Mapping[str, Any]:
        return self.strategies[0].document["weights"]

    def _day(self, source: int) -> date:
        try:
            return calendars.capacity_day(self.known.setups[source].schedule(), self.known.now)
        except calendars.NoWorkingDay:
            return date.max

    def loaded(self) -> Loaded:
        known = self.known
        excluded = self._excluded()
        masks, mask_of = self._masks()
        problem = Problem(
            nodes=self._nodes(),
            services=self._services(),
            skus=Skus(
                grams=[known.products[pk].grams for pk in self.products],
                volume_mm3=[known.products[pk].mm3 for pk in self.products],
            ),
            stock=self._stock(),
            orders=self._orders(mask_of),
            lines=self._lines(),
            exclusions=_pairs(excluded),
            extras=self._extras(),
            latitude=[order.latitude for order in self.orders],
            longitude=[order.longitude for order in self.orders],
            masks=masks,
            **self._together(),
            offered=self._offered(),
            ready_days=self.ready,
            weights=[self._weights()],
            distance_cents=1.0 if "distance" in self.weighs else 0.0,
        )  # fmt: skip
        return Loaded(
            problem, self.orders, self.lines, self.nodes, self.services, self.days, self.strategies, self.relaxed, excluded,
            known,
        )  # fmt: skip

    # -- sources and services ---------------------------------------------------------------------------------
    def _nodes(self) -> Nodes:
        rows = self.nodes
        regular = [UNLIMITED if row["capacity_per_day"] is None else row["capacity_per_day"] for row in rows]
        most = [min(UNLIMITED, r + row["overtime_per_day"]) for r, row in zip(regular, rows, strict=True)]
        used = [self._used(row) for row in rows]
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

    def _used(self, row: Mapping[str, Any]) -> int:
        pk = row["pk"]
        return self.known.used.get((pk, self.days[pk], row["capacity_unit"]), 0) + self.taken.get(pk, 0)

    def _offered(self) -> np.ndarray:
        """By source and service; that of no carrier where customers take goods."""
        table = np.zeros((len(self.nodes), len(self.services)), bool)
        for n, row in enumerate(self.nodes):
            offered = self.known.setups[row["pk"]].offered
            table[n] = [one.id in offered if one.carries else self.takes[n] for one in self.services]
        return table

    def _services(self) -> Services:
        setups = self.services
        tables = rate_tables(
            [one.tariff for one in setups], heaviest_units=self._heaviest(), day=self.known.now.date()
        )
        days = np.zeros((len(setups), tables.rate_cents.shape[1]), np.int64)
        for row, (one, zones) in enumerate(zip(setups, tables.zones, strict=True)):
            for rank, zone in enumerate(zones):
                days[row, rank] = one.stated_days.get(zone, 0)
        return Services(
            weight_unit=[
                steps if one.carries else ANY_WEIGHT
                for steps, one in zip(tables.weight_unit, setups, strict=True)
            ],
            max_distance=tables.max_distance,
            zone_limits=tables.zone_limits,
            rate_cents=tables.rate_cents,
            transit_days=days,
            late_ppm=np.array([one.late_ppm for one in setups], np.int64).reshape(len(setups), 6),
            mm3_per_unit=[1000 * (one.tariff.dim_divisor or 0) for one in setups],
            carries=[one.carries for one in setups],
        )

    def _heaviest(self) -> int:
        """Billable units of the heaviest order with the service that counts most of them."""
        products = self.known.products
        grams = [
            sum(products[line.product_id].grams * line.quantity for line in order.lines)
            for order in self.orders
        ]
        mm3 = [
            sum(products[line.product_id].mm3 * line.quantity for line in order.lines)
            for order in self.orders
        ]
        most = max(grams, default=0), max(mm3, default=0)
        return max((billable_units(one.tariff, *most) for one in self.known.services), default=1)

    def _ready(self) -> np.ndarray:
        """Days until a parcel leaves, by source and service; a source that never works again is NEVER away."""
        known, cache = self.known, {}
        table = np.zeros((len(self.nodes), len(self.services)), np.int64)
        for n, row in enumerate(self.nodes):
            setup = known.setups[row["pk"]]
            for v, service in enumerate(self.services):
                if service.carries and service.id not in setup.offered:
                    continue
                key = setup.works_like(service)
                if key not in cache:
                    cache[key] = _days(setup.schedule(service), known.now)
                table[n, v] = cache[key]
        return table

    def _together(self) -> dict[str, Any]:
        if not self.together:
            return {}
        return {
            "together": [[row["pk"] in sources for row in self.nodes] for sources, _ in self.together],
            "together_lines": [lines for _, lines in self.together],
        }

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
        ppm = np.array([row["reject_rate_ppm"] for row in self.nodes], np.int64)
        return Stock(
            sku=sku,
            node=node,
            atp=np.minimum(UNLIMITED, self.rules.units_left(sku, node, units)),
            opportunity_cents=self.rules.future_cents(sku, node) if self.known.futures else None,
            short_ppm=ppm[node] if len(ppm) else None,
        )

    # -- orders and lines -------------------------------------------------------------------------------------
    def _masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of sources that an order may use: its strategy's, or those only that it uses already."""
        masks, rank = [], np.zeros(len(self.orders), np.int64)
        for group in self.groups:
            allowed, base = self._allowed(group), len(masks)
            masks.append(allowed)
            for row in group.rows:
                order, rank[row] = self.orders[row], base
                if len(order.used_sources) >= min(group.most, order.rules.max_sources):
                    rank[row] = len(masks)
                    used = [one["pk"] in order.used_sources for one in self.nodes]
                    masks.append(allowed & np.array(used, bool))
        return np.array(masks), rank

    def _allowed(self, group: _Group) -> np.ndarray:
        allowed = group.rules.open_nodes(self.days)
        listed = self.orders[group.rows[0]].rules.source_ids if group.rows else None
        if listed is None:
            return allowed
        return allowed & np.array([row["pk"] in listed for row in self.nodes], bool)

    def _orders(self, mask_of: np.ndarray) -> Orders:
        # Hard constraints are in the rules of the order too; soft ones count until they give way.
        goods = [self.known.terms[order.order_id].goods_minor for order in self.orders]
        pairs = [(order, self.group_of[row]) for row, order in enumerate(self.orders)]
        whole = [group.rules.ships_whole(order) for order, group in pairs]
        split = SPLIT_MINOR if "split" in self.weighs else 0
        return Orders(
            line_start=np.concatenate([[0], np.cumsum([len(order.lines) for order in self.orders])]).astype(np.int64),
            destination=np.arange(len(self.orders)),
            days_left=[self._days_left(order) for order in self.orders],
            late_cents=[min(2**31, group.costs.late(n)) for (_, group), n in zip(pairs, goods, strict=True)],
            reject_cents=[min(2**31, group.costs.reject(n)) for (_, group), n in zip(pairs, goods, strict=True)],
            max_parcels=[
                1 if one else max(1, min(group.most, order.rules.max_sources) - len(order.used_sources))
                for (order, group), one in zip(pairs, whole, strict=True)
            ],
            complete=[group.whole or one for (_, group), one in zip(pairs, whole, strict=True)],
            mask=mask_of,
            max_distance=[min(group.reach, order.rules.max_distance_km or np.inf) for order, group in pairs],
            sticky_cents=[STICKY_MINOR] * len(self.orders),
            split_cents=[split] * len(self.orders),
            taken_at=[self.place.get(order.store, -1) for order in self.orders],
        )  # fmt: skip

    def _days_left(self, order: OrderNeed) -> int:
        wanted = self.known.terms[order.order_id].wanted_on
        return NEVER if wanted is None else min(NEVER, max(-NEVER, (wanted - self.known.now.date()).days))

    def _lines(self) -> Lines:
        prices = self.known.prices
        pairs = [
            (line, order, self.group_of[row]) for row, order in enumerate(self.orders) for line in order.lines
        ]
        return Lines(
            sku=[self.sku[line.product_id] for line in self.lines],
            quantity=[line.quantity for line in self.lines],
            splittable=[
                group.splits_lines and order.rules.split_lines and line.quantity > 1 for line, order, group in pairs
            ],
            unfilled_cents=[min(2**31, group.costs.unfilled(prices[line.line_id])) for line, _, group in pairs],
            current=[self.place.get(line.current_source_id, -1) for line in self.lines],
            pinned=[self.place.get(line.fixed_source_id, -1) if line.fixed_source_id else -1 for line in self.lines],
        )  # fmt: skip

    def _excluded(self) -> dict[tuple[int, int], str]:
        """(line, source) with what rules it out: a refusal, the list of the line, its method, a constraint."""
        found: dict[tuple[int, int], str] = {}
        for n, line in enumerate(self.lines):
            for source, reason in line.rejected.items():
                if source in self.place:
                    found[n, self.place[source]] = f"rejected by this source before: {reason}"
            for source, reason in line.barred.items():
                if source in self.place:
                    found.setdefault((n, self.place[source]), reason)
            for source, reason in line.full.items():
                if source in self.place:
                    found.setdefault((n, self.place[source]), reason)
            if line.allowed is not None:
                outside = (at for source, at in self.place.items() if source not in line.allowed)
                found.update({(n, at): line.outside() for at in outside})
        for group in self.groups:
            rows, orders = self._line_rows(group), [self.orders[row] for row in group.rows]
            by_class = group.rules.excluded_by_class([self.lines[n].product_id for n in rows])
            for (n, node), name in (by_class | group.rules.excluded_by_distance(orders)).items():
                found[rows[n], node] = name
        return found

    @cached_property
    def _first_line(self) -> list[int]:
        return [0, *accumulate(len(order.lines) for order in self.orders)]

    def _line_rows(self, group: _Group) -> list[int]:
        first = self._first_line
        return [n for row in group.rows for n in range(first[row], first[row + 1])]

    def _extras(self) -> Extras:
        rows = []
        for group in self.groups:
            cents = group.rules.priority_cents()
            rows += [
                (n, node, each)
                for n in (self._line_rows(group) if cents else ())
                if self.lines[n].product_id in cents
                for node, each in enumerate(cents[self.lines[n].product_id].tolist())
                if each
            ]
        table = np.array(rows, np.int64).reshape(-1, 3)
        return Extras(line=table[:, 0], node=table[:, 1], cents=table[:, 2])

    def _weights(self) -> list[int]:
        given = self.weighs
        found = dict.fromkeys(COMPONENTS, 1000)
        for name, parts in WEIGHED.items():
            for part in parts:
                if name in given:
                    found[part] = round(float(given[name]) * 1000)
        return list(found.values())


def _limited(row: dict[str, Any], lines: int | None) -> dict[str, Any]:
    """A source that may take so many order lines a day, where it counts lines or nothing itself."""
    if lines is None or (row["capacity_per_day"] is not None and row["capacity_unit"] != "lines"):
        return row
    regular = lines if row["capacity_per_day"] is None else min(lines, row["capacity_per_day"])
    overtime = 0 if row["capacity_per_day"] is None else min(row["overtime_per_day"], lines - regular)
    return row | {"capacity_unit": "lines", "capacity_per_day": regular, "overtime_per_day": overtime}


def _pairs(excluded: Mapping[tuple[int, int], str]) -> Exclusions:
    pairs = np.array(sorted(excluded), np.int64).reshape(-1, 2)
    return Exclusions(line=pairs[:, 0], node=pairs[:, 1])


def _days(schedule: calendars.Schedule, now: datetime) -> int:
    try:
        return min(NEVER, max(0, calendars.ready_days(schedule, now)))
    except calendars.NoWorkingDay:
        return NEVER
