"""The constraints of one strategy over the sources and products of a batch: what each leaves, as arrays."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from fulfillment.calendars import local
from fulfillment.distance import kilometers
from fulfillment.loading.facts import Facts, ProductFacts
from fulfillment.sourcing_strategy import OrderNeed
from fulfillment.strategy_document import LiveStrategy, counts_on, is_of_list

Row = Mapping[str, Any]
Nodes = Sequence[Mapping[str, Any]]


class StrategyRules:
    """Those that count today; `relaxed` leaves the soft ones out. Arrays are by row of `nodes` and of `products`."""

    def __init__(
        self, known: Facts, nodes: Nodes, products: Sequence[int], strategy: LiveStrategy, *, relaxed: bool
    ) -> None:
        self.known, self.nodes, self.products = known, nodes, products
        today, self.counted = known.now.date(), defaultdict(list)
        for row in strategy.document["constraints"]:
            if counts_on(row, today) and (row["is_hard"] or not relaxed):
                self.counted[row["kind"]].append(row)
        self._members: dict[str, np.ndarray] = {}

    def product(self, pk: int) -> ProductFacts:
        return self.known.products[pk]

    # -- whom a constraint concerns -------------------------------------------------------------------------------
    def listed(self, row: Row) -> np.ndarray:
        """The sources that it counts for."""
        return self.members(row["source_list"]) if row["source_list"] else np.ones(len(self.nodes), bool)

    def members(self, key: str) -> np.ndarray:
        if key not in self._members:
            ids = self.known.lists.get(key, frozenset())
            self._members[key] = np.array([one["pk"] in ids for one in self.nodes], bool)
        return self._members[key]

    def concerns(self, row: Row, product: int) -> bool:
        """Products and a category add up: either is enough."""
        if not row["skus"] and not row["category"]:
            return True
        one = self.product(product)
        return one.sku in row["skus"] or (bool(row["category"]) and one.category == row["category"])

    def _concerned(self, row: Row) -> np.ndarray:
        return np.array([self.concerns(row, pk) for pk in self.products], bool)

    @cached_property
    def _types(self) -> np.ndarray:
        return np.array([one["type"] for one in self.nodes])

    # -- sources --------------------------------------------------------------------------------------------------
    def open_nodes(self, days: Mapping[int, date]) -> np.ndarray:
        """Without those that are offline and, where working times count, those that are closed or past their cutoff today."""
        found = np.ones(len(self.nodes), bool)
        for row in self.counted["offline"]:
            codes = row["parameters"].get("codes", ())
            found &= ~np.array([one["code"] in codes for one in self.nodes], bool)
            if row["source_list"]:
                found &= ~self.members(row["source_list"])
        if self.counted["respect_timings"]:
            now = self.known.now
            late = np.array(
                [days[one["pk"]] != local(now, one["time_zone"]).date() for one in self.nodes], bool
            )
            for row in self.counted["respect_timings"]:
                found &= ~(late & self.listed(row))
        return found

    def lines_per_day(self) -> dict[int, int]:
        """Source -> order lines that it may take on a day; each source is counted by itself."""
        found: dict[int, int] = {}
        for row in self.counted["lines_per_day"]:
            if is_of_list(row):
                continue  # see `list_limits`
            for n in np.flatnonzero(self.listed(row)):
                pk = self.nodes[n]["pk"]
                found[pk] = min(found.get(pk, row["parameters"]["count"]), row["parameters"]["count"])
        return found

    # -- stock ----------------------------------------------------------------------------------------------------
    def units_left(self, sku: np.ndarray, node: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Of what is available: the most that the source or a constraint keeps stays; too few are not given at all."""
        kept = np.array([one["safety_stock"] for one in self.nodes], np.int64)[node]
        least = np.zeros(len(units), np.int64)
        for kind, table in (("safety_stock", kept), ("minimum_inventory", least)):
            for row in self.counted[kind]:
                mine = self._concerned(row)[sku] & self.listed(row)[node]
                table[mine] = np.maximum(table[mine], row["parameters"]["units"])
        return np.where(units < least, 0, np.maximum(0, units - kept))

    def future_cents(self, sku: np.ndarray, node: np.ndarray) -> np.ndarray:
        """What a unit there is worth later."""
        table = np.zeros((len(self.products), len(self.nodes)), np.int64)
        for row in self.known.futures:
            mine = np.array([
                row.product in (None, pk) and row.category in ("", self.product(pk).category) for pk in self.products
            ], bool)  # fmt: skip
            there = np.array([row.source in (None, one["pk"]) for one in self.nodes], bool)
            if row.source_type:
                there &= self._types == row.source_type
            worth = np.array([
                row.minor + round(self.product(pk).price_minor * row.percent / 100) for pk in self.products
            ], np.int64)  # fmt: skip
            table = np.where(mine[:, None] & there[None, :], worth[:, None], table)
        return np.minimum(table, 2**31)[sku, node]

    # -- orders and lines -----------------------------------------------------------------------------------------
    def reach(self) -> float:
        """Kilometers that hold for every source."""
        rows = self.counted["maximum_distance"]
        return min((row["parameters"]["km"] for row in rows if not row["source_list"]), default=np.inf)

    def count(self, kind: str, default: int) -> int:
        return min((row["parameters"]["count"] for row in self.counted[kind]), default=default)

    def ships_whole(self, order: OrderNeed) -> bool:
        """From one source or not at all: by its products, or by a constraint."""
        products = [line.product_id for line in order.lines]
        if any(self.product(pk).keeps_whole for pk in products):
            return True
        goods = self.known.terms[order.order_id].goods_minor
        for row in self.counted["no_split"]:
            named = row["skus"] or row["category"]
            if goods < (row["parameters"].get("value_minor") or 0):
                return True
            if named and any(self.concerns(row, pk) for pk in products):
                return True
        return False

    def excluded_by_class(self, products: Sequence[int]) -> dict[tuple[int, int], str]:
        """(line, source) with the constraint, for goods that sources of a type must not send; `products` by line."""
        found = {}
        for row in self.counted["class_not_from"]:
            wanted = row["parameters"]
            nodes = np.flatnonzero(self.listed(row) & (self._types == wanted["source_type"])).tolist()
            for n, pk in enumerate(products):
                if self.product(pk).ship_class == wanted["ship_class"]:
                    found.update(dict.fromkeys(((n, node) for node in nodes), row["name"]))
        return found

    def excluded_by_distance(self, orders: Sequence[OrderNeed]) -> dict[tuple[int, int], str]:
        """(line, source) with the constraint, for distances that count for the sources of a list only."""
        limits = [row for row in self.counted["maximum_distance"] if row["source_list"]]
        if not limits:
            return {}
        found, start = {}, 0
        km = kilometers(
            [(order.latitude, order.longitude) for order in orders],
            [(one["latitude"], one["longitude"]) for one in self.nodes],
        )
        for n, order in enumerate(orders):
            for row in limits:
                far = np.flatnonzero((km[n] > row["parameters"]["km"]) & self.listed(row)).tolist()
                pairs = ((start + line, node) for line in range(len(order.lines)) for node in far)
                found.update(dict.fromkeys(pairs, row["name"]))
            start += len(order.lines)
        return found

    def priority_cents(self) -> dict[int, np.ndarray]:
        """Product -> cents a unit by source, for its rank below the first; products that no constraint concerns are left out.

        The rank that the constraint names, else that of the source for the product, for its category, its own.
        """
        found: dict[int, np.ndarray] = {}
        for row in self.counted["location_priority"]:
            named, step = row["parameters"].get("ranks") or {}, row["parameters"]["step_minor"]
            for pk in self.products:
                if self.concerns(row, pk):
                    cents = np.where(self.listed(row), (self._ranks(pk, named) - 1) * step, 0)
                    found[pk] = found.get(pk, 0) + cents
        return found

    def _ranks(self, product: int, named: Mapping[str, int]) -> np.ndarray:
        own = {one["pk"]: one["priority"] for one in self.nodes}
        for exact in (False, True):
            for row in self.known.priorities:
                mine = (
                    row.product == product
                    if exact
                    else row.product is None and row.category == self.product(product).category
                )
                if mine and row.source in own:
                    own[row.source] = row.rank
        return np.array([named.get(one["code"], own[one["pk"]]) for one in self.nodes], np.int64)
