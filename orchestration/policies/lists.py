"""Lists of values that people keep, such as countries that we serve; rules name them, publishing puts the values in."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.models import ValueList


def resolve(tree: Any) -> Any:
    """The tree with the present values of every list that it names; one query, none without a list."""
    return resolve_all([tree])[0]


def resolve_all(trees: Iterable[Any]) -> list[Any]:
    """Like `resolve` for many trees, still one query. A list that does not exist stays unresolved: `compile` says so."""
    trees = list(trees)
    keys = {key for tree in trees for key in named(tree)}
    known = dict(ValueList.objects.filter(key__in=keys).values_list("key", "values")) if keys else {}
    return [_filled(tree, known) for tree in trees]


def named(tree: Any) -> Iterator[str]:
    """The keys of the lists that a tree names."""
    if isinstance(tree, Mapping):
        if isinstance(tree.get("list"), str):
            yield tree["list"]
        for part in tree.values():
            yield from named(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from named(part)


def _filled(tree: Any, known: Mapping[str, list]) -> Any:
    if isinstance(tree, Mapping):
        filled = {key: _filled(part, known) for key, part in tree.items()}
        if "list" in filled:
            filled.pop("values", None)
            if filled["list"] in known:
                filled["values"] = known[filled["list"]]
        return filled
    return [_filled(part, known) for part in tree] if isinstance(tree, list) else tree
