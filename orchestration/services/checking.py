"""What is wrong with a drawing: every problem with the step it is in, so that a person can mend them all at once."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.engine.graph import ELEMENTS, branches_of, compile_steps, walk
from orchestration.entities import levels
from orchestration.services.findings import branch_contradictions, policy_findings, splitter_warnings
from orchestration.services.raising import idle_providers, silent_events
from orders.models import EventDefinition

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,50}")
MOST_STEPS = 300
DEEPEST = 20
MOST_ATTEMPTS = 20
LONGEST_SECONDS = 86_400
LONGEST_MINUTES = 525_600
GROWTHS = ("same", "doubling")
FAILURES = ("unavailable", "rejected")
Problem = tuple[str, str]


def flow_problems(draft: Mapping[str, Any], policies: Mapping[str, dict] | None) -> list[Problem]:
    """Every problem as (where, sentence). Without `policies` only the form is checked: enough to keep a draft."""
    if shape := list(_shape(draft)):
        return shape
    problems = list(_keys(draft))
    if not problems and policies is not None:
        problems = [*_meaning(draft, policies)]
    return problems


def flow_warnings(draft: Mapping[str, Any], policies: Mapping[str, dict]) -> list[Problem]:
    """What a person should know before publishing, but may want: overlaps, gaps, rules without effect, silent events."""
    if flow_problems(draft, policies):
        return []
    steps = compile_steps(draft["steps"])
    found = [finding for policy in policies.values() for finding in policy_findings(policy)]
    for step in steps.values():
        if step["kind"].startswith("splitter"):
            found += splitter_warnings(step, policies)
    return found + list(silent_events(steps, policies)) + list(idle_providers(steps))


def _shape(draft: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(draft, Mapping) or not isinstance(draft.get("steps"), list):
        yield "steps", "a flow is an object with “entry” and a list “steps”"
        return
    if not isinstance(draft.get("entry"), Mapping) or not draft["entry"].get("events"):
        yield "entry.events", "name at least one business event that starts the flow, such as order.new"
    yield from _nodes(draft["steps"], "steps", 0)


def _nodes(nodes: Any, path: str, depth: int) -> Iterator[Problem]:
    if not isinstance(nodes, list):
        yield path, "must be a list of steps"
        return
    if depth > DEEPEST:
        yield path, f"branches are nested deeper than {DEEPEST} levels"
        return
    for position, node in enumerate(nodes):
        here = f"{path}[{position}]"
        if not isinstance(node, Mapping) or node.get("kind") not in ("action", *ELEMENTS):
            yield here, f"“kind” must be action, {', '.join(ELEMENTS)}"
        elif not isinstance(node.get("key"), str) or not KEY.fullmatch(node["key"]):
            yield here, "“key” must be small letters, digits and hyphens, at most 50"
        elif not isinstance(node.get("name"), str) or not node["name"].strip():
            yield node["key"], "needs a name"
        elif node["kind"] in ELEMENTS:
            yield from _branches(node, here, depth)


def _branches(node: Mapping[str, Any], path: str, depth: int) -> Iterator[Problem]:
    if node["kind"].startswith("splitter"):
        if not isinstance(node.get("branches"), list) or not node["branches"]:
            yield node["key"], "needs at least one branch"
            return
        for branch in node["branches"]:
            if not isinstance(branch, Mapping) or not KEY.fullmatch(str(branch.get("key", ""))):
                yield node["key"], "each branch needs a “key” of small letters, digits and hyphens"
                return
    for branch in branches_of(node):
        yield from _nodes(branch.get("steps", []), f"{path}.{branch['key']}", depth + 1)


def _keys(draft: Mapping[str, Any]) -> Iterator[Problem]:
    nodes = list(walk(draft["steps"]))
    if not nodes:
        yield "steps", "the flow has no step"
    if len(nodes) > MOST_STEPS:
        yield "steps", f"has {len(nodes)} steps; {MOST_STEPS} is the most"
    for key, count in Counter(node["key"] for node in nodes).items():
        if count > 1:
            yield key, f"this key is used by {count} steps"


def _meaning(draft: Mapping[str, Any], policies: Mapping[str, dict]) -> Iterator[Problem]:
    from orchestration.actions import ACTIONS

    events = set(EventDefinition.objects.values_list("key", flat=True))
    steps = compile_steps(draft["steps"])
    for event in draft["entry"]["events"]:
        if event not in events:
            yield "entry.events", f"there is no business event {event}"
    for step in steps.values():
        if step["unreachable"]:
            yield step["key"], "can never be reached: a condition or splitter before it does not rejoin"
        if step["kind"] == "action":
            yield from _action(step, steps, events, policies, ACTIONS)
        elif step["kind"].startswith("splitter"):
            yield from _splitter(step, policies)


def _action(
    step: Mapping, steps: Mapping, events: set, policies: Mapping, actions: Mapping
) -> Iterator[Problem]:
    key, action = step["key"], actions.get(step.get("action"))
    if action is None:
        yield key, f"there is no action {step.get('action')!r}; there are {', '.join(sorted(actions))}"
        return
    for event in step.get("input_events", []):
        if event not in events:
            yield key, f"waits for {event}, which no business event is named"
    resume = step.get("resume_on_error")
    if resume and resume not in events:
        yield key, f"resumes with {resume}, which no business event is named"
    go_to = (step.get("on_failure") or {}).get("go_to") or step.get("parameters", {}).get("go_to")
    if go_to and go_to not in steps:
        yield key, f"goes to step {go_to}, which is not in the flow"
    elif (
        go_to
        and steps[go_to]["scope"] not in ("", step["scope"])
        and not step["scope"].startswith(steps[go_to]["scope"])
    ):
        yield key, f"goes to step {go_to}, which is inside another branch"
    for name in step.get("policies", []):
        if name in policies and policies[name]["type"] != "execution":
            yield key, f"{name} is a filter policy; an execution policy is needed here"
    yield from ((key, sentence) for sentence in _pace(step))
    event = (step.get("deadline") or {}).get("event")
    if event and event not in events:
        yield key, f"raises {event} after its deadline, which no business event is named"
    if _loops(step, steps, actions):
        yield key, f"goes back to {step['parameters']['go_to']} for ever: nothing in between waits"
    level = action.level_at(step)
    if level not in levels():
        yield key, f"“level” must be one of {', '.join(levels())}"
    yield from _filters(step, step.get("filters", []), level, policies)
    yield from (((key, sentence)) for sentence in action.problems(step))


def _pace(step: Mapping) -> Iterator[str]:
    """Faults of retry settings and deadline; what was imported has passed the schema, a draft has not."""
    deadline, retry = step.get("deadline") or {}, step.get("retry") or {}
    if deadline and not _whole(deadline.get("minutes"), 1, LONGEST_MINUTES):
        yield "“deadline” needs minutes, from 1 to a year's"
    if not retry:
        return
    if strange := sorted(set(retry) - {"attempts", "seconds", "growth", "failures"}):
        yield f"“retry” knows no {strange[0]}"
    if not _whole(retry.get("attempts"), 2, MOST_ATTEMPTS):
        yield f"“retry” needs attempts, from 2 to {MOST_ATTEMPTS}"
    if not _whole(retry.get("seconds"), 1, LONGEST_SECONDS):
        yield "“retry” needs seconds to wait, from 1 to a day's"
    if retry.get("growth", "same") not in GROWTHS:
        yield f"“retry” grows one of {', '.join(GROWTHS)}"
    failures = retry.get("failures")
    if not isinstance(failures, list) or not failures or not set(map(str, failures)) <= set(FAILURES):
        yield f"“retry” needs the failures it is for: {', '.join(FAILURES)}"


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _loops(step: Mapping, steps: Mapping, actions: Mapping) -> bool:
    """A step that always goes back, with a straight way from there to it again on which nothing waits."""
    here = (step.get("parameters") or {}).get("go_to")
    if not here or here not in steps or _waits(step):
        return False
    seen: set[str] = set()
    while here and here not in seen:
        if here == step["key"]:
            return True
        seen.add(here)
        found = steps[here]
        if found["kind"] == "action" and _waits(found):
            return False
        here = found["next"] if found["kind"] in ("action", "merge") else None
    return False


def _waits(step: Mapping) -> bool:
    return bool(
        step.get("action") in ("hold", "wait") or step.get("input_events") or step.get("provider_action")
    )


def _splitter(step: Mapping, policies: Mapping) -> Iterator[Problem]:
    level = step.get("level", "order")
    if level not in levels():
        yield step["key"], f"“level” must be one of {', '.join(levels())}"
    if sum(bool(branch.get("otherwise")) for branch in step["branches"]) > 1:
        yield step["key"], "only one branch can be “otherwise”"
    names = [branch["key"] for branch in step["branches"]]
    if len(set(names)) < len(names):
        yield step["key"], "two branches have the same key"
    faults = [
        fault
        for branch in step["branches"]
        for fault in _filters(step, branch.get("filters", []), level, policies)
    ]
    yield from faults
    if not faults and level in levels():
        yield from branch_contradictions(step, policies)


def _filters(step: Mapping, names: list[str], level: str, policies: Mapping) -> Iterator[Problem]:
    for name in names:
        if name in policies and policies[name]["type"] != "filter":
            yield step["key"], f"{name} is an execution policy; a filter policy is needed here"
        elif name in policies and policies[name]["entity"] not in (level, "order"):
            yield (
                step["key"],
                f"{name} looks at {policies[name]['entity']} records; this step works on {level} records",
            )
