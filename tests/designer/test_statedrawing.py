"""The diagram of states: every state and every way is drawn once, nothing lies on top of another, own and lost are marked."""

from itertools import combinations

import pytest

from orchestration.designer.statedrawing import Box, Line, picture
from orders.models import StateDefinition, StateTransition


def drawn(spine, beside, pairs):
    boxes = [Box(key, key.title(), "", "shipped") for key in (*spine, *beside)]
    lines = [Line(n, *pair, ["an event"], False) for n, pair in enumerate(pairs, start=1)]
    return picture(boxes, spine, lines)


def apart(one, other):
    return (
        one.right <= other.x or other.right <= one.x
        or one.y + one.high <= other.y or other.y + other.high <= one.y
    )  # fmt: skip


def test_fifteen_states_never_cover_each_other_nor_their_numbers():
    spine, beside = [f"s{n}" for n in range(10)], [f"b{n}" for n in range(5)]
    pairs = [(a, b) for a, b in combinations(spine, 2)] + [(a, b) for a in spine for b in beside]
    pairs += [(b, s) for b in beside for s in spine[:4]] + [("s1", "s1")]

    found = drawn(spine, beside, pairs)

    assert all(apart(a, b) for a, b in combinations(found.boxes, 2))
    places = [line.at for line in found.lines if not line.stays]
    assert len(set(places)) == len(places)
    assert not any(
        box.x < x < box.right and box.y < y < box.y + box.high for x, y in places for box in found.boxes
    )
    assert all(
        box.x >= 0 and box.right <= found.width and box.y + box.high <= found.height for box in found.boxes
    )


def test_neighbors_are_joined_straight_and_what_stays_is_no_line():
    found = drawn(["a", "b", "c"], [], [("a", "b"), ("a", "c"), ("b", "b")])

    straight, around, stays = found.lines
    assert "H" not in straight.path and "H" in around.path and stays.path == ""
    assert next(box for box in found.boxes if box.key == "b").loops == [3]


def test_no_states_no_fault():
    assert drawn([], [], []).boxes == []


@pytest.mark.django_db
def test_own_states_are_drawn_and_lost_ones_named(client, boss):
    StateDefinition.objects.create(entity="order", key="checked", label="Checked", timeline_position=15)
    StateDefinition.objects.create(entity="order", key="nowhere", label="Nowhere", read_only=True)
    StateTransition.objects.create(
        event="order.changed", entity="order", source_state="new", target_state="checked"
    )

    page = client.get("/states/").content.decode()

    assert 'aria-label="Checked, your own"' in page and "iom-way-own" in page
    assert "Nothing leads to: Nowhere." in page
    assert 'aria-label="Nowhere, cannot be reached · your own · read only"' in page
    assert "Order changed, your own" in page
