"""Plan a call of the past again, by the planners that plan today; nothing is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fulfillment.list_limits import Bucket, ListDays, members_of
from fulfillment.loading import Facts
from fulfillment.loading.list_days import source_days
from fulfillment.planner_optimizer import CostPlanner, Report
from fulfillment.selectors import rules_of
from fulfillment.services.resting import try_in_turn
from fulfillment.services.sourcing_runs import uses_of
from fulfillment.sourcing_strategy import LinePlan, OrderNeed, Planner, Problem, Rules
from fulfillment.strategy_document import LiveStrategy
from fulfillment.what_if.past import Call, Past
from fulfillment.what_if.past_days import Used
from inventory.history import Stock


@dataclass(frozen=True)
class World:
    """What a call finds: strategies, stock that it may consume, capacity that is taken, sources with that of the day.

    `active`: which of them were switched on; `list_used`: order lines that are counted of days of lists.
    """

    strategies: Mapping[str, LiveStrategy]
    stock: Stock
    used: Used
    sources: Sequence[dict[str, Any]]
    active: Mapping[int, bool]
    list_used: Mapping[Bucket, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Played:
    """Plans by line, and what each solve was like; `known` and `needs` are what they were made of."""

    known: Facts
    needs: Sequence[OrderNeed]
    plans: Mapping[int, LinePlan]
    reports: Sequence[Report] = field(default_factory=list)
    list_days: ListDays = field(default_factory=ListDays)

    def uses(self, order_of: Mapping[int, int]) -> Used:
        """What the plans take of the days of sources with a limit."""
        found = uses_of(self.plans, self.reports, order_of)
        return {(*key, use.unit): use.amount for key, use in found.items()}


def play(past: Past, call: Call, world: World) -> Played:
    """As `services.sourcing` groups and plans, at the call's moment. A strategy that is gone plans as none does."""
    rules = rules_of(world.strategies, past.facts.lists, past.ids, call.at.date())
    rows = [row | {"active": world.active.get(row["pk"], row["active"])} for row in world.sources]
    known = replace(
        past.facts, now=call.at, used=dict(world.used), sources=rows, strategies=dict(world.strategies)
    )  # fmt: skip
    sources = [replace(one, active=world.active.get(one.id, one.active)) for one in past.sources]
    needs = [replace(need, rules=rules.get(need.rules.key, Rules())) for need in call.needs]
    reports: list[Report] = []
    members = members_of(limit for one in rules.values() for limit in one.list_limits)
    days = source_days({pk for sources in members.values() for pk in sources}, known.setups, call.at)
    counted = ListDays(members, days, Counter(world.list_used))
    problem = Problem((), sources, world.stock, call.checked, reports, {}, call.effort, counted.copy())
    plans = try_in_turn(needs, problem, rules, through=partial(_then, known))
    return Played(known, needs, plans, reports, counted)


def _then(known: Facts, planner: Planner) -> Planner:
    return CostPlanner(facts_of=lambda _: known) if isinstance(planner, CostPlanner) else planner
