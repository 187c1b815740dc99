"""What a load answers: the arrays with what their rows are; and which strategies may share one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from fulfillment import calendars
from fulfillment.loading.facts import Facts
from fulfillment.optimizer import Problem
from fulfillment.shipping_setup import ServiceSetup
from fulfillment.sourcing_strategy import LineNeed, OrderNeed
from fulfillment.strategy_document import LiveStrategy, counts_on

NEVER = 10_000  # days


@dataclass(frozen=True)
class Loaded:
    """The arrays and what their rows are. `lines[n]` is a LineNeed; `days` the capacity day of each source.

    `strategies`: that of each order; `strategy`: of the first.
    """

    problem: Problem
    orders: Sequence[OrderNeed]
    lines: Sequence[LineNeed]
    nodes: Sequence[dict[str, Any]]
    services: Sequence[ServiceSetup]
    days: Mapping[int, date]
    strategies: Sequence[LiveStrategy]
    relaxed: bool
    excluded: Mapping[tuple[int, int], str]  # (line row, node row) -> which constraint
    known: Facts

    @property
    def strategy(self) -> LiveStrategy:
        return self.strategies[0]

    @cached_property
    def strategy_of(self) -> dict[int, LiveStrategy]:
        """By line id."""
        pairs = zip(self.orders, self.strategies, strict=True)
        return {line.line_id: strategy for order, strategy in pairs for line in order.lines}

    @cached_property
    def today(self) -> list[date]:
        """Of each source, in its own zone."""
        zones = {row["time_zone"] for row in self.nodes}
        days = {zone: calendars.local(self.known.now, zone).date() for zone in zones}
        return [days[row["time_zone"]] for row in self.nodes]

    def ships_on(self, node: int, service: int) -> date | None:
        """The local day on which a parcel leaves that is ordered now; None: never."""
        days = int(self.problem.ready_days[node, service])
        return None if days >= NEVER else self.today[node] + timedelta(days=days)


SHARED = ("lines_per_day", "safety_stock", "minimum_inventory")  # constraints that shape what all orders see


def planned_together(strategy: LiveStrategy, today: date, *, relaxed: bool = False) -> str:
    """Equal for strategies whose orders see the same stock and capacity and count money alike, and may share a solve."""
    document = strategy.document
    rows = [
        {**row, "name": ""}
        for row in document["constraints"]
        if row["kind"] in SHARED and counts_on(row, today) and (row["is_hard"] or not relaxed)
    ]
    return json.dumps([document["weights"], rows], sort_keys=True, default=str)
