"""What changed between two drawings and their policies, in sentences that a person reads before publishing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.designer import tree
from orchestration.policies.words import action_words, condition_words, constant_words, rule_words

SETTINGS = {
    "kind": "kind", "action": "action type", "provider_action": "provider action", "level": "level",
    "input_events": "input events", "filters": "filter policies", "policies": "execution policies",
    "resume_on_error": "event raised on error", "notes": "notes",
}  # fmt: skip
PARTS = {
    "on_failure": {"go_to": "step on failure"},
    "retry": {
        "attempts": "attempts", "seconds": "seconds before the next attempt", "growth": "growth of the wait between attempts",
        "failures": "failures that are tried again",
    },
    "deadline": {"minutes": "deadline in minutes", "event": "event after the deadline"},
    "parameters": {
        "type": "hold type", "reason": "reason", "go_to": "next step", "level": "level", "mode": "mode",
        "raise_event": "event raised", "failure_events": "events that mean failure", "blocks": "blocked actions",
    },
}  # fmt: skip
HEADS = {
    "name": "name",
    "criticality": "criticality",
    "combine": "how rules combine",
    "otherwise": "otherwise",
}


@dataclass(frozen=True, slots=True)
class Difference:
    kind: str  # added, removed, moved or changed
    sentence: str
    step: str = ""  # key of the step, if it still is there

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "−", "moved": "↕", "changed": "~"}[self.kind]


def differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    policies_before: Mapping[str, dict] | None = None,
    policies_after: Mapping[str, dict] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Difference]:
    """From one drawing to another, steps matched by key; `names` has words for keys of events and policies."""
    old, new = tree.copy_of(before), tree.copy_of(after)
    words = _Words(names or {}, old, new, policies_before or {}, policies_after or {})
    found = [*_entry(old, new, words), *_steps(old, new, words)]
    return found + list(_policies(policies_before or {}, policies_after or {}))


class _Words:
    def __init__(self, names: Mapping[str, str], old: dict, new: dict, *policies: Mapping[str, dict]) -> None:
        self._names = dict(names)
        for draft in (old, new):
            self._names |= {spot.node["key"]: spot.node["name"] for spot in tree.spots(draft)}
        for found in policies:
            self._names |= {key: policy["name"] for key, policy in found.items()}

    def of(self, value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(self.of(part) for part in value) or "nothing"
        if value in (None, "", {}):
            return "nothing"
        return self._names.get(value, str(value)) if isinstance(value, str) else _number(value)


# -- the drawing --------------------------------------------------------------------------------------------------


def _entry(old: dict, new: dict, words: _Words) -> Iterator[Difference]:
    for name, label in (("events", "events that start the flow"), ("filters", "entry filters")):
        yield from _field("The flow", label, old["entry"].get(name, []), new["entry"].get(name, []), words)


def _steps(old: dict, new: dict, words: _Words) -> Iterator[Difference]:
    before = {spot.node["key"]: spot for spot in tree.spots(old)}
    after = {spot.node["key"]: spot for spot in tree.spots(new)}
    for key, spot in before.items():
        if key not in after:
            yield Difference("removed", f"{spot.node['name']} was removed")
    moved = _moved(before, after)
    for key, spot in after.items():
        where = _where(new, spot, words)
        if key not in before:
            yield Difference("added", f"{spot.node['name']} was added {where}", key)
            continue
        if key in moved:
            yield Difference("moved", f"{spot.node['name']} was moved {where}", key)
        yield from _node(before[key].node, spot.node, words)


def _moved(before: Mapping[str, tree.Spot], after: Mapping[str, tree.Spot]) -> set[str]:
    """Steps in another sequence, and of those that stayed in theirs the fewest that explain the new order."""
    common = [key for key in after if key in before]
    moved = {key for key in common if before[key].place != after[key].place}
    for place in {spot.place for spot in after.values()}:
        stayed = [key for key in common if key not in moved and after[key].place == place]
        moved |= set(stayed) - set(_longest_rising(stayed, before))
    return moved


def _longest_rising(keys: Sequence[str], before: Mapping[str, tree.Spot]) -> list[str]:
    best: list[list[str]] = []
    for key in keys:
        ends = [run for run in best if before[run[-1]].position < before[key].position]
        best.append([*max(ends, key=len, default=[]), key])
    return max(best, key=len, default=[])


def _where(draft: dict, spot: tree.Spot, words: _Words) -> str:
    if spot.position:
        return f"after {spot.sequence[spot.position - 1]['name']}"
    if not spot.place:
        return "at the start"
    key, _, branch = spot.place.partition("/")
    node = tree.find(draft, key).node
    name = (
        branch.capitalize()
        if node["kind"].startswith("condition")
        else tree.branch_at(node, branch).get("name", branch)
    )
    return f"first in branch {name} of {node['name']}"


def _node(old: dict, new: dict, words: _Words) -> Iterator[Difference]:
    name, key = new["name"], new["key"]
    if old["name"] != name:
        yield Difference("changed", f"{old['name']} is now called {name}", key)
    for field, label in SETTINGS.items():
        yield from _field(name, label, old.get(field), new.get(field), words, key)
    for field, parts in PARTS.items():
        was, now = old.get(field) or {}, new.get(field) or {}
        for part in dict.fromkeys([*was, *now]):
            yield from _field(name, parts.get(part, part), was.get(part), now.get(part), words, key)
    yield from _branches(old, new, words)


def _branches(old: dict, new: dict, words: _Words) -> Iterator[Difference]:
    was = {branch["key"]: branch for branch in old.get("branches", [])}
    now = {branch["key"]: branch for branch in new.get("branches", [])}
    name, key = new["name"], new["key"]
    for branch in was.keys() - now.keys():
        yield Difference("removed", f"{name}: branch {was[branch].get('name', branch)} was removed", key)
    for branch, found in now.items():
        label = found.get("name") or branch
        if branch not in was:
            yield Difference("added", f"{name}: branch {label} was added", key)
            continue
        if (was[branch].get("name") or branch) != label:
            yield Difference(
                "changed", f"{name}: branch {was[branch].get('name')} is now called {label}", key
            )
        about = f"{name}, branch {label}"
        yield from _field(
            about, "filter policies", was[branch].get("filters"), found.get("filters"), words, key
        )
        if bool(was[branch].get("otherwise")) != bool(found.get("otherwise")):
            sentence = (
                "takes everything else now" if found.get("otherwise") else "no longer takes everything else"
            )
            yield Difference("changed", f"{about} {sentence}", key)
    kept = [branch for branch in was if branch in now]
    if kept != [branch for branch in now if branch in was]:
        yield Difference("moved", f"{name}: its branches are in another order", key)


def _field(about: str, label: str, was: Any, now: Any, words: _Words, key: str = "") -> Iterator[Difference]:
    if (was or None) == (now or None):
        return
    if isinstance(was or now, list):
        gone = [words.of(part) for part in was or [] if part not in (now or [])]
        come = [words.of(part) for part in now or [] if part not in (was or [])]
        told = [f"{', '.join(come)} added" if come else "", f"{', '.join(gone)} removed" if gone else ""]
        text = " and ".join(part for part in told if part) or "in another order"
        yield Difference("changed", f"{about}: {label}: {text}", key)
    else:
        told = f"{_quoted(was, words)} became {_quoted(now, words)}"
        yield Difference("changed", f"{about}: {label} {told}", key)


def _quoted(value: Any, words: _Words) -> str:
    """What a person wrote stands in quotes, so that one sees where it ends."""
    said = words.of(value)
    return f"“{said}”" if said == value and " " in said else said


# -- policies -----------------------------------------------------------------------------------------------------


def _policies(before: Mapping[str, dict], after: Mapping[str, dict]) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        was, now = before.get(key), after.get(key)
        if was is None or now is None:
            continue  # which steps name it is told at those steps
        for field, label in HEADS.items():
            if was.get(field) != now.get(field):
                sentence = f"{now['name']}: {label} {was.get(field)} became {now.get(field)}"
                yield Difference("changed", sentence)
        yield from _rules(now, was["rules"])


def _rules(after: Mapping[str, Any], was: Sequence[dict]) -> Iterator[Difference]:
    policy, entity = after["name"], after.get("entity", "order")
    old, new = {rule["name"]: rule for rule in was}, {rule["name"]: rule for rule in after["rules"]}
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    for name in gone:
        if name not in (renamed := _renamed(gone, come, old, new)):
            yield Difference("removed", f"{policy}: rule {name} was removed")
        else:
            yield Difference("changed", f"{policy}: {name} became {renamed[name]}")
            yield from _rule(policy, entity, old[name], new[renamed[name]])
    for name in come:
        if name not in _renamed(gone, come, old, new).values():
            yield Difference("added", f"{policy}: rule {name} was added: {rule_words(new[name], entity)}")
    for name in new:
        if name in old:
            yield from _rule(policy, entity, old[name], new[name])
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield Difference("moved", f"{policy}: its rules are in another order")


def _renamed(gone: list[str], come: list[str], old: Mapping, new: Mapping) -> dict[str, str]:
    """A rule with a new name: the only one that went and the only one that came, on the same fields."""
    if len(gone) == len(come) == 1:
        was, now = _leaves(old[gone[0]]["condition"]), _leaves(new[come[0]]["condition"])
        if [leaf[0] for leaf in was] == [leaf[0] for leaf in now]:
            return {gone[0]: come[0]}
    return {}


def _rule(policy: str, entity: str, was: Mapping, now: Mapping) -> Iterator[Difference]:
    if was["condition"] != now["condition"]:
        told = _condition_change(entity, was["condition"], now["condition"])
        yield Difference("changed", f"{policy}: {now['name']}: {told}")
    old, new = ([action_words(action) for action in rule.get("actions", [])] for rule in (was, now))
    if old != new:
        told = f"{', '.join(old) or 'sets nothing'} became {', '.join(new) or 'sets nothing'}"
        yield Difference("changed", f"{policy}: {now['name']}: {told}")


def _condition_change(entity: str, was: Mapping, now: Mapping) -> str:
    """Only what differs, where both compare the same fields in the same shape; else both conditions whole."""
    old, new = _leaves(was), _leaves(now)
    if [leaf[0] for leaf in old] == [leaf[0] for leaf in new]:
        pairs = [(a[1], b[1]) for a, b in zip(old, new, strict=True) if a[1] != b[1]]
        if pairs:
            return "; ".join(_leaf_change(entity, *pair) for pair in pairs)
    return f"{condition_words(was, entity)} became {condition_words(now, entity)}"


def _leaf_change(entity: str, was: Mapping, now: Mapping) -> str:
    same_verb = was.get("op") == now.get("op") and "value" in was and "value" in now
    return f"{condition_words(was, entity)} became {constant_words(now) if same_verb else condition_words(now, entity)}"


def _leaves(rule: Any, path: str = "") -> list[tuple[str, Mapping]]:
    """(place and field, comparison) for each comparison in the tree."""
    if not isinstance(rule, Mapping) or not rule:
        return []
    for word in ("all", "any"):
        if word in rule:
            return [leaf for n, part in enumerate(rule[word]) for leaf in _leaves(part, f"{path}/{word}{n}")]
    if "not" in rule:
        return _leaves(rule["not"], f"{path}/not")
    if "where" in rule:
        return _leaves(rule["where"], f"{path}/{rule.get('related')}:{rule.get('match')}")
    return [(f"{path}/{rule.get('related', '')}:{rule.get('aggregate', '')}:{rule.get('field', '')}", rule)]


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_number(part) for part in value)
    return "nothing" if value is None else str(value)
