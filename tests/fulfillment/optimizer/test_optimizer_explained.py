"""Why here, why not there, and what would have to change: told, then tried."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_worlds import line_refusal, make_problem, parcel_cost

from fulfillment.optimizer import candidates, solve, threshold
from fulfillment.optimizer.explain import remaining
from fulfillment.optimizer.part import part_of
from fulfillment.optimizer.threshold import apply, wins

RULES = {
    "inactive": "inactive",
    "not_in_source_list": "mask",
    "class_not_allowed": "class",
    "pinned": "pinned",
    "excluded": "excluded",
}
seeds = st.integers(0, 10**9)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_every_node_has_its_terms_or_the_constraint_that_removed_it(seed):
    problem = make_problem(seed, orders=3)
    solution = solve(problem, "fast")
    for order in range(3):
        for line, nodes in enumerate(
            candidates(problem, order, solution), int(problem.orders.line_start[order])
        ):
            assert sorted(one.node for one in nodes) == list(range(problem.sizes["N"]))
            for one in nodes:
                _check(problem, order, line, one)


def _check(problem, order: int, line: int, one) -> None:
    assert RULES.get(one.removed_by, "") == line_refusal(problem, order, line, one.node)
    if one.removed_by:
        assert one.terms is None and one.cost is None
        return
    part, _ = parcel_cost(problem, order, one.node, one.service, {line: one.quantity})
    assert {name: cents for name, cents in one.terms.items() if name != "overtime" and cents} == {
        name: cents for name, cents in part.items() if cents
    }
    assert one.cost == sum(one.terms.values()) + one.stock_price + one.capacity_price


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 2), st.integers(0, 2))
def test_the_smallest_change_wins_and_99_percent_of_it_does_not(seed, order, node):
    problem = make_problem(seed, orders=3)
    solution = solve(problem, "fast")

    changes = threshold(problem, order, node, solution)

    world = part_of(problem, np.array([order]), *remaining(problem, order, solution))
    if not changes:
        assert wins(world, node) == (changes == [])
        return
    assert not wins(world, node)
    assert wins(apply(world, changes), node)
    for change in changes:
        less = [replace(one, amount=one.amount * 0.99) if one is change else one for one in changes]
        assert not wins(apply(world, less), node)
