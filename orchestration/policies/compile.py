"""From a rule's tree to a Q object. The grammar is closed and typed; every fault is named by its path.

    tree       {"all": [tree, …]} | {"any": [tree, …]} | {"not": tree} | comparison | related
    comparison {"field": name, "op": operator, "value": constant} | {"field": name, "op": operator, "other": name}
               {"field": amount, "op": operator, "value": constant, "currency": code}; so may a sum of amounts
               {"field": name, "op": "in_list", "list": key of a list of values}
    related    {"related": name, "match": "any" | "all" | "none", "where": tree}
               {"related": name, "aggregate": "count" | "sum", "field": name, "op": operator, "value": number}

An empty tree always holds. Two-valued: a comparison with a missing value is false, its `not` is true; the operators
that deny (does not equal, not in) are the `not` of the others. “contains”, “starts with” and “ends with” do not tell
capitals from small letters; SQLite knows that of ASCII letters only.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import BigIntegerField, Count, DecimalField, Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from iom.lib.money import CURRENCIES
from orchestration.errors import BadRule
from orchestration.policies import amounts
from orchestration.policies.constants import (
    Moment,
    constant,
    constants,
    duration,
    moments,
    number,
    span,
    whole_days,
)
from orchestration.policies.fields import (
    AGAINST_FIELD,
    COMPARE,
    MODELS,
    OPERATORS,
    RELATIONS,
    FieldSpec,
    catalog,
    currency_of,
)

DEPTH = 20
WIDTH = 200
LOOKUPS = {
    "equals": "exact",
    "greater": "gt",
    "at_least": "gte",
    "less": "lt",
    "at_most": "lte",
    "contains": "icontains",
    "starts_with": "istartswith",
    "ends_with": "iendswith",
}
RELATIVE = ("older_than", "within_last", "within_next")
DENIALS = {"does_not_equal": "equals", "not_in": "in", "not_in_list": "in_list"}
FIGURES = {
    "equals": Exact,
    "greater": GreaterThan,
    "at_least": GreaterThanOrEqual,
    "less": LessThan,
    "at_most": LessThanOrEqual,
}


def compile_tree(entity: str, tree: Mapping[str, Any], path: str = "condition") -> Q:
    """The condition as a Q over the entity's model; raises BadRule with the path of the first fault."""
    return _node(entity, tree, path, 0)


def fields_of(entity: str, tree: Mapping[str, Any]) -> list[str]:
    """The fields of the entity itself that the tree compares, in order: what an explanation shows the values of.

    An amount is followed by the field of its currency.
    """
    if not isinstance(tree, Mapping):
        return []
    if "field" in tree and "related" not in tree:
        names = [tree["field"], *([tree["other"]] if "other" in tree else [])]
        codes = [spec.currency for name in names if (spec := catalog(entity).get(name)) and spec.currency]
        return list(dict.fromkeys([*names, *codes]))
    parts = tree.get("all") or tree.get("any") or ([tree["not"]] if "not" in tree else [])
    return list(dict.fromkeys(name for part in parts for name in fields_of(entity, part)))


def follows_the_clock(tree: Any) -> bool:
    """Does the tree compare with the present, so that each asking needs it anew."""
    if isinstance(tree, Mapping):
        return tree.get("op") in RELATIVE or any(map(follows_the_clock, tree.values()))
    return isinstance(tree, list) and any(map(follows_the_clock, tree))


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
        return _denied(_node(entity, tree["not"], f"{path}.not", depth + 1))
    if "related" in tree:
        return _related(entity, tree, path, depth)
    return _comparison(entity, tree, path)


def _denied(whole: Q) -> Q:
    """Django takes `~Q()` for “no condition”; the denial of what always holds is what never does."""
    return ~whole if whole else Q(pk__in=[])


def _group(entity: str, tree: Mapping, word: str, path: str, depth: int) -> Q:
    _only(tree, {word}, path)
    parts = tree[word]
    if not isinstance(parts, list) or not parts:
        raise BadRule(f"{path}.{word}", "needs at least one condition")
    if len(parts) > WIDTH:
        raise BadRule(f"{path}.{word}", f"has more than {WIDTH} conditions")
    compiled = [
        _node(entity, part, f"{path}.{word}[{position}]", depth + 1) for position, part in enumerate(parts)
    ]
    if word == "any" and not all(compiled):
        return Q()  # one of them always holds; `Q() | x` would be x
    whole = Q()
    for part in compiled:
        whole = whole & part if word == "all" else whole | part
    return whole


# -- related records ---------------------------------------------------------------------------------------------------


def _related(entity: str, tree: Mapping, path: str, depth: int) -> Q:
    known = RELATIONS[entity]
    if not isinstance(tree["related"], str) or tree["related"] not in known:
        raise BadRule(
            f"{path}.related",
            f"is none of {', '.join(known) or 'nothing: this entity has no related records'}",
        )
    other, back = known[tree["related"]]
    rows = MODELS[other]._base_manager.filter(**{back: OuterRef("pk")})
    if "aggregate" in tree:
        return _aggregate(entity, other, back, rows, tree, path)
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


def _aggregate(entity: str, other: str, back: str, rows, tree: Mapping, path: str) -> Q:
    code = Q()
    if tree["aggregate"] == "count":
        _only(tree, {"related", "aggregate", "op", "value"}, path)
        figure = Count("pk")
    elif tree["aggregate"] == "sum":
        spec = _summed(other, tree.get("field"), f"{path}.field")
        if "currency" in tree and spec.currency:
            code = Q(**{currency_of(entity): _code(spec, tree, path)})
        _only(
            tree, {"related", "aggregate", "field", "op", "value"} | ({"currency"} if code else set()), path
        )
        figure = Sum(spec.lookup)
    else:
        raise BadRule(f"{path}.aggregate", "must be count or sum")
    operator, value = tree.get("op"), tree.get("value")
    if operator not in COMPARE:
        raise BadRule(f"{path}.op", f"must be one of {', '.join(COMPARE)} for a count or sum")
    if not isinstance(wanted := number(value, f"{path}.value"), int):
        raise BadRule(f"{path}.value", "must be a whole number")
    grouped = rows.order_by().values(back).annotate(figure=figure).values("figure")
    total = Coalesce(Subquery(grouped, output_field=BigIntegerField()), 0)
    if operator == "does_not_equal":
        return ~(code & Q(Exact(total, wanted)))
    return code & Q(FIGURES[operator](total, wanted))


def _summed(other: str, name: Any, path: str) -> FieldSpec:
    spec = _spec(other, name, path)
    if spec.type != "number":
        raise BadRule(path, f"{name} is a {spec.type}, a number is needed")
    if isinstance(spec.field, DecimalField):
        raise BadRule(path, f"{name} is a price of one unit; sum an amount or a quantity")
    return spec


# -- comparisons -------------------------------------------------------------------------------------------------------


def _comparison(entity: str, tree: Mapping, path: str) -> Q:
    spec = _spec(entity, tree.get("field"), f"{path}.field")
    operator = tree.get("op")
    if not isinstance(operator, str) or operator not in OPERATORS[spec.type]:
        raise BadRule(f"{path}.op", f"must be one of {', '.join(OPERATORS[spec.type])} for a {spec.type}")
    if operator in ("has_data", "has_no_data"):
        _only(tree, {"field", "op", "value"}, path)
        return _data(spec, operator)
    if operator in DENIALS:
        return ~_in_currency(entity, spec, DENIALS[operator], tree, path)
    return _in_currency(entity, spec, operator, tree, path)


def _in_currency(entity: str, spec: FieldSpec, operator: str, tree: Mapping, path: str) -> Q:
    """An amount with a currency: only records in that currency can hold, whatever the figure."""
    if "currency" not in tree or not spec.currency or not {"other", "list"}.isdisjoint(tree):
        return _holds(entity, spec, operator, tree, path)
    code = _code(spec, tree, path)
    rest = {name: part for name, part in tree.items() if name != "currency"}
    return _holds(entity, spec, operator, rest, path) & Q(**{catalog(entity)[spec.currency].lookup: code})


def _code(spec: FieldSpec, tree: Mapping, path: str) -> str:
    code, value = tree["currency"], tree.get("value")
    if not isinstance(code, str) or code not in CURRENCIES:
        raise BadRule(f"{path}.currency", f"{code!r} is no currency that is known here")
    for one in value if isinstance(value, list) else [value]:
        if sentence := amounts.fault(spec.name, one, code):
            raise BadRule(f"{path}.value", sentence)
    return code


def _holds(entity: str, spec: FieldSpec, operator: str, tree: Mapping, path: str) -> Q:
    if "other" in tree:
        return _against(entity, spec, operator, tree, path)
    if operator == "in_list":
        return _present(spec, Q(**{f"{spec.lookup}__in": _listed(spec, tree, path)}))
    _only(tree, {"field", "op", "value"}, path)
    value, where = tree.get("value"), f"{path}.value"
    if operator == "in":
        return _present(spec, Q(**{f"{spec.lookup}__in": constants(spec, value, where)}))
    if operator == "between":
        return _present(spec, _within(spec, *span(spec, value, where)))
    if operator in RELATIVE:
        return _present(spec, _relative(spec, operator, duration(spec, value, where)))
    if spec.type == "date" and not whole_days(spec):
        return _present(spec, _timed(spec, operator, constant(spec, value, where)))
    return _present(spec, Q(**{f"{spec.lookup}__{LOOKUPS[operator]}": constant(spec, value, where)}))


def _present(spec: FieldSpec, compared: Q) -> Q:
    """Two-valued whatever stands around it: SQL's “unknown” would survive a denial."""
    return Q(**{f"{spec.lookup}__isnull": False}) & compared if spec.nullable else compared


def _data(spec: FieldSpec, operator: str) -> Q:
    empty = Q(**{f"{spec.lookup}__isnull": True})
    if spec.type == "text":
        empty |= Q(**{spec.lookup: ""})
    return empty if operator == "has_no_data" else ~empty


def _against(entity: str, spec: FieldSpec, operator: str, tree: Mapping, path: str) -> Q:
    _only(tree, {"field", "op", "other"}, path)
    other = _spec(entity, tree["other"], f"{path}.other")
    if other.type != spec.type:
        raise BadRule(f"{path}.other", f"{other.name} is a {other.type}, {spec.name} is a {spec.type}")
    if spec.type == "date" and whole_days(spec) != whole_days(other):
        raise BadRule(f"{path}.other", f"one of {spec.name} and {other.name} is a day without a time")
    if operator not in AGAINST_FIELD[spec.type]:
        raise BadRule(f"{path}.op", f"two fields: one of {', '.join(AGAINST_FIELD[spec.type])}")
    compared = Q(**{f"{spec.lookup}__{LOOKUPS[operator]}": F(other.lookup)})
    return _present(spec, _present(other, compared))


def _listed(spec: FieldSpec, tree: Mapping, path: str) -> list[Any]:
    """`values` is what the list had when the policy was published; `lists.resolve` puts it there."""
    _only(tree, {"field", "op", "list", "values"}, path)
    if "values" not in tree:
        raise BadRule(f"{path}.list", f"there is no list {tree.get('list')!r}")
    return constants(spec, tree["values"], f"{path}.values")


def _within(spec: FieldSpec, low: Any, high: Any) -> Q:
    if spec.type == "date" and not whole_days(spec):
        return _timed(spec, "at_least", low) & _timed(spec, "at_most", high)
    return Q(**{f"{spec.lookup}__gte": low, f"{spec.lookup}__lte": high})


def _timed(spec: FieldSpec, operator: str, value: Any) -> Q:
    """A time beside a constant that may be a whole day."""
    first, after = moments(value)
    if first == after:
        return Q(**{f"{spec.lookup}__{LOOKUPS[operator]}": value})
    if operator == "equals":
        return Q(**{f"{spec.lookup}__gte": first, f"{spec.lookup}__lt": after})
    lookup, edge = {
        "greater": ("gte", after),
        "at_least": ("gte", first),
        "less": ("lt", first),
        "at_most": ("lt", after),
    }[operator]
    return Q(**{f"{spec.lookup}__{lookup}": edge})


def _relative(spec: FieldSpec, operator: str, minutes: int) -> Q:
    days = whole_days(spec)
    if operator == "older_than":
        return Q(**{f"{spec.lookup}__lt": Moment(-minutes, days)})
    low, high = (-minutes, 0) if operator == "within_last" else (0, minutes)
    return Q(**{f"{spec.lookup}__gte": Moment(low, days), f"{spec.lookup}__lte": Moment(high, days)})


def _only(tree: Mapping, allowed: set[str], path: str) -> None:
    if strange := sorted(set(map(str, tree)) - allowed):
        raise BadRule(f"{path}.{strange[0]}", f"is not known here; allowed: {', '.join(sorted(allowed))}")


def _spec(entity: str, name: Any, path: str) -> FieldSpec:
    spec = catalog(entity).get(name) if isinstance(name, str) else None
    if spec is None:
        raise BadRule(path, f"{name!r} is no field of {entity}")
    return spec
