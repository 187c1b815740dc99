"""Edits of a drawing: each gives a new draft or a named fault, and never touches the one it was given."""

import copy

import pytest

from orchestration.designer import edits, history, tree
from orchestration.designer.faults import (
    EditRefused,
    NeedsName,
    NoSuchBranch,
    NoSuchPlace,
    NoSuchStep,
    NothingToUndo,
    StaleDraft,
    TooLarge,
)
from orchestration.services.drafting import EMPTY, revision_of


def step(key, **more):
    return {"kind": "action", "key": key, "name": key.upper(), "action": "custom", **more}


@pytest.fixture
def draft():
    """a, then a splitter-merge with x (b, c) and y (nothing), then d."""
    branches = [
        {"key": "x", "name": "X", "filters": [], "steps": [step("b"), step("c", on_failure={"go_to": "b"})]},
        {"key": "y", "name": "Y", "filters": [], "steps": []},
    ]
    split = {
        "kind": "splitter_merge",
        "key": "split",
        "name": "Split",
        "level": "order",
        "branches": branches,
    }
    return {"entry": {"events": ["order.new"], "filters": []}, "steps": [step("a"), split, step("d")]}


@pytest.fixture(autouse=True)
def untouched(draft):
    before = copy.deepcopy(draft)
    yield
    assert draft == before


def order(draft):
    return [(spot.place, spot.node["key"]) for spot in tree.spots(tree.copy_of(draft))]


def test_a_step_is_inserted_at_any_gap_and_keyed_by_its_name(draft):
    top, key = edits.insert(draft, "", 1, "validate_order_header", "Test validation 1")
    inner, _ = edits.insert(draft, "split/y", 0, "custom", "a")

    assert key == "test-validation-1"
    assert order(top)[:2] == [("", "a"), ("", "test-validation-1")]
    assert ("split/y", "a-2") in order(inner)


def test_a_splitter_comes_with_two_branches_and_a_condition_with_yes_and_no(draft):
    split, key = edits.insert(draft, "", 0, "splitter_merge", "Validation split")
    condition, other = edits.insert(draft, "", 0, "condition_merge", "Fine?")

    assert [b["name"] for b in tree.find(split, key).node["branches"]] == ["Branch 1", "Branch 2"]
    assert [lane for lane, _ in tree.lanes(tree.find(condition, other).node)] == ["yes", "no"]


def test_an_element_that_does_not_rejoin_takes_what_follows_into_its_first_branch(draft):
    changed, key = edits.insert(draft, "", 1, "condition", "Fine?")

    assert [node["key"] for node in changed["steps"]] == ["a", key]
    assert ("fine/yes", "split") in order(changed)
    with pytest.raises(EditRefused, match="Nothing follows"):
        edits.insert(changed, "", 2, "custom", "never")


def test_steps_move_past_each_other_and_out_of_branches(draft):
    assert [key for _, key in order(edits.move(draft, "c", -1))] == ["a", "split", "c", "b", "d"]
    assert order(edits.move(draft, "b", -1)) == [
        ("", "a"),
        ("", "b"),
        ("", "split"),
        ("split/x", "c"),
        ("", "d"),
    ]
    assert order(edits.move(draft, "c", 1))[3:] == [("", "c"), ("", "d")]
    with pytest.raises(EditRefused, match="first"):
        edits.move(draft, "a", -1)


def test_a_step_moves_to_a_gap_named_as_it_was_before(draft):
    assert order(edits.move_to(draft, "d", "split/y", 0))[-1] == ("split/y", "d")
    assert [key for place, key in order(edits.move_to(draft, "a", "", 3)) if not place] == ["split", "d", "a"]
    with pytest.raises(EditRefused, match="into itself"):
        edits.move_to(draft, "split", "split/y", 0)


def test_a_copy_has_keys_of_its_own_and_jumps_within_itself(draft):
    changed, key = edits.duplicate(draft, "split")

    copied = tree.find(changed, key).node
    assert key == "split-copy"
    assert [node["key"] for node in copied["branches"][0]["steps"]] == ["b-2", "c-2"]
    assert copied["branches"][0]["steps"][1]["on_failure"] == {"go_to": "b-2"}
    assert tree.find(changed, "c").node["on_failure"] == {"go_to": "b"}


def test_an_element_is_deleted_with_its_steps_or_leaves_those_of_one_branch(draft):
    assert [key for _, key in order(edits.delete(draft, "split"))] == ["a", "d"]
    assert [key for _, key in order(edits.delete(draft, "split", keep="x"))] == ["a", "b", "c", "d"]
    with pytest.raises(NoSuchBranch):
        edits.delete(draft, "split", keep="z")


def test_a_new_name_makes_a_new_key_and_jumps_follow_unless_a_version_knows_it(draft):
    changed, key = edits.rename(draft, "b", "Second chance")
    kept, same = edits.rename(draft, "b", "Second chance", fixed={"b"})

    assert key == "second-chance" and tree.find(changed, "c").node["on_failure"]["go_to"] == key
    assert same == "b" and tree.find(kept, "b").node["name"] == "Second chance"
    with pytest.raises(NeedsName):
        edits.rename(draft, "b", "  ")


def test_settings_are_set_and_an_empty_value_takes_one_away(draft):
    changed = edits.configure(
        draft, "c", {"filters": ["is-big"], "on_failure": None, "parameters": {"type": "fraud"}}
    )
    again = edits.configure(changed, "c", {"parameters": {"type": ""}})

    node = tree.find(changed, "c").node
    assert (node["filters"], node["parameters"], "on_failure" in node) == (
        ["is-big"],
        {"type": "fraud"},
        False,
    )
    assert "parameters" not in tree.find(again, "c").node
    with pytest.raises(EditRefused, match="kind"):
        edits.configure(draft, "c", {"kind": "splitter"})


def test_branches_rejoin_or_end_but_never_end_before_a_step(draft):
    with pytest.raises(EditRefused, match="Steps follow"):
        edits.configure(draft, "split", {"rejoins": False})
    alone = edits.delete(draft, "d")
    assert tree.find(edits.configure(alone, "split", {"rejoins": False}), "split").node["kind"] == "splitter"


def test_branches_are_added_named_ordered_and_taken_away(draft):
    more, key = edits.add_branch(draft, "split", "Order Source 1")
    rest = edits.set_branch(more, "split", key, name="Everything else", filters=["f"], otherwise=True)
    first = edits.move_branch(rest, "split", key, -1)
    gone = edits.delete_branch(edits.delete_branch(draft, "split", "x"), "split", "y")

    assert key == "order-source-1"
    assert tree.branch_at(tree.find(rest, "split").node, key)["filters"] == []
    assert [b["key"] for b in tree.find(first, "split").node["branches"]] == ["x", key, "y"]
    assert tree.find(gone, "split").node["branches"] == []
    with pytest.raises(EditRefused, match="Only splitters"):
        edits.add_branch(draft, "a", "No")


def test_only_one_branch_takes_the_rest(draft):
    one = edits.set_branch(draft, "split", "x", name="X", otherwise=True)
    two = edits.set_branch(one, "split", "y", name="Y", otherwise=True)

    assert [bool(b.get("otherwise")) for b in tree.find(two, "split").node["branches"]] == [False, True]


def test_what_is_not_there_is_named(draft):
    with pytest.raises(NoSuchStep, match="gone"):
        edits.delete(draft, "gone")
    with pytest.raises(NoSuchPlace):
        edits.insert(draft, "split/z", 0, "custom", "x")
    with pytest.raises(NoSuchPlace):
        edits.insert(draft, "", 9, "custom", "x")
    with pytest.raises(EditRefused, match="at least one event"):
        edits.set_entry(draft, [], [])


def test_a_flow_has_its_limits(draft):
    long = {**draft, "steps": [step(f"s{n}") for n in range(300)]}
    with pytest.raises(TooLarge, match="300"):
        edits.insert(long, "", 0, "custom", "one more")

    deep, place = EMPTY, ""
    for n in range(20):
        deep, key = edits.insert(deep, place, 0, "condition_merge", f"level {n}")
        place = f"{key}/yes"
    deep, _ = edits.insert(deep, place, 0, "condition_merge", "deepest")
    with pytest.raises(TooLarge, match="20 levels"):
        edits.insert(deep, "deepest/yes", 0, "custom", "too deep")


def test_edits_are_undone_and_redone_in_order(draft):
    session, states = {}, [draft]
    for name in ("one", "two"):
        changed, _ = edits.insert(states[-1], "", 0, "custom", name)
        history.remember(session, 7, before=states[-1], revision=revision_of(changed), sentence=name)
        states.append(changed)

    def go(way, now):
        wanted, _ = history.step(session, 7, way, draft=now, revision=revision_of(now))
        history.stepped(session, 7, way, left=now, revision=revision_of(wanted))
        return wanted

    assert history.peek(session, 7, "undo", revision_of(states[2])) == "two"
    middle = go("undo", states[2])
    assert middle == states[1] and go("undo", middle) == states[0]
    assert go("redo", states[0]) == states[1]
    assert go("redo", states[1]) == states[2]
    with pytest.raises(NothingToUndo):
        history.step(session, 7, "redo", draft=states[2], revision=revision_of(states[2]))


def test_what_somebody_else_saved_since_is_not_undone(draft):
    session = {}
    changed, _ = edits.insert(draft, "", 0, "custom", "mine")
    history.remember(session, 7, before=draft, revision=revision_of(changed), sentence="mine")

    assert history.peek(session, 7, "undo", "theirs") == ""
    with pytest.raises(StaleDraft):
        history.step(session, 7, "undo", draft=changed, revision="theirs")
