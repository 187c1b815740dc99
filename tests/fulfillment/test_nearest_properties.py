"""What holds for every order: found by trying many, and beside a brute force on small ones."""

from collections import Counter
from itertools import combinations, product

from effort import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Problem, Rules, SourceFacts, planner_for

SOURCES = [SourceFacts(n, f"S{n}", f"S{n}", latitude=40.0, longitude=-float(n)) for n in range(1, 6)]
quantities = st.integers(1, 5)
stocks = st.dictionaries(st.integers(1, 4), st.dictionaries(st.integers(1, 5), st.integers(0, 6)))
carts = st.lists(st.tuples(st.integers(1, 4), quantities), min_size=1, max_size=4)
rules = st.builds(Rules, max_sources=st.integers(1, 4), split_lines=st.booleans())


def orders_of(batch, rule):
    return [
        OrderNeed(n, [LineNeed(n * 10 + i, *line) for i, line in enumerate(cart)], 40.0, 0.0, rules=rule)
        for n, cart in enumerate(batch)
    ]


def outcome_of(units, quantity):
    return "sourced" if units == quantity else "partly" if units else "not_sourced"


def planned(orders, stock):
    copy = {item: dict(rows) for item, rows in stock.items()}
    return planner_for("nearest").plan(Problem(orders, SOURCES, copy))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(carts, min_size=1, max_size=4), stocks, rules)
@example([[(4, 4), (4, 1)]], {4: {1: 1, 2: 3}}, Rules(max_sources=2, split_lines=True))
def test_never_more_than_available_and_a_line_in_part_only_where_all_have_too_few(batch, stock, rule):
    orders, taken = orders_of(batch, rule), Counter()
    plans = planned(orders, stock)
    for order in orders:
        used = set()
        for line in order.lines:
            allocations = plans[line.line_id].allocations
            units = sum(units for _, units, _ in allocations)
            assert plans[line.line_id].outcome == outcome_of(units, line.quantity)
            assert len(allocations) <= 1 or rule.split_lines
            used |= {pk for pk, _, _ in allocations}
            taken.update({(line.product_id, pk): units for pk, units, _ in allocations})
        for line in order.lines:  # two lines of one product: either may be the one that goes short
            units = sum(units for _, units, _ in plans[line.line_id].allocations)
            if 0 < units < line.quantity:
                assert rule.split_lines
                used_up = sum(n for (item, _), n in taken.items() if item == line.product_id)
                left = sum(stock.get(line.product_id, {}).values()) - used_up
                assert units + left < line.quantity
        assert len(used) <= rule.max_sources
    assert all(units <= stock.get(item, {}).get(pk, 0) for (item, pk), units in taken.items())


@settings(max_examples=examples(300), deadline=None)
@given(st.tuples(st.integers(1, 4), quantities), stocks, rules)
def test_a_line_goes_whole_to_the_nearest_source_that_has_it(line, stock, rule):
    (plan,) = planned(orders_of([[line]], rule), stock).values()
    item, quantity = line
    whole = [pk for pk in range(1, 6) if stock.get(item, {}).get(pk, 0) >= quantity]
    if whole:
        assert [pk for pk, _, _ in plan.allocations] == whole[:1]


def fewest_whole(order, stock):
    """Brute force: (how many lines get their source, least sources for that, least distance)."""
    best = None
    for choice in product([None, 1, 2, 3, 4, 5], repeat=len(order.lines)):
        used = {pk for pk in choice if pk}
        need = Counter()
        for line, pk in zip(order.lines, choice, strict=True):
            if pk:
                need[(line.product_id, pk)] += line.quantity
        fits = all(units <= stock.get(item, {}).get(pk, 0) for (item, pk), units in need.items())
        if fits and len(used) <= order.rules.max_sources:
            found = (-sum(pk is not None for pk in choice), len(used), sum(used))
            best = min(best or found, found)
    return best


@settings(max_examples=examples(300), deadline=None)
@given(carts, stocks, st.integers(1, 4))
def test_whole_lines_take_the_fewest_sources_and_the_nearest_of_those(cart, stock, limit):
    (order,) = orders_of([cart], Rules(max_sources=limit, split_lines=False))
    plans = planned([order], stock)
    chosen = [plan.allocations[0][0] for plan in plans.values() if plan.allocations]
    assert (-len(chosen), len(set(chosen)), sum(set(chosen))) == fewest_whole(order, stock)


@settings(max_examples=examples(300), deadline=None)
@given(st.dictionaries(st.integers(1, 5), st.integers(0, 6)), st.integers(1, 12))
def test_a_split_line_takes_the_fewest_sources(rows, quantity):
    (order,) = orders_of([[(1, quantity)]], Rules(max_sources=5))
    (plan,) = planned([order], {1: rows}).values()
    sets = [
        group
        for size in range(1, 6)
        for group in combinations(rows, size)
        if sum(rows[pk] for pk in group) >= quantity
    ]
    some = [units for units in rows.values() if units]
    assert len(plan.allocations) == (len(sets[0]) if sets else len(some))
    assert sum(units for _, units, _ in plan.allocations) == min(quantity, sum(some))
