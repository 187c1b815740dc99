"""The first strategy, on plain data. Milwaukee is the destination; distances are great-circle kilometers."""

from dataclasses import replace

import pytest

from fulfillment.distance import kilometers
from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Problem, Rules, SourceFacts, planner_for

CHICAGO, RENO, DALLAS, BOSTON = (
    SourceFacts(1, "CHI", "Chicago DC", latitude=41.88, longitude=-87.63, region="IL", country="US"),
    SourceFacts(2, "RNO", "Reno DC", latitude=39.53, longitude=-119.81, region="NV", country="US"),
    SourceFacts(3, "DAL", "Dallas DC", latitude=32.78, longitude=-96.80, region="TX", country="US"),
    SourceFacts(
        4, "BOS", "Boston Store", "store", latitude=42.36, longitude=-71.06, region="MA", country="US"
    ),
)
SOURCES = (CHICAGO, RENO, DALLAS, BOSTON)
MILWAUKEE = {"latitude": 43.04, "longitude": -87.91}


def plan(lines, stock, *, sources=SOURCES, check_stock=True, **order):
    need = OrderNeed(1, lines, **({**MILWAUKEE} | order))
    return planner_for("nearest").plan(Problem([need], sources, stock, check_stock))


def test_great_circle_distances_are_those_of_the_textbook():
    paris, new_york = (48.8566, 2.3522), (40.7128, -74.0060)
    table = kilometers([paris, (None, None)], [new_york, paris, (0.0, None)])
    assert [round(km) for km in table[0][:2]] == [5837, 0]
    assert [km != km for km in table[0]] == [False, False, True]  # NaN: no coordinates
    assert all(km != km for km in table[1])


def test_the_nearest_source_that_has_everything():
    stock = {10: {1: 5, 2: 5, 3: 5}, 11: {2: 1, 3: 1, 4: 9}}
    plans = plan([LineNeed(100, 10, 2), LineNeed(101, 11, 1)], stock)
    assert plans[100].allocations == ((3, 2, 1380),)
    assert plans[101].allocations == ((3, 1, 1380),)
    assert plans[100].sentence == "Dallas DC: nearest of 2 sources that had all items (1,380 km)."
    assert plans[100].removed == {"out of stock": 1}
    assert plans[100].candidates == [
        {"code": "CHI", "available": 5, "distance_km": 131, "removed_by": "not all lines of the order there"},
        {"code": "BOS", "available": 0, "distance_km": 1377, "removed_by": "out of stock: 0 of 2"},
        {"code": "DAL", "available": 5, "distance_km": 1380, "removed_by": ""},
        {"code": "RNO", "available": 5, "distance_km": 2677, "removed_by": "farther than the chosen source"},
    ]
    assert stock == {10: {1: 5, 2: 5, 3: 3}, 11: {2: 1, 3: 0, 4: 9}}


def test_fewest_sources_where_none_has_everything():
    stock = {10: {1: 5, 2: 5}, 11: {2: 5, 3: 5}, 12: {4: 5, 3: 5}}
    plans = plan([LineNeed(100, 10, 1), LineNeed(101, 11, 1), LineNeed(102, 12, 1)], stock)
    assert {line: found.allocations[0][0] for line, found in plans.items()} == {100: 1, 101: 3, 102: 3}
    assert plans[101].sentence == (
        "Dallas DC: brings 2 of 3 lines whole (1,380 km); no source had all items, 2 together are the fewest."
    )


def test_a_line_is_split_only_where_no_source_has_it_whole():
    plans = plan([LineNeed(100, 10, 5)], {10: {1: 3, 2: 4, 3: 2}})
    assert plans[100].allocations == ((1, 3, 131), (3, 2, 1380))
    assert plans[100].sentence == (
        "Split over Chicago DC (3, 131 km) and Dallas DC (2, 1,380 km): no source had all 5."
    )
    whole = plan([LineNeed(100, 10, 5)], {10: {1: 4, 2: 5, 3: 4}})
    assert whole[100].allocations == ((2, 5, 2677),)


@pytest.mark.parametrize(
    "rules, sentence",
    [
        (
            Rules(split_lines=False),
            "Not sourced: no source had all 5, and lines are not split (4 out of stock).",
        ),
        (Rules(max_sources=1), "Not sourced: it takes one more source, and the order may use 1."),
        (
            Rules(max_distance_km=800),
            "3 of 5 from Chicago DC (3, 131 km): there is no more now, the rest is backordered.",
        ),
        (
            Rules(source_ids=frozenset({1, 3})),
            "Split over Chicago DC (3, 131 km) and Dallas DC (2, 1,380 km): no source had all 5.",
        ),
    ],
)
def test_the_rules_of_the_strategy(rules, sentence):
    plans = plan([LineNeed(100, 10, 5)], {10: {1: 3, 2: 4, 3: 2}}, rules=rules)
    assert plans[100].sentence == sentence


@pytest.mark.parametrize(
    "change, rejected, rules, words, removed",
    [
        ({"active": False}, {}, Rules(), "inactive", {"inactive": 1, "out of stock": 1}),
        (
            {},
            {1: "damaged"},
            Rules(),
            "rejected by this source before: damaged",
            {"rejected before": 1, "out of stock": 1},
        ),
        ({}, {}, Rules(max_distance_km=100), "farther than 100 km: 131 km", {"too far": 2}),
        (
            {},
            {},
            Rules(source_ids=frozenset({2})),
            "not in the source list of the strategy",
            {"not in the source list": 1, "out of stock": 1},
        ),
    ],
)
def test_what_removes_a_source_is_said_in_words(change, rejected, rules, words, removed):
    sources = (replace(CHICAGO, **change), RENO)
    plans = plan([LineNeed(100, 10, 2, rejected=rejected)], {10: {1: 9, 2: 0}}, sources=sources, rules=rules)
    assert plans[100].outcome == "not_sourced"
    assert plans[100].candidates[0]["removed_by"] == words
    assert plans[100].removed == removed


def test_orders_of_a_batch_never_promise_the_same_unit_twice():
    orders = [OrderNeed(n, [LineNeed(n, 10, 2)], **MILWAUKEE) for n in (1, 2, 3)]
    plans = planner_for("nearest").plan(Problem(orders, SOURCES, {10: {1: 3, 3: 2}}))
    assert [plans[n].allocations for n in (1, 2, 3)] == [((1, 2, 131),), ((3, 2, 1380),), ((1, 1, 131),)]
    assert (plans[3].outcome, plans[3].sentence) == (
        "partly",
        "1 of 2 from Chicago DC (1, 131 km): there is no more now, the rest is backordered.",
    )


def test_a_line_that_is_short_everywhere_gets_what_there_is_from_as_many_sources_as_it_may_use():
    stock = {10: {1: 3, 2: 1, 3: 2}}
    plans = plan([LineNeed(100, 10, 9)], stock, rules=Rules(max_sources=2))
    assert (plans[100].outcome, plans[100].allocations) == ("partly", ((1, 3, 131), (3, 2, 1380)))
    assert stock == {10: {1: 0, 2: 1, 3: 0}}
    whole_only = plan([LineNeed(100, 10, 9)], {10: {1: 3}}, rules=Rules(split_lines=False))
    assert (whole_only[100].outcome, whole_only[100].allocations) == ("not_sourced", ())


def test_two_lines_of_one_product_share_its_stock():
    plans = plan([LineNeed(100, 10, 3), LineNeed(101, 10, 3)], {10: {1: 5, 3: 4, 2: 6}})
    assert {line: found.allocations for line, found in plans.items()} == {
        100: ((2, 3, 2677),),
        101: ((2, 3, 2677),),
    }
    apart = plan([LineNeed(100, 10, 3), LineNeed(101, 10, 3)], {10: {1: 5, 3: 4}})
    assert sorted(found.allocations[0][0] for found in apart.values()) == [1, 3]


def test_write_in_lines_are_in_stock_everywhere():
    plans = plan([LineNeed(100, None, 7), LineNeed(101, 10, 1)], {10: {4: 1}})
    assert plans[100].allocations == ((4, 7, 1377),)
    assert plans[100].candidates[0]["available"] is None


def test_without_coordinates_the_same_region_comes_first_and_the_record_says_so():
    place = {"latitude": None, "longitude": None, "region": "TX", "country": "US"}
    plans = plan([LineNeed(100, 10, 1)], {10: {1: 1, 3: 1}}, **place)
    assert plans[100].allocations == ((3, 1, None),)
    assert plans[100].sentence == (
        "Dallas DC: nearest of 2 sources that had all items (distance unknown, same region)."
    )
    other = plan([LineNeed(100, 10, 1)], {10: {1: 1}}, rules=Rules(max_distance_km=5), **place)
    assert other[100].sentence == (
        "Chicago DC: the only source that had all items (distance unknown, other region)."
    )


@pytest.mark.parametrize(
    "stock, rejected, check, outcome, sentence",
    [
        (5, {}, True, "sourced", "Reno DC: assigned by policy, 2 available (2,677 km)."),
        (0, {}, True, "not_sourced", "Not sourced: assigned to Reno DC, out of stock: 0 of 2."),
        (
            1,
            {},
            True,
            "partly",
            "Reno DC: assigned by policy, 1 of 2 available, the rest is backordered (2,677 km).",
        ),
        (0, {}, False, "sourced", "Reno DC: assigned by policy, stock not checked (2,677 km)."),
        (
            5,
            {2: "closed"},
            True,
            "not_sourced",
            "Not sourced: assigned to Reno DC, rejected by this source before: closed.",
        ),
    ],
)
def test_an_assigned_line_is_only_checked_at_its_source(stock, rejected, check, outcome, sentence):
    line = LineNeed(100, 10, 2, fixed_source_id=2, rejected=rejected)
    plans = plan([line], {10: {1: 99, 2: stock}}, check_stock=check, rules=Rules(max_distance_km=5))
    assert (plans[100].outcome, plans[100].sentence) == (outcome, sentence)


def test_sources_that_the_order_uses_already_are_no_further_split():
    plans = plan(
        [LineNeed(100, 10, 1)], {10: {1: 1, 2: 1}}, rules=Rules(max_sources=1), used_sources=frozenset({2})
    )
    assert plans[100].allocations == ((2, 1, 2677),)


def test_records_stay_small_however_many_sources():
    many = [SourceFacts(n, f"S{n}", f"S{n}", latitude=40.0, longitude=-n / 10) for n in range(1, 201)]
    plans = plan([LineNeed(100, 10, 1)], {10: {1: 1}}, sources=many)
    assert [candidate["code"] for candidate in plans[100].candidates][-1] == "S1"
    assert len(plans[100].candidates) == 11
    assert plans[100].removed == {"out of stock": 199}


def test_another_planner_serves_the_strategy_it_is_registered_for():
    from fulfillment import sourcing_strategy

    optimizer = object()
    sourcing_strategy.register_for("cheapest", optimizer)
    try:
        assert planner_for("cheapest") is optimizer
        assert planner_for("default") is planner_for("nearest")
        assert (
            planner_for("cost") is planner_for("nearest") is not planner_for("x", "cost")
        )  # a key is no objective
    finally:
        del sourcing_strategy._own["cheapest"]
