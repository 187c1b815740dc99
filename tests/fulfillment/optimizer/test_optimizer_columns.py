"""Sweeps, patterns and column generation: the same cuts as order by order, bounds that hold, plans within them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optimizer_worlds import KINDS, SPLITTING, audit, best_objective, make_busy_problem, make_problem

from fulfillment.optimizer import Stock, solve
from fulfillment.optimizer.blocks import blocks_of
from fulfillment.optimizer.choices import build
from fulfillment.optimizer.deep import Columns, plan_deeply
from fulfillment.optimizer.master import Master
from fulfillment.optimizer.patterns import Patterns
from fulfillment.optimizer.plan import cost_of, new_plan, place, put
from fulfillment.optimizer.prices import Prices, bound_of, no_prices
from fulfillment.optimizer.residual import choose_patterns
from fulfillment.optimizer.search import combine, new_desk, scan
from fulfillment.optimizer.sweep import Sweep

seeds = st.integers(0, 10**9)
some_kinds = st.sets(st.sampled_from(KINDS), max_size=8).map(sorted)


@settings(max_examples=40, deadline=None)
@given(seeds, some_kinds)
def test_a_sweep_cuts_each_order_as_the_search_does(seed, kinds):
    table, _ = build(make_problem(seed, kinds, orders=8, nodes=4, lines=4))
    random = np.random.default_rng(seed)
    prices = Prices(random.integers(0, 300, len(table.row_atp)) * 1.0, random.integers(0, 90, 4) * 1.0)
    desk = new_desk(table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fulfillment.optimizer.clashes.STEPS", 0)  # parcels that clash stay
        chosen = Sweep(table).best(*prices)

    for order in range(8):
        scan(table, order, prices.stock, prices.node, desk)
        gain, count = combine(table, order, 1_000_000, desk)
        assert (chosen.gain[order], chosen.count[order]) == (gain, count)
        assert chosen.column[order, :count].tolist() == desk.chosen[:count].tolist()


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.sets(st.sampled_from([*SPLITTING, "scarce", "capacity", "parcels_capacity", "weight"])).map(sorted),
)
def test_a_sweep_at_no_prices_finds_the_best_plan_of_an_order_alone(seed, kinds):
    """Parcels of one node included, which each fit alone and together do not."""
    problem = make_problem(seed, kinds, orders=1)
    quantity = np.random.default_rng(seed).integers(1, 4, problem.sizes["L"])
    problem = replace(problem, lines=replace(problem.lines, quantity=quantity))
    table, coarse = build(problem)

    bound, _ = bound_of(Sweep(table), no_prices(table))

    assert not coarse.any()
    assert bound == best_objective(problem)


@pytest.mark.parametrize("seed", range(3))
def test_two_units_that_two_nodes_have_one_of_each_ship_from_both(seed):
    """Alone, both parcels fit best at the cheaper node: the control. It has one unit."""
    made = make_problem(seed, orders=1, nodes=2, lines=1, kinds=())
    lines = replace(made.lines, quantity=[2], splittable=[True], unfilled_cents=[90_000])
    stock = Stock(sku=[0, 0], node=[0, 1], atp=[1, 1])
    problem = replace(made, lines=lines, stock=stock, orders=replace(made.orders, max_parcels=[2]))
    table, _ = build(problem)
    desk, plan, prices = new_desk(table), new_plan(table), no_prices(table)
    scan(table, 0, prices.stock, prices.node, desk)
    _, count = combine(table, 0, 2, desk)
    assert count == 2 and desk.chosen[0] == desk.chosen[1]

    place(table, 0, prices.stock, prices.node, 0.0, plan, desk)

    assert cost_of(table, plan) == best_objective(problem)
    assert plan.stand.left.tolist() == [0, 0]


def test_patterns_that_no_plan_can_have_are_not_in_the_program():
    table, _ = build(make_busy_problem(7, 120))
    sweep = Sweep(table)
    patterns = Patterns(sweep)
    rough = sweep.best(*no_prices(table), rough=True)

    added = patterns.add(rough.count, rough.column)

    most = np.concatenate([table.row_atp, table.node_max])
    assert 0 < added < 120
    assert (patterns.entry_units <= most[patterns.entry_key]).all()
    assert patterns.add(*sweep.best(*no_prices(table))[1:]) == 120 - added


def test_states_priced_together_or_one_by_one_make_one_table(monkeypatch):
    problem = make_busy_problem(3, 40)
    together, _ = build(problem)
    monkeypatch.setattr("fulfillment.optimizer.parcels.CELLS", 1)

    alone, _ = build(problem)

    assert len(together.col_pair) > 100
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))


@settings(max_examples=40, deadline=None)
@given(seeds, some_kinds)
def test_a_pattern_costs_and_takes_what_its_parcels_do(seed, kinds):
    table, _ = build(make_problem(seed, kinds, orders=6, nodes=4, lines=3))
    sweep = Sweep(table)
    patterns, chosen = Patterns(sweep), sweep.best(*no_prices(table))

    assert patterns.add(chosen.count, chosen.column) == 6
    assert patterns.add(chosen.count, chosen.column) == 0

    for order in range(6):
        plan, count = new_plan(table), chosen.count[order]
        column = chosen.column[order, :count]
        states = patterns.flat[column] - table.state_start[order]
        _, laid = put(table, order, count, states, column, plan)
        if laid < count:  # two parcels that only fit alone
            continue
        mine = patterns.entry_pattern == order
        takes = dict(zip(patterns.entry_key[mine].tolist(), patterns.entry_units[mine].tolist(), strict=True))
        gone = np.concatenate([table.row_atp - plan.stand.left, plan.stand.used])
        assert patterns.cost[order] == plan.cost[order]
        assert takes == {key: units for key, units in enumerate(gone.tolist()) if units}


@settings(max_examples=40, deadline=None)
@given(seeds, some_kinds)
def test_columns_prove_no_more_than_the_optimum_and_plan_no_less(seed, kinds):
    problem = make_problem(seed, kinds, orders=3)
    table, coarse = build(problem)
    assert not coarse.any()

    plan, _, bound = plan_deeply(Sweep(table), 0)

    best = best_objective(problem)
    assert bound <= best + 1e-6
    assert best <= cost_of(table, plan)


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_comes_near_the_program_over_all_patterns(seed):
    table, _ = build(make_busy_problem(seed, 60))
    sweep = Sweep(table)
    columns = Columns(sweep)
    first = columns.bound

    columns.generate()

    cost, _ = Master(table, columns.patterns, np.zeros(0, np.int64), 10_000).solve()
    assert first <= columns.bound <= cost + 1e-6
    assert columns.bound == bound_of(sweep, columns.best)[0]
    assert cost - columns.bound <= 3e-3 * cost


def test_work_that_is_spent_leaves_a_valid_bound(monkeypatch):
    table, _ = build(make_busy_problem(1, 60))
    monkeypatch.setattr("fulfillment.optimizer.deep.MASTER_STEPS", 1)

    plan, _, bound = plan_deeply(Sweep(table), 0)

    assert bound <= cost_of(table, plan)


def test_choosing_patterns_never_makes_a_plan_dearer_and_keeps_its_limits():
    table, _ = build(make_busy_problem(5, 80))
    sweep, plan = Sweep(table), new_plan(table)
    columns = Columns(sweep)
    columns.generate()
    columns.patterns.add(plan.count, plan.column)
    nothing = cost_of(table, plan)

    choose_patterns(table, columns.patterns, plan, np.ones(len(columns.patterns), bool), slack=0.5, seed=0)

    assert columns.bound <= cost_of(table, plan) < nothing
    assert (plan.stand.left >= 0).all() and (plan.stand.used <= table.node_max).all()


def test_blocks_hold_each_order_once_and_choose_together(monkeypatch):
    table, _ = build(make_busy_problem(5, 80))
    columns = Columns(Sweep(table))
    whole = blocks_of(columns.patterns, np.arange(len(columns.patterns)), 0)
    monkeypatch.setattr("fulfillment.optimizer.blocks.BLOCK", 30)

    blocks = blocks_of(columns.patterns, np.arange(len(columns.patterns)), 0)

    assert [len(one) for one in whole] == [80]
    assert [len(one) for one in blocks] == [27, 27, 26]
    assert sorted(np.concatenate(blocks).tolist()) == list(range(80))


@pytest.mark.parametrize("mode", ["fast", "deep"])
def test_a_batch_with_orders_cut_coarsely_is_legal_and_claims_no_bound(mode):
    problem = make_problem(2, ("complete", "splittable", "overtime", "late"), orders=26, lines=10, nodes=5)
    quantity = np.where(np.arange(problem.sizes["L"]) % 9 == 0, 60, problem.lines.quantity)
    problem = replace(problem, lines=replace(problem.lines, quantity=quantity))

    solution = solve(problem, mode)

    assert audit(problem, solution) == []
    assert solution.lower_bound is None
