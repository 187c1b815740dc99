"""Why a record does or does not pass: each part of each rule with its answer and the actual value, by the database."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Case, Value, When

from orchestration.policies import amounts
from orchestration.policies.compile import compile_tree, fields_of
from orchestration.policies.fields import MODELS, FieldSpec, catalog
from orchestration.policies.lists import resolve_all
from orchestration.policies.words import action_words, condition_words

MOST_PARTS = 150  # a query has a limit of columns


@dataclass(slots=True)
class Part:
    """One row of a rule: the sentence, whether it held, and what the record had: field -> value, amounts as money."""

    sentence: str
    held: bool | None
    depth: int
    actual: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Explanation:
    rule: str
    held: bool
    parts: list[Part]
    actions: list[str]


def explain(policy: Mapping[str, Any], ids: Collection[int]) -> dict[int, list[Explanation]]:
    """An explanation for each rule, by record id; two queries for any number of records.

    `policy` is a definition or a draft of one. Raises BadRule for a rule that does not compile.
    """
    entity, rules = policy["entity"], policy["rules"]
    trees = resolve_all(rule["condition"] for rule in rules)
    asked: list[tuple[int, int, Mapping]] = [
        (n, depth, tree) for n, whole in enumerate(trees) for depth, tree in _parts(whole, 0)
    ]
    asked, dropped = asked[:MOST_PARTS], len(asked) > MOST_PARTS
    if dropped:
        asked = [(n, 0, tree) for n, tree in enumerate(trees)]
    answers = {f"part_{k}": _answer(entity, tree) for k, (_, _, tree) in enumerate(asked)}
    names = list(dict.fromkeys(name for _, _, tree in asked for name in fields_of(entity, tree)))
    rows = MODELS[entity]._base_manager.filter(pk__in=list(ids)).annotate(**answers)
    lookups = [catalog(entity)[name].lookup for name in names]
    return {
        row[0]: _told(
            rules,
            asked,
            row[1 : 1 + len(asked)],
            dict(zip(names, row[1 + len(asked) :], strict=True)),
            entity,
        )
        for row in rows.values_list("pk", *answers, *lookups)
    }


def _answer(entity: str, tree: Mapping) -> Any:
    condition = compile_tree(entity, tree)
    output = BooleanField()
    if not condition:
        return Value(True, output_field=output)
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=output)


def _parts(tree: Mapping, depth: int) -> Iterator[tuple[int, Mapping]]:
    """The tree itself, then what it is made of, outermost first."""
    yield depth, tree
    if not isinstance(tree, Mapping):
        return
    for part in tree.get("all") or tree.get("any") or ([tree["not"]] if "not" in tree else []):
        yield from _parts(part, depth + 1)


def _named(tree: Mapping) -> list[str]:
    if "field" not in tree or "related" in tree:
        return []
    return [tree["field"], *([tree["other"]] if "other" in tree else [])]


def _told(rules, asked, answers, values: dict[str, Any], entity: str) -> list[Explanation]:
    told = []
    for n, rule in enumerate(rules):
        parts = [
            Part(_sentence(tree, entity), bool(held), depth, actual_words(entity, values, _named(tree)))
            for (rule_number, depth, tree), held in zip(asked, answers, strict=True)
            if rule_number == n
        ]
        actions = [action_words(action) for action in rule.get("actions") or []]
        told.append(Explanation(rule["name"], bool(parts[0].held), parts, actions))
    return told


def actual_words(entity: str, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The fields by what people call them, each amount as money in its currency."""
    known = catalog(entity)
    return {amounts.label(name): _actual(known.get(name), values[name], values) for name in names}


def _actual(spec: FieldSpec | None, value: Any, values: Mapping[str, Any]) -> Any:
    code = values.get(spec.currency) if spec and spec.currency else None
    return amounts.words(spec.name, value, code) if code and value is not None else value


def _sentence(tree: Mapping, entity: str) -> str:
    heads = {"all": "all of these", "any": "at least one of these", "not": "not this"}
    return next((words for key, words in heads.items() if key in tree), "") or condition_words(tree, entity)
