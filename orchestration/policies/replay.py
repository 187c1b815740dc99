"""A decision made again from what was kept of it: the policy as the run's version has it, and the values it saw then.

In plain Python, since the rows may have changed meanwhile. Rules that look at related records (any, all, count, sum) or at
the clock kept their answer but not all they looked at: they are taken as they were answered and are named so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

from orchestration.models import StepResult
from orchestration.policies.evaluate import verdict_of
from orchestration.policies.fields import catalog

COMPARED = {"equals": eq, "greater": gt, "at_least": ge, "less": lt, "at_most": le}
DENIED = {"does_not_equal": "equals", "not_in": "in", "not_in_list": "in_list"}
TEXT = {"contains": str.__contains__, "starts_with": str.startswith, "ends_with": str.endswith}
CLOCK = ("older_than", "within_last", "within_next")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One policy of one record: what was kept, and what comes out again. `taken`: rules that could only be taken over."""

    record_id: int
    policy: str
    version: int
    then: bool
    again: bool
    rules_then: Mapping[str, bool]
    rules_again: Mapping[str, bool]
    taken: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return self.then == self.again and dict(self.rules_then) == dict(self.rules_again)


class NotKept(Exception):
    """The record of the decision does not hold what the rule looked at."""


def replay(result: StepResult) -> list[Replayed]:
    """Every policy verdict that a step result kept, decided again by the version that its run is pinned to."""
    policies = result.run.version.compiled["policies"]
    kept = {**(result.detail.get("skipped") or {}), **(result.detail.get("records") or {})}
    return [
        _decided(int(pk), policies[key], told)
        for pk, verdicts in kept.items()
        for key, told in verdicts.items()
        if isinstance(told, Mapping) and key in policies
    ]


def _decided(pk: int, policy: Mapping[str, Any], told: Mapping[str, Any]) -> Replayed:
    answers, taken = [], []
    for rule in policy["rules"]:
        try:
            answers.append(_holds(policy["entity"], rule["condition"], told["values"]))
        except NotKept:
            taken.append(rule["name"])
            answers.append(told["rules"][rule["name"]])
    again = {rule["name"]: answer for rule, answer in zip(policy["rules"], answers, strict=True)}
    passed = verdict_of(policy, answers, {}).passed
    return Replayed(
        pk, policy["key"], policy["version"], told["passed"], passed, told["rules"], again, tuple(taken)
    )


def _holds(entity: str, tree: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if not tree:
        return True
    if "not" in tree:
        return not _holds(entity, tree["not"], values)
    for word, combine in (("all", all), ("any", any)):
        if word in tree:
            return combine([_holds(entity, part, values) for part in tree[word]])
    if "related" in tree or tree["op"] in CLOCK:
        raise NotKept
    return _compared(entity, tree, values)


def _compared(entity: str, tree: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    op, found = tree["op"], _value(entity, tree["field"], values)
    if op in ("has_data", "has_no_data"):
        return (found in (None, "")) == (op == "has_no_data")
    if op in DENIED:
        return not _compared(entity, {**tree, "op": DENIED[op]}, values)
    if found is None or not _in_currency(entity, tree, values):
        return False
    if "other" in tree:
        other = _value(entity, tree["other"], values)
        return other is not None and COMPARED[op](found, other)
    if op in ("in", "in_list"):
        return any(found == _alike(found, one) for one in tree["values" if op == "in_list" else "value"])
    if op == "between":
        low, high = (_alike(found, one) for one in tree["value"])
        return low <= found <= high
    if op in TEXT:
        return TEXT[op](found.lower(), tree["value"].lower())
    return COMPARED[op](found, _alike(found, tree["value"]))


def _in_currency(entity: str, tree: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if "currency" not in tree:
        return True
    return _value(entity, catalog(entity)[tree["field"]].currency, values) == tree["currency"]


def _value(entity: str, name: str, values: Mapping[str, Any]) -> Any:
    """As the column's type; what was kept is JSON."""
    if name not in values:
        raise NotKept
    found, spec = values[name], catalog(entity)[name]
    if spec.type == "date":
        raise NotKept
    if spec.type == "number" and found is not None:
        return Decimal(str(found))
    return found


def _alike(found: Any, constant: Any) -> Any:
    return Decimal(str(constant)) if isinstance(found, Decimal) else constant
