"""From a rule's tree to a Q object. The grammar is closed and typed; every fault is named by its path.

    tree       {"all": [tree, …]} | {"any": [tree, …]} | {"not": tree} | comparison | related
    comparison {"field": name, "op": operator, "value": constant}
    related    {"related": name, "match": "any" | "all" | "none", "where": tree}
               {"related": name, "aggregate": "count" | "sum", "field": name, "op": operator, "value": number}

An empty tree always holds. Two-valued: a comparison with a missing value is false, its `not` is true.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import BigIntegerField, Count, Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.dateparse import parse_date, parse_datetime

from orchestration.errors import BadRule
from orchestration.policies.fields import MODELS, OPERATORS, RELATIONS, FieldSpec, catalog

DEPTH = 20
WIDTH = 200
LOOKUPS = {
    "equals": "exact",
    "greater": "gt",
    "at_least": "gte",
    "less": "lt",
    "at_most": "lte",
    "in": "in",
    "contains": "icontains",
    "starts_with": "istartswith",
}


def compile_tree(entity: str, tree: Mapping[str, Any], path: str = "condition") -> Q:
    """The condition as a Q over the entity's model; raises BadRule with the path of the first fault."""
    return _node(entity, tree, path, 0)


def fields_of(entity: str, tree: Mapping[str, Any]) -> list[str]:
    """The fields of the entity itself that the tree compares, in order: what an explanation shows the values of."""
    if not isinstance(tree, Mapping):
        return []
    if "field" in tree and "related" not in tree:
        return [tree["field"]]
    parts = tree.get("all") or tree.get("any") or ([tree["not"]] if "not" in tree else [])
    return list(dict.fromkeys(name for part in parts for name in fields_of(entity, part)))


def _node(entity: str, tree: Any, path: str, depth: int) -> Q:
    if not isinstance(tree, Mapping):
        raise BadRule(path, "must be an object such as {“field”: …, “op”: …, “value”: …}")
    if depth > DEPTH:
        raise BadRule(path, f"is nested deeper than {DEPTH} levels")
    if not tree:
        return Q()
    for word in ("all", "any"):
        if word in tree:
            return _group(entity, tree, word, path, depth)
    if "not" in tree:
        _only(tree, {"not"}, path)
        return ~_node(entity, tree["not"], f"{path}.not", depth + 1)
    if "related" in tree:
        return _related(entity, tree, path, depth)
    return _comparison(entity, tree, path)


def _group(entity: str, tree: Mapping, word: str, path: str, depth: int) -> Q:
    _only(tree, {word}, path)
    parts = tree[word]
    if not isinstance(parts, list) or not parts:
        raise BadRule(f"{path}.{word}", "needs at least one condition")
    if len(parts) > WIDTH:
        raise BadRule(f"{path}.{word}", f"has more than {WIDTH} conditions")
    whole = Q()
    for position, part in enumerate(parts):
        compiled = _node(entity, part, f"{path}.{word}[{position}]", depth + 1)
        whole = whole & compiled if word == "all" else whole | compiled
    return whole


def _related(entity: str, tree: Mapping, path: str, depth: int) -> Q:
    known = RELATIONS[entity]
    if tree["related"] not in known:
        raise BadRule(
            f"{path}.related",
            f"is none of {', '.join(known) or 'nothing: this entity has no related records'}",
        )
    other, back = known[tree["related"]]
    rows = MODELS[other]._base_manager.filter(**{back: OuterRef("pk")})
    if "aggregate" in tree:
        return _aggregate(other, back, rows, tree, path)
    _only(tree, {"related", "match", "where"}, path)
    match = tree.get("match", "any")
    where = _node(other, tree.get("where", {}), f"{path}.where", depth + 1)
    if match == "any":
        return Q(Exists(rows.filter(where)))
    if match == "none":
        return ~Q(Exists(rows.filter(where)))
    if match == "all":
        return ~Q(Exists(rows.filter(~where))) if where else Q()
    raise BadRule(f"{path}.match", "must be any, all or none")


def _aggregate(other: str, back: str, rows, tree: Mapping, path: str) -> Q:
    _only(tree, {"related", "aggregate", "field", "op", "value"}, path)
    if tree["aggregate"] == "count":
        figure = Count("pk")
    elif tree["aggregate"] == "sum":
        figure = Sum(_spec(other, tree.get("field"), f"{path}.field", "number").lookup)
    else:
        raise BadRule(f"{path}.aggregate", "must be count or sum")
    operator = _operator("number", tree.get("op"), path)
    value = _number(tree.get("value"), f"{path}.value")
    grouped = rows.order_by().values(back).annotate(figure=figure).values("figure")
    total = Coalesce(Subquery(grouped, output_field=BigIntegerField()), 0)
    return _compared(total, operator, value)


def _compared(expression, operator: str, value) -> Q:
    from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

    classes = {
        "equals": Exact,
        "greater": GreaterThan,
        "at_least": GreaterThanOrEqual,
        "less": LessThan,
        "at_most": LessThanOrEqual,
    }
    if operator == "does_not_equal":
        return ~Q(Exact(expression, value))
    return Q(classes[operator](expression, value))


def _comparison(entity: str, tree: Mapping, path: str) -> Q:
    _only(tree, {"field", "op", "value"}, path)
    spec = _spec(entity, tree.get("field"), f"{path}.field")
    operator = _operator(spec.type, tree.get("op"), path)
    if operator in ("has_data", "has_no_data"):
        empty = Q(**{f"{spec.lookup}__isnull": True})
        if spec.type == "text":
            empty |= Q(**{spec.lookup: ""})
        return empty if operator == "has_no_data" else ~empty
    value = _value(spec, operator, tree.get("value"), f"{path}.value")
    if operator == "does_not_equal":
        return ~Q(**{spec.lookup: value})
    return Q(**{f"{spec.lookup}__{LOOKUPS[operator]}": value})


def _only(tree: Mapping, allowed: set[str], path: str) -> None:
    if strange := sorted(set(tree) - allowed):
        raise BadRule(f"{path}.{strange[0]}", f"is not known here; allowed: {', '.join(sorted(allowed))}")


def _spec(entity: str, name: Any, path: str, needed_type: str = "") -> FieldSpec:
    spec = catalog(entity).get(name) if isinstance(name, str) else None
    if spec is None:
        raise BadRule(path, f"{name!r} is no field of {entity}")
    if needed_type and spec.type != needed_type:
        raise BadRule(path, f"{name} is a {spec.type}, a {needed_type} is needed")
    return spec


def _operator(kind: str, operator: Any, path: str) -> str:
    if operator not in OPERATORS[kind]:
        raise BadRule(f"{path}.op", f"must be one of {', '.join(OPERATORS[kind])} for a {kind}")
    return operator


def _value(spec: FieldSpec, operator: str, value: Any, path: str) -> Any:
    if operator == "in":
        if not isinstance(value, list) or not 1 <= len(value) <= 1000:
            raise BadRule(path, "must be a list of 1 to 1,000 values")
        return [_one(spec, item, f"{path}[{position}]") for position, item in enumerate(value)]
    return _one(spec, value, path)


def _one(spec: FieldSpec, value: Any, path: str) -> Any:
    checked = {"number": _number, "text": _text, "boolean": _boolean, "date": _date}[spec.type](value, path)
    if spec.choices and checked not in spec.choices:
        raise BadRule(path, f"{value!r} is none of {', '.join(spec.choices)}")
    return checked


def _number(value: Any, path: str) -> Decimal | int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRule(path, "must be a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadRule(path, f"{value!r} is not a number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise BadRule(path, "must be a number within plus or minus 10^18")
    return int(number) if number == number.to_integral_value() else number


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > 400 or "\0" in value:
        raise BadRule(path, "must be a text of at most 400 characters")
    return value


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise BadRule(path, "must be true or false")
    return value


def _date(value: Any, path: str) -> date | datetime:
    found = None
    if isinstance(value, str):
        try:
            found = parse_datetime(value) or parse_date(value)
        except ValueError:
            found = None
    if found is None or not 1970 <= found.year <= 9000:
        raise BadRule(path, "must be a date such as 2026-11-20 or a time such as 2026-11-20T14:00:00Z")
    return found
