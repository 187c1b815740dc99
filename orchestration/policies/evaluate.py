"""Evaluates a compiled policy over a batch: one query for the answers and the actual values.

The database decides, for one record as for a thousand; there is no second evaluator.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db.models import BooleanField, Case, Expression, Q, QuerySet, Value, When

from iom.lib import compiled
from iom.lib.canonical import dumps
from orchestration.policies.compile import compile_tree, fields_of, follows_the_clock
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
    rows, names = _compiled(dumps(policy))
    width = 1 + len(policy["rules"])
    return {
        row[0]: verdict_of(
            policy, [bool(x) for x in row[1:width]], dict(zip(names, row[width:], strict=True))
        )
        for row in rows(ids)
    }


def verdict_of(policy: Mapping[str, Any], rules: list[bool], values: dict[str, Any]) -> Verdict:
    if policy["combine"] == "all":
        passed = all(rules)
    else:  # any, first, every: nothing matched falls to what the policy states for the rest
        passed = any(rules) or (policy["otherwise"] == "pass" and policy["combine"] != "any")
    return Verdict(passed, rules, values)


@lru_cache(maxsize=512)
def _compiled(text: str) -> tuple[Callable[[Collection[int]], Iterable[tuple]], tuple[str, ...]]:
    """The query of a policy: of each id a truth by rule and the values looked at; and the names of these."""
    policy = json.loads(text)
    entity = policy["entity"]
    conditions = [compile_tree(entity, rule["condition"]) for rule in policy["rules"]]
    names = tuple(
        dict.fromkeys(name for rule in policy["rules"] for name in fields_of(entity, rule["condition"]))
    )

    def rows(ids: Collection[int]) -> QuerySet:
        answers = {f"rule_{n}": _truth(condition) for n, condition in enumerate(conditions)}
        lookups = [catalog(entity)[name].lookup for name in names]
        found = MODELS[entity]._base_manager.filter(pk__in=list(ids)).annotate(**answers)
        return found.values_list("pk", *answers, *lookups)

    return rows if follows_the_clock(policy["rules"]) else compiled.Query(rows), names


def _truth(condition: Q) -> Expression:
    if not condition:
        return Value(True, output_field=BooleanField())
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
