"""Evaluates a compiled policy over a batch: one query for the answers and the actual values.

The database decides, for one record as for a thousand; there is no second evaluator.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db.models import BooleanField, Case, Q, Value, When

from iom.lib.canonical import dumps
from orchestration.policies.compile import compile_tree, fields_of
from orchestration.policies.fields import MODELS, catalog


@dataclass(slots=True)
class Verdict:
    """What a policy says of one record: whether it passed, what each rule said, the values it looked at, what was set."""

    passed: bool
    rules: list[bool]
    values: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, Any] = field(default_factory=dict)


def evaluate(policy: Mapping[str, Any], ids: Collection[int]) -> dict[int, Verdict]:
    """A verdict for each id that still exists; `policy` is a published definition (see `services.publishing`)."""
    if not ids:
        return {}
    conditions, names = _compiled(dumps(policy))
    entity = policy["entity"]
    answers = {
        f"rule_{n}": Case(
            When(condition, then=Value(True)), default=Value(False), output_field=BooleanField()
        )
        if condition
        else Value(True, output_field=BooleanField())
        for n, condition in enumerate(conditions)
    }
    lookups = [catalog(entity)[name].lookup for name in names]
    rows = MODELS[entity]._base_manager.filter(pk__in=list(ids)).annotate(**answers)
    width = 1 + len(answers)
    return {
        row[0]: verdict_of(
            policy, [bool(x) for x in row[1:width]], dict(zip(names, row[width:], strict=True))
        )
        for row in rows.values_list("pk", *answers, *lookups)
    }


def verdict_of(policy: Mapping[str, Any], rules: list[bool], values: dict[str, Any]) -> Verdict:
    if policy["combine"] == "all":
        passed = all(rules)
    else:  # any, first, every: nothing matched falls to what the policy states for the rest
        passed = any(rules) or (policy["otherwise"] == "pass" and policy["combine"] != "any")
    return Verdict(passed, rules, values)


@lru_cache(maxsize=512)
def _compiled(text: str) -> tuple[tuple[Q, ...], tuple[str, ...]]:
    import json

    policy = json.loads(text)
    conditions = tuple(compile_tree(policy["entity"], rule["condition"]) for rule in policy["rules"])
    names = dict.fromkeys(
        name for rule in policy["rules"] for name in fields_of(policy["entity"], rule["condition"])
    )
    return conditions, tuple(names)
