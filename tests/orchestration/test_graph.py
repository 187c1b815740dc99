from orchestration.engine.graph import compile_steps
from orchestration.services.checking import flow_problems


def action(key, **more):
    return {"kind": "action", "key": key, "name": key, "action": "custom", **more}


def test_a_sequence_ends_after_its_last_step():
    steps = compile_steps([action("a"), action("b")])

    assert [(s["key"], s["next"], s["index"]) for s in steps.values()] == [("a", "b", 0), ("b", None, 1)]


def test_branches_of_a_merge_rejoin_and_an_empty_branch_goes_straight_there():
    steps = compile_steps(
        [{"kind": "condition_merge", "key": "c", "name": "C", "yes": [], "no": [action("x")]}, action("z")]
    )

    assert [(b["key"], b["first"]) for b in steps["c"]["branches"]] == [("yes", "c.merge"), ("no", "x")]
    assert steps["x"]["next"] == "c.merge"
    assert steps["x"]["scope"] == "/c:no"
    assert steps["c.merge"]["next"] == "z"


def test_what_follows_a_condition_that_does_not_rejoin_is_unreachable():
    draft = {
        "entry": {"events": ["order.new"]},
        "steps": [
            {"kind": "condition", "key": "c", "name": "C", "yes": [action("x")], "no": []},
            action("z"),
        ],
    }

    steps = compile_steps(draft["steps"])

    assert steps["x"]["next"] is None
    assert [key for key, step in steps.items() if step["unreachable"]] == ["z"]


def test_every_fault_of_form_is_named_at_once():
    draft = {"entry": {}, "steps": [action("Bad Key"), {"kind": "loop", "key": "x"}, action("ok", name=" ")]}

    assert [where for where, _ in flow_problems(draft, None)] == [
        "entry.events",
        "steps[0]",
        "steps[1]",
        "ok",
    ]
