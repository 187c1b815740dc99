"""Constraints: typed parameters, and the check that names contradictions."""

from datetime import date

import pytest

from fulfillment.constraint_kinds import KINDS, check, sentence
from fulfillment.contradictions import World, find
from fulfillment.models import StrategyConstraint

TODAY = date(2026, 11, 25)
WORLD = World(
    lists={"east": frozenset({"DC-CMH", "ST-CHI"}), "empty": frozenset()},
    types={"DC-CMH": "warehouse", "ST-CHI": "store", "DC-RNO": "warehouse", "OFF": "store"},
    active=frozenset({"DC-CMH", "ST-CHI", "DC-RNO"}),
    nearest_km={"DC-CMH": 40.0, "ST-CHI": 3.0, "DC-RNO": 20.0},
    strategies={"main": "", "other": "", "round": "main"},
    timed=frozenset({"DC-CMH"}),
    today=TODAY,
)


def strategy(*constraints, **fields) -> dict:
    return {
        "key": "main", "name": "Main", "description": "", "objective": "cost", "source_list": "", "sources": [],
        "max_distance_km": None, "max_sources_per_order": 3, "split_lines": True, "weights": {}, "is_batch": False,
        "batch_minutes": 5, "alternate": "", "rest": "inbox", "constraints": list(constraints), **fields,
    }  # fmt: skip


def limit(kind: str, name: str = "it", **fields) -> dict:
    known = (
        "is_hard",
        "enabled",
        "valid_from",
        "valid_until",
        "source_list",
        "category",
        "skus",
    )
    row = {
        "name": name, "kind": kind, "description": "", "is_hard": True, "enabled": True, "valid_from": None,
        "valid_until": None, "source_list": "", "category": "", "skus": [],
    }  # fmt: skip
    row |= {key: value for key, value in fields.items() if key in known}
    return row | {"parameters": {key: value for key, value in fields.items() if key not in known}}


def codes(document: dict, world: World = WORLD) -> set[tuple[str, str]]:
    return {(one.level, one.code) for one in find(document, world)}


def test_every_kind_of_the_model_has_its_parameters():
    assert set(KINDS) == set(StrategyConstraint.Kind.values)


@pytest.mark.parametrize(
    "kind, given, values",
    [
        ("maximum_distance", {"km": "800"}, {"km": 800}),
        ("sources_per_order", {"count": 2}, {"count": 2}),
        ("location_priority", {"ranks": {"B": 2, "A": 1}, "step_minor": 50}, {"ranks": {"A": 1, "B": 2}, "step_minor": 50}),
        ("offline", {"codes": ["B", "A", "B"]}, {"codes": ["A", "B"]}),
        ("no_split", {"value_minor": ""}, {}),
        ("restrict_partial", {}, {}),
    ],
)  # fmt: skip
def test_parameters_are_taken_as_their_type(kind, given, values):
    checked = check(kind, given)
    assert (checked.values, checked.faults) == (values, [])


@pytest.mark.parametrize(
    "kind, given, faults",
    [
        ("maximum_distance", {}, [("missing", "km")]),
        ("maximum_distance", {"km": 0}, [("bad_value", "km")]),
        ("maximum_distance", {"km": True}, [("bad_value", "km")]),
        ("maximum_distance", {"km": 1.5}, [("bad_value", "km")]),
        ("maximum_distance", {"km": "٣"}, [("bad_value", "km")]),
        ("maximum_distance", {"miles": 3}, [("unknown_parameter", "miles"), ("missing", "km")]),
        ("restrict_partial", {"x": 1}, [("unknown_parameter", "x")]),
        ("class_not_from", {"ship_class": "hot", "source_type": "store"}, [("bad_value", "ship_class")]),
        ("location_priority", {"ranks": {"A": 11}, "step_minor": 5}, [("bad_value", "ranks")]),
        ("offline", {"codes": "DC"}, [("bad_value", "codes")]),
        ("teleport", {}, [("unknown_kind", "kind")]),
        ("maximum_distance", [1], [("not_an_object", "parameters")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_field(kind, given, faults):
    assert [(fault.code, fault.field) for fault in check(kind, given).faults] == faults


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_reads_as_a_sentence_even_when_nothing_is_set(kind):
    assert sentence(kind, {})


def test_a_plain_strategy_has_nothing_against_it():
    assert find(strategy(), WORLD) == []
    assert find(strategy(limit("maximum_distance", km=900), source_list="east"), WORLD) == []


CONTRADICTIONS = [
    (strategy(source_list="empty"), ("error", "no_source")),
    (strategy(source_list="west"), ("error", "unknown_list")),
    (strategy(sources=["OFF"]), ("error", "no_source")),
    (strategy(sources=["DC-CMH", "NO"]), ("error", "unknown_source")),
    (strategy(rest="next"), ("error", "no_alternate")),
    (strategy(alternate="other"), ("warning", "alternate_unused")),
    (strategy(alternate="round", rest="next"), ("error", "alternate_loop")),
    (strategy(limit("offline", codes=["DC-CMH", "ST-CHI"]), source_list="east"), ("error", "nothing_online")),
    (strategy(limit("offline", source_list="east"), sources=["DC-CMH"]), ("error", "nothing_online")),
    (strategy(limit("offline")), ("error", "offline_of_nothing")),
    (strategy(limit("maximum_distance", km=2)), ("error", "below_every_source")),
    (strategy(max_distance_km=2), ("error", "below_every_source")),
    (strategy(limit("maximum_distance", km=19), sources=["DC-RNO"]), ("error", "below_every_source")),
    (strategy(limit("maximum_distance", "a", km=90), limit("maximum_distance", "b", km=80)), ("warning", "longer_than_another")),
    (strategy(limit("maximum_distance", km=90, valid_until="2026-11-24")), ("error", "in_the_past")),
    (strategy(limit("maximum_distance", km=90, valid_until="2026-11-24", is_hard=False)), ("warning", "in_the_past")),
    (strategy(limit("restrict_partial"), rest="split"), ("error", "whole_and_split")),
    (strategy(limit("restrict_partial"), limit("sources_per_order", "one", count=1)), ("warning", "whole_from_one")),
    (strategy(limit("sources_per_line", count=4)), ("warning", "line_above_order")),
    (strategy(limit("sources_per_line", count=2), split_lines=False), ("warning", "lines_not_split")),
    (strategy(limit("location_priority", ranks={"DC-RNO": 1}, step_minor=5), source_list="east"), ("error", "priority_outside")),
    (strategy(limit("class_not_from", ship_class="hazmat", source_type="store"), sources=["ST-CHI"]), ("error", "class_from_nowhere")),
    (strategy(limit("class_not_from", ship_class="hazmat", source_type="store", is_hard=False)), ("error", "always_hard")),
    (strategy(limit("respect_timings"), sources=["ST-CHI"]), ("warning", "no_timings")),
    (strategy(limit("no_split")), ("error", "no_split_of_nothing")),
    (strategy(limit("no_split", value_minor=900), max_sources_per_order=1), ("warning", "never_split")),
    (strategy(limit("lines_per_day", count=9, per="list")), ("error", "day_of_no_list")),
    (strategy(limit("lines_per_day", count=9, per="day")), ("error", "bad_value")),
    (strategy(limit("lines_per_day", count=0)), ("warning", "no_lines_a_day")),
    (strategy(limit("safety_stock", "s", units=5), limit("minimum_inventory", "m", units=3)), ("warning", "minimum_within_safety")),
    (strategy(limit("sources_per_order", "a", count=2), limit("sources_per_order", "b", count=2)), ("warning", "twice")),
    (strategy(limit("restrict_partial", skus=["A"])), ("warning", "narrowing_unused")),
    (strategy(limit("safety_stock", units=3, source_list="empty")), ("warning", "empty_list")),
    (strategy(limit("maximum_distance")), ("error", "missing")),
    (strategy(limit("safety_stock", units=2), objective="nearest"), ("error", "not_for_nearest")),
    (strategy(limit("safety_stock", is_hard=False, units=2), objective="nearest"), ("error", "not_for_nearest")),
    (strategy(limit("lines_per_day", count=5), objective="nearest"), ("error", "not_for_nearest")),
    (strategy(limit("maximum_distance", km=900, source_list="east"), objective="nearest"), ("error", "not_for_nearest")),
]  # fmt: skip


@pytest.mark.parametrize("document, expected", CONTRADICTIONS, ids=[row[1][1] for row in CONTRADICTIONS])
def test_contradictions_are_named(document, expected):
    assert expected in codes(document)
    assert all(one.sentence.endswith(".") for one in find(document, WORLD))


def test_what_is_switched_off_or_soft_or_possible_is_not_complained_of():
    off = strategy(limit("offline", codes=["DC-CMH", "ST-CHI"], enabled=False), source_list="east")
    soft = strategy(limit("offline", codes=["DC-CMH", "ST-CHI"], is_hard=False), source_list="east")
    partly = strategy(limit("offline", codes=["DC-CMH"]), source_list="east")
    far_enough = strategy(limit("maximum_distance", km=3))
    no_orders_known = strategy(limit("maximum_distance", km=1))
    unknown = World(
        **{**{name: getattr(WORLD, name) for name in World.__dataclass_fields__}, "nearest_km": {}}
    )
    assert not any(map(codes, (off, soft, partly, far_enough))) and not codes(no_orders_known, unknown)
