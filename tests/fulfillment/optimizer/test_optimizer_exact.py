"""Small problems have one right cost: the optimizer's and the brute force's are the same."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_worlds import KINDS, audit, best_objective, make_problem

from fulfillment.optimizer import solve

seeds = st.integers(0, 10**9)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(["single", "quick", "fast", "deep"]))
def test_one_order_is_solved_as_brute_force_does(seed, mode):
    problem = make_problem(seed, orders=1, lines=3)

    solution = solve(problem, mode)

    assert audit(problem, solution) == []
    assert solution.objective == best_objective(problem)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_orders_that_share_stock_and_capacity_are_solved_together(seed):
    problem = make_problem(seed, orders=3)

    solution = solve(problem, "deep")

    assert audit(problem, solution) == []
    assert solution.objective == best_objective(problem) == solution.lower_bound


@pytest.mark.parametrize("kinds", [(one,) for one in KINDS] + list(combinations(KINDS, 2)), ids="+".join)
def test_each_constraint_alone_and_in_pairs(kinds):
    for seed in range(2):
        problem = make_problem(seed, kinds)
        solution = solve(problem, "deep")
        assert audit(problem, solution) == []
        assert solution.objective == best_objective(problem)
