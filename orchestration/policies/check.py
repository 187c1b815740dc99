"""Can a condition ever hold? Two at once? None of several? Exact for numbers, dates, listed texts and booleans.

A tree becomes a search for one record that makes it true: each field keeps the set of values still possible. What the
search cannot look into (related records, parts of texts, relative dates, field against field) is an unknown that may
be true or false: “no” is then still certain, “yes” is not, and the answer is “cannot tell”.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iom.lib.canonical import dumps
from orchestration.policies import amounts, constants, domains
from orchestration.policies.compile import DENIALS
from orchestration.policies.domains import Domain
from orchestration.policies.fields import FieldSpec, catalog, currency_of

BUDGET = 20_000
YES, NO, CANNOT_TELL = "yes", "no", "cannot tell"


@dataclass(frozen=True, slots=True)
class Answer:
    """`verdict` is yes, no or cannot tell; after a yes `example` is a record (field -> value) that shows it."""

    verdict: str
    example: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A comparison that depends on one field (`domain`), or an unknown by its text (`unknown`)."""

    name: str
    spec: FieldSpec | None
    domain: Domain | None
    unknown: str
    positive: bool


def possible(entity: str, *trees: Mapping[str, Any]) -> Answer:
    """Whether one record can make all of these trees true; they must compile."""
    return _search([_normal(entity, tree, True) for tree in trees])


def always(entity: str, tree: Mapping[str, Any]) -> bool:
    return possible(entity, {"not": tree}).verdict == NO


def never(entity: str, tree: Mapping[str, Any]) -> bool:
    return possible(entity, tree).verdict == NO


def overlap(entity: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Answer:
    return possible(entity, one, other)


def gap(entity: str, trees: Iterable[Mapping[str, Any]]) -> Answer:
    """Whether a record can make none of them true."""
    return possible(entity, *({"not": tree} for tree in trees))


def shadowed(entity: str, trees: Sequence[Mapping[str, Any]], position: int) -> bool:
    """Whether no record gets as far as this rule when the first match acts."""
    return possible(entity, trees[position], *({"not": tree} for tree in trees[:position])).verdict == NO


def policy_tree(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The condition under which a policy passes, as one tree."""
    conditions = [rule["condition"] for rule in policy["rules"]]
    if policy["combine"] == "all":
        return {"all": conditions} if conditions else {}
    if policy["combine"] != "any" and policy["otherwise"] == "pass":
        return {}
    return {"any": conditions} if conditions else {"not": {}}


# -- trees in a form to search -----------------------------------------------------------------------------------------


def _normal(entity: str, tree: Mapping[str, Any], positive: bool) -> Any:
    """("all" | "any", parts) and leaves, denials pushed down to the leaves."""
    if not tree:
        return ("all" if positive else "any", [])
    if "not" in tree:
        return _normal(entity, tree["not"], not positive)
    for word in ("all", "any"):
        if word in tree:
            other = {"all": "any", "any": "all"}
            return (
                word if positive else other[word],
                [_normal(entity, part, positive) for part in tree[word]],
            )
    if "related" in tree or "other" in tree:
        return _sum(entity, tree, Leaf("", None, None, dumps(tree), positive))
    return _leaf(entity, tree, positive)


def _sum(entity: str, tree: Mapping[str, Any], unknown: Leaf) -> Any:
    """The figure of a sum is an unknown; the currency that it is asked in is not."""
    code = catalog(entity).get(currency_of(entity).replace("__", "."))
    if "currency" not in tree or code is None:
        return unknown
    needed = unknown.positive != (tree["op"] == "does_not_equal")
    of_code = _plain(code, domains.allowed(code, "equals", tree["currency"]), needed)
    return ("all" if needed else "any", [of_code, unknown])


def _leaf(entity: str, tree: Mapping[str, Any], positive: bool) -> Any:
    """A leaf; of an amount with a currency both: the currency and the figure, or for its denial one of them not."""
    spec, operator = catalog(entity)[tree["field"]], tree["op"]
    if operator in DENIALS:
        operator, positive = DENIALS[operator], not positive
    if operator == "in_list":
        operator, value = "in", constants.constants(spec, tree.get("values"), "values")
    elif operator in ("older_than", "within_last", "within_next", "contains", "starts_with", "ends_with"):
        return Leaf(spec.name, spec, None, dumps([spec.name, operator, tree["value"]]), positive)
    elif operator in ("in", "between"):
        value = constants.constants(spec, tree["value"], "value")
    else:
        value = constants.constant(spec, tree["value"], "value") if not operator.startswith("has_") else None
    leaf = _plain(spec, domains.allowed(spec, operator, value), positive)
    if "currency" not in tree:
        return leaf
    code = catalog(entity)[spec.currency]
    of_code = _plain(code, domains.allowed(code, "equals", tree["currency"]), positive)
    return ("all" if positive else "any", [of_code, leaf])


def _plain(spec: FieldSpec, domain: Domain, positive: bool) -> Leaf:
    return Leaf(spec.name, spec, domain if positive else domain.rest(), "", positive)


# -- the search --------------------------------------------------------------------------------------------------------


class _Exhausted(Exception):
    """Too many ways to try within the budget."""


class _Search:
    """Depth first; stops at a record without unknowns, or when every way is tried, or when the budget is spent."""

    def __init__(self) -> None:
        self.left = BUDGET
        self.specs: dict[str, FieldSpec] = {}
        self.doubtful = False

    def find(
        self, goals: tuple, box: dict[str, Domain], unknowns: dict[str, bool]
    ) -> dict[str, Domain] | None:
        self.left -= 1
        if self.left < 0:
            raise _Exhausted
        if not goals:
            if unknowns:
                self.doubtful = True
                return None
            return box
        goal, rest = goals[0], goals[1:]
        if isinstance(goal, Leaf):
            return self._leaf(goal, rest, box, unknowns)
        word, parts = goal
        if word == "all":
            return self.find((*sorted(parts, key=_size), *rest), box, unknowns)
        for part in parts:
            if (found := self.find((part, *rest), box, unknowns)) is not None:
                return found
        return None

    def _leaf(self, leaf: Leaf, rest: tuple, box: dict, unknowns: dict) -> dict | None:
        if leaf.unknown:
            if unknowns.get(leaf.unknown, leaf.positive) != leaf.positive:
                return None
            return self.find(rest, box, {**unknowns, leaf.unknown: leaf.positive})
        self.specs[leaf.name] = leaf.spec
        narrowed = {**box, leaf.name: box.get(leaf.name, domains.whole(leaf.spec)).meet(leaf.domain)}
        return self.find(rest, narrowed, unknowns) if _feasible(narrowed, self.specs) else None


def _search(goals: Sequence[Any]) -> Answer:
    search = _Search()
    try:
        found = search.find(tuple(sorted(goals, key=_size)), {}, {})
    except (_Exhausted, RecursionError):
        return Answer(CANNOT_TELL, {})
    if found is None:
        return Answer(CANNOT_TELL if search.doubtful else NO, {})
    return Answer(YES, _example(found, search.specs))


def _size(goal: Any) -> int:
    """Leaves first, wide choices last: most ways end early."""
    return 0 if isinstance(goal, Leaf) else 1 if goal[0] == "all" else 1 + len(goal[1])


def _feasible(box: Mapping[str, Domain], specs: Mapping[str, FieldSpec]) -> bool:
    """Each field has a value left; fields of one related record are missing together or not at all."""
    if any(not d.some and not d.missing for name, d in box.items() if not _owner(specs[name])):
        return False
    owners = {owner for name in box if (owner := _owner(specs[name]))}
    return all(_present(box, specs, owner) or _absent(box, specs, owner) for owner in owners)


def _present(box: Mapping[str, Domain], specs: Mapping[str, FieldSpec], owner: str) -> bool:
    mine = [(specs[name], domain) for name, domain in box.items() if _owner(specs[name]) == owner]
    return all(domain.some or (spec.field.null and domain.missing) for spec, domain in mine)


def _absent(box: Mapping[str, Domain], specs: Mapping[str, FieldSpec], owner: str) -> bool:
    return all(domain.missing for name, domain in box.items() if _owner(specs[name]) == owner)


def _example(box: Mapping[str, Domain], specs: Mapping[str, FieldSpec]) -> dict[str, str]:
    gone = {owner for name in box if (owner := _owner(specs[name])) and not _present(box, specs, owner)}
    return {
        amounts.label(name): "missing"
        if _owner(specs[name]) in gone
        else domains.shown(specs[name], domain, _code(box, specs[name]))
        for name, domain in box.items()
    }


def _code(box: Mapping[str, Domain], spec: FieldSpec) -> str:
    """The currency of an amount of the example, where only one is possible."""
    domain = box.get(spec.currency)
    return domain.example() if domain and domain.some and not domain.others else ""


def _owner(spec: FieldSpec) -> str:
    """The path to the related record that may be missing, such as `customer`; empty for what is always there."""
    return spec.name.rpartition(".")[0] if spec.nullable else ""
