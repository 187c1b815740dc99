"""Money that a rule compares across currencies: what publishing warns of, exact where the conditions around it decide.

A comparison matters only for records for which all that stands beside it in an “all” holds, and nothing that stands beside
it in an “any”. If these leave one currency only, a figure without a currency is about that one, and nothing is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestration.policies import amounts
from orchestration.policies.check import NO, possible
from orchestration.policies.fields import ORDER_OF, RELATIONS, FieldSpec, catalog, currency_of

Trees = tuple[Mapping[str, Any], ...]


def currency_warnings(
    entity: str, tree: Mapping[str, Any], around: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """A sentence for each comparison of money that may mix currencies; `around` holds wherever the tree is asked."""
    return list(dict.fromkeys(_found(entity, tree, tuple(around))))


def _found(entity: str, tree: Any, around: Trees) -> Iterator[str]:
    for word in ("all", "any"):
        for position, part in enumerate(tree.get(word, ())):
            beside = [other for n, other in enumerate(tree[word]) if n != position]
            yield from _found(
                entity, part, (*around, *(beside if word == "all" else [{"not": other} for other in beside]))
            )
    if "not" in tree:
        yield from _found(entity, tree["not"], around)
    elif "related" in tree:
        yield from _of_related(entity, tree, around)
    elif "other" in tree:
        yield from _of_two(entity, tree, around)
    elif "value" in tree:
        yield from _of_figure(entity, catalog(entity)[tree["field"]], tree, around)


def _of_related(entity: str, tree: Mapping[str, Any], around: Trees) -> Iterator[str]:
    """Records of an order are in its currency: what is certain of the order is certain of its lines."""
    inner = RELATIONS[entity][tree["related"]][0]
    mine, theirs = (_order_currency(one) for one in (entity, inner))
    code = _only(entity, mine, around)
    known: Trees = ({"field": theirs, "op": "equals", "value": code},) if code and theirs else ()
    if "aggregate" not in tree:
        yield from _found(inner, tree.get("where") or {}, known)
    elif tree["aggregate"] != "count":
        yield from _of_figure(inner, catalog(inner)[tree["field"]], tree, known)


def _of_figure(entity: str, spec: FieldSpec, tree: Mapping[str, Any], around: Trees) -> Iterator[str]:
    """An amount against a number without a currency; nothing is nothing in every currency."""
    if (
        not spec.currency
        or "currency" in tree
        or _zero(tree["value"])
        or _only(entity, spec.currency, around)
    ):
        return
    yield f"compares {_said(spec)} in any currency; choose one for the amount"


def _of_two(entity: str, tree: Mapping[str, Any], around: Trees) -> Iterator[str]:
    one, other = (catalog(entity)[tree[word]] for word in ("field", "other"))
    if one.type != "number" or not (one.currency or other.currency):
        return
    names = f"{_said(one)} with {_said(other)}"
    if not one.currency or not other.currency:
        plain = other if one.currency else one
        yield f"compares {names}: {_said(plain)} is no amount of money; compare with an amount"
    elif amounts.is_minor(one.name) != amounts.is_minor(other.name):
        minor = one if amounts.is_minor(one.name) else other
        yield f"compares {names}, but {_said(minor)} is counted in minor units such as cents; compare like with like"
    elif one.currency != other.currency:
        yield from _of_two_currencies(entity, one, other, names, around)


def _of_two_currencies(
    entity: str, one: FieldSpec, other: FieldSpec, names: str, around: Trees
) -> Iterator[str]:
    first, second = (_only(entity, spec.currency, around) for spec in (one, other))
    if first and second and first != second:
        yield f"compares {names}: the first is in {first}, the second in {second}; compare within one currency"
    elif not (first and second) and not any(
        _same(tree, one.currency, other.currency) for tree in _certain(around)
    ):
        yield (
            f"compares {names}: cannot tell whether both are in one currency; "
            f"add that {_said(one, one.currency)} is {_said(other, other.currency)}"
        )


def _only(entity: str, field: str, around: Trees) -> str:
    """The one currency that `around` leaves for this field; empty if it leaves several, or one cannot tell."""
    for code in _codes(around, field) if field else ():
        if possible(entity, *around, {"not": {"field": field, "op": "equals", "value": code}}).verdict == NO:
            return code
    return ""


def _order_currency(entity: str) -> str:
    """The field with the currency of the order that a record belongs to; empty where rules know no such field."""
    found = currency_of(entity).replace("__", ".") if entity in ORDER_OF else ""
    return found if found in catalog(entity) else ""


def _codes(trees: Any, field: str) -> list[str]:
    """Currencies that the trees speak of: only these can be the one that is left."""
    found: list[str] = []
    for tree in trees:
        inner = [*tree.get("all", ()), *tree.get("any", ()), *([tree["not"]] if "not" in tree else [])]
        found += _codes(inner, field)
        value = tree.get("value") if tree.get("field") == field else tree.get("currency")
        found += [code for code in (value if isinstance(value, list) else [value]) if isinstance(code, str)]
    return list(dict.fromkeys(found))


def _certain(around: Trees) -> Iterator[Mapping[str, Any]]:
    """The conditions that hold by themselves, those inside an “all” too."""
    for tree in around:
        yield from _certain(tuple(tree["all"])) if "all" in tree else (tree,)


def _same(tree: Mapping[str, Any], one: str, other: str) -> bool:
    return tree.get("op") == "equals" and {tree.get("field"), tree.get("other")} == {one, other}


def _zero(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(str(part).strip("0") in ("", ".") and str(part) for part in parts)


def _said(spec: FieldSpec, name: str = "") -> str:
    return amounts.label(name or spec.name).replace(".", " ").replace("_", " ")
