"""Strategies in their turn, and what is said of lines that none of them found a source for.

next       the alternate strategy is tried for them, then its own rest counts; each strategy is tried once
backorder  they wait for stock; a line that finds only some of its units waits as a whole
split      what there is of a line goes, and the rest waits for stock
inbox      a person decides, whatever road the flow has drawn
flow       the failure road of the flow's step, as it is drawn
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fulfillment.sourcing_strategy import (
    NOT_SOURCED,
    PARTLY,
    LinePlan,
    OrderNeed,
    Planner,
    Problem,
    Rules,
    left_over,
    planner_for,
)

NEXT, BACKORDER, SPLIT, INBOX, FLOW = "next", "backorder", "split", "inbox", "flow"
WORDS = {
    BACKORDER: "it waits for stock", SPLIT: "it waits for stock", INBOX: "somebody decides",
    FLOW: "its flow says what follows", NEXT: "no strategy is left to try, its flow says what follows",
}  # fmt: skip


def try_in_turn(
    orders: Sequence[OrderNeed],
    problem: Problem,
    rules: Mapping[str, Rules],
    *,
    through: Callable[[Planner], Planner] = lambda planner: planner,
) -> dict[int, LinePlan]:
    """Plans for all lines of the orders; `problem` has what they share, and its stock and capacity are consumed.

    `through`: what stands in for a planner, where somebody plans in another world.
    """
    plans: dict[int, LinePlan] = {}
    tried: dict[int, set[str]] = defaultdict(set)
    while orders:
        for order in orders:
            tried[order.order_id].add(order.rules.key)
        found = _planned(orders, problem, through)
        for order in orders:
            for line in order.lines:
                plans[line.line_id] = _stated(found[line.line_id], order.rules.rest)
        orders = [
            replace(order, rules=rules[order.rules.alternate])
            for order in left_over(orders, plans)
            if order.rules.rest == NEXT and _is_new(order, rules, tried[order.order_id])
        ]
    return plans


def _planned(orders: Sequence[OrderNeed], problem: Problem, through: Callable) -> dict[int, LinePlan]:
    groups, plans = defaultdict(list), {}
    for order in orders:
        groups[planner_for(order.rules.key, order.rules.objective)].append(order)
    for planner, found in groups.items():
        plans |= through(planner).plan(replace(problem, orders=found))
    return plans


def _is_new(order: OrderNeed, rules: Mapping[str, Rules], tried: set[str]) -> bool:
    other = order.rules.alternate
    return bool(other) and other in rules and rules[other].key not in tried


def _stated(plan: LinePlan, rest: str) -> LinePlan:
    """The plan with what its strategy says of the rest, in the sentence too."""
    if rest == BACKORDER and plan.outcome == PARTLY:
        units = sum(quantity for _, quantity, _ in plan.allocations)
        sentence = f"Not sourced: only {units:,} could come, and the line is not to go in parts."
        plan = replace(plan, outcome=NOT_SOURCED, allocations=(), sentence=sentence, costs=None)
    said = rest and (plan.outcome == NOT_SOURCED or (plan.outcome == PARTLY and rest in (INBOX, SPLIT)))
    words = f"{plan.sentence.rstrip('.')[:250]}; {WORDS[rest]}." if said else plan.sentence
    return replace(plan, sentence=words, rest=FLOW if rest == NEXT else rest)
