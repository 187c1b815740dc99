"""What the exact checks say of policies and splitters, in sentences: what can never hold, overlaps, gaps, shadows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from orchestration.policies.check import CANNOT_TELL, NO, YES, Answer, gap, overlap, policy_tree, possible
from orchestration.policies.currencies import currency_warnings
from orchestration.policies.fields import catalog

Finding = tuple[str, str]
MOST_PAIRS = 200


def policy_findings(policy: Mapping[str, Any]) -> list[Finding]:
    """Of each rule: never true, always true, hidden by an earlier one; and two rules that set one field differently; money of several currencies.

    `policy` is a published definition, or a draft with its lists resolved; its rules must compile.
    """
    entity, found = policy["entity"], []
    trees = [rule["condition"] for rule in policy["rules"]]
    for position, rule in enumerate(policy["rules"]):
        where, tree = f"{policy['key']}: {rule['name']}", trees[position]
        if possible(entity, tree).verdict == NO:
            found.append((where, "can never hold: its conditions contradict each other"))
        elif tree and possible(entity, {"not": tree}).verdict == NO:
            found.append((where, "always holds, whatever the record"))
        around = _around(policy, trees, position)
        found += [(where, sentence) for sentence in currency_warnings(entity, tree, around)]
        if policy["combine"] == "first" and position:
            found += _shadow(entity, trees, position, where)
    return found + (list(_conflicts(policy, trees)) if policy["combine"] == "every" else [])


def _around(policy: Mapping[str, Any], trees: Sequence[Mapping], position: int) -> list[Mapping[str, Any]]:
    """What is certain of the records for which this rule decides anything."""
    if policy["combine"] == "all":
        return [tree for n, tree in enumerate(trees) if n != position]
    return [{"not": tree} for tree in trees[:position]] if policy["combine"] == "first" else []


def _shadow(entity: str, trees: Sequence[Mapping], position: int, where: str) -> list[Finding]:
    reached = possible(entity, trees[position], *({"not": tree} for tree in trees[:position]))
    if reached.verdict == NO and possible(entity, trees[position]).verdict != NO:
        return [(where, "never acts: earlier rules take every record that it would take")]
    if reached.verdict == CANNOT_TELL:
        return [(where, "cannot tell whether earlier rules leave it any record")]
    return []


def _conflicts(policy: Mapping[str, Any], trees: Sequence[Mapping]) -> Iterator[Finding]:
    rules = policy["rules"]
    for one, other in list(combinations(range(len(rules)), 2))[:MOST_PAIRS]:
        both = _sets(rules[one]) & _sets(rules[other])
        if both and overlap(policy["entity"], trees[one], trees[other]).verdict != NO:
            yield (
                f"{policy['key']}: {rules[other]['name']}",
                f"sets {', '.join(sorted(both))}, as “{rules[one]['name']}” does; where both hold, this one wins",
            )


def _sets(rule: Mapping[str, Any]) -> set[str]:
    return {action["set"] for action in rule.get("actions") or [] if "set" in action}


# -- splitters ---------------------------------------------------------------------------------------------------------


def branch_contradictions(step: Mapping[str, Any], policies: Mapping[str, dict]) -> Iterator[Finding]:
    """Branches that no record can ever take."""
    for branch, tree, level in _branches(step, policies):
        if possible(level, tree).verdict == NO:
            yield step["key"], f"branch {_name(branch)} can never be taken: its filters contradict each other"


def splitter_warnings(step: Mapping[str, Any], policies: Mapping[str, dict]) -> Iterator[Finding]:
    """Branches that share records, and records that no branch takes, each with an example."""
    branches = list(_branches(step, policies))
    for (one, first, level), (other, second, _) in list(combinations(branches, 2))[:MOST_PAIRS]:
        names = f"branches {_name(one)} and {_name(other)}"
        answer = overlap(level, first, second)
        if answer.verdict == YES:
            yield step["key"], f"{names} overlap: both take a record with {_example(answer)}"
        elif answer.verdict == CANNOT_TELL:
            yield step["key"], f"cannot tell whether {names} overlap"
    if any(branch.get("otherwise") for branch in step["branches"]) or not branches:
        return
    answer = gap(branches[0][2], [tree for _, tree, _ in branches])
    if answer.verdict == YES:
        yield step["key"], f"no branch takes a record with {_example(answer)}; add an “otherwise” branch"
    elif answer.verdict == CANNOT_TELL:
        yield step["key"], "cannot tell whether every record has a branch; add an “otherwise” branch"


def _branches(step: Mapping[str, Any], policies: Mapping[str, dict]) -> Iterator[tuple[Mapping, dict, str]]:
    level = step.get("level", "order")
    for branch in step["branches"]:
        if branch.get("otherwise"):
            continue
        filters = branch.get("filters", [])
        if all(name in policies for name in filters):
            yield (
                branch,
                {"all": [_seen_from(level, policies[name]) for name in filters]} if filters else {},
                level,
            )


def _seen_from(level: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy about the order, asked of its lines, speaks of `order.…`; what cannot be said so is an unknown."""
    tree = policy_tree(policy)
    if policy["entity"] == level:
        return tree
    if policy["entity"] == "order" and (renamed := _renamed(tree, set(catalog(level)))) is not None:
        return renamed
    return {"related": f"policy {policy['key']}"}


def _renamed(tree: Mapping[str, Any], known: set[str]) -> dict[str, Any] | None:
    for word in ("all", "any"):
        if word in tree:
            parts = [_renamed(part, known) for part in tree[word]]
            return None if None in parts else {word: parts}
    if "not" in tree:
        inner = _renamed(tree["not"], known)
        return None if inner is None else {"not": inner}
    if not tree:
        return {}
    names = {word: f"order.{tree[word]}" for word in ("field", "other") if word in tree}
    if "related" in tree or not set(names.values()) <= known:
        return None
    return {**tree, **names}


def _name(branch: Mapping[str, Any]) -> str:
    return f"“{branch.get('name') or branch['key']}”"


def _example(answer: Answer) -> str:
    return ", ".join(f"{name} {value}" for name, value in answer.example.items()) or "anything"
