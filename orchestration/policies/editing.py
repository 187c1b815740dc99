"""Edits of a rule's condition as pure functions: what the buttons of the builder do.

For the builder a condition is a tree of nodes, also while half filled in: groups, rows and related groups.

    {"kind": "group", "word": "all" | "any" | "not_all" | "not_any", "parts": [node, …]}
    {"kind": "row", "field", "op", "value", "currency", "other"}    value as people write it: “US, CA”, “2 days”, “5,000.00”
    {"kind": "related", "related", "match", "field", "op", "value", "currency", "word", "parts"}

Of an amount, `currency` is a code, or `amounts.ANY` in a rule that compares minor units of any currency.

A place is the positions from the outermost group inwards, such as `(0, 2)`.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal, InvalidOperation
from typing import Any

from iom.lib.money import HOUSE_CURRENCY
from orchestration.policies import amounts
from orchestration.policies.fields import MODELS, catalog

Node = dict[str, Any]
Place = tuple[int, ...]
WORDS = ("all", "any", "not_all", "not_any")
FIGURES = ("count", "sum")
VERBS = ("row", "group", "related", "remove", "duplicate", "up", "down", "wrap", "unwrap", "gather")


def group(word: str = "all", parts: Sequence[Node] = ()) -> Node:
    return {"kind": "group", "word": word, "parts": list(parts)}


def row(field: str = "", op: str = "equals", value: str = "", other: str = "", currency: str = "") -> Node:
    return {"kind": "row", "field": field, "op": op, "value": value, "currency": currency, "other": other}


def related(name: str = "", match: str = "any") -> Node:
    return {
        "kind": "related",
        "related": name,
        "match": match,
        "field": "",
        "op": "at_least",
        "value": "",
        "currency": "",
        "word": "all",
        "parts": [],
    }


def edited(root: Node, verb: str, place: Place, picked: Sequence[Place] = ()) -> Node:
    """The tree after a button; an edit that makes no sense at this place leaves it as it is."""
    root = deepcopy(root)
    target = at(root, place)
    if target is None or verb not in VERBS:
        return root
    if verb in ADDED:
        if "parts" in target:
            target["parts"].append(ADDED[verb]())
    elif verb == "gather":
        _gather(target, [p[-1] for p in picked if p and p[:-1] == place])
    elif place:
        _among(at(root, place[:-1])["parts"], verb, place[-1])
    return root


ADDED: dict[str, Callable[[], Node]] = {
    "row": row,
    "group": lambda: group("any", [row()]),
    "related": related,
}


def at(root: Node, place: Place) -> Node | None:
    node = root
    for position in place:
        parts = node.get("parts", [])
        if not 0 <= position < len(parts):
            return None
        node = parts[position]
    return node


def _among(parts: list[Node], verb: str, n: int) -> None:
    if verb == "remove":
        del parts[n]
    elif verb == "duplicate":
        parts.insert(n + 1, deepcopy(parts[n]))
    elif verb == "wrap":
        parts[n] = group("any", [parts[n]])
    elif verb == "unwrap" and parts[n]["kind"] == "group":
        parts[n : n + 1] = parts[n]["parts"]
    elif verb in ("up", "down"):
        move(parts, n, verb)


def move(items: list, n: int, verb: str) -> None:
    """One place up or down; what is first or last stays."""
    to = n - 1 if verb == "up" else n + 1
    if 0 <= to < len(items):
        items[n], items[to] = items[to], items[n]


def _gather(target: Node, positions: list[int]) -> None:
    """The chosen parts become a group where the first of them stood."""
    chosen = sorted({n for n in positions if n < len(target.get("parts", []))})
    if not chosen:
        return
    inner = group("any", [target["parts"][n] for n in chosen])
    rest = [part for n, part in enumerate(target["parts"]) if n not in chosen]
    rest.insert(chosen[0], inner)
    target["parts"] = rest


# -- to the rule language and back -------------------------------------------------------------------------------------


def from_tree(tree: Mapping[str, Any]) -> Node:
    """The outermost node is always a group."""
    node = _from(tree)
    return node if node["kind"] == "group" else group("all", [node])


def _from(tree: Mapping[str, Any]) -> Node:
    if not tree:
        return group()
    if "not" in tree:
        inner = _from(tree["not"])
        if inner["kind"] == "group" and not inner["word"].startswith("not_"):
            return {**inner, "word": f"not_{inner['word']}"}
        return group("not_all", [inner])
    for word in ("all", "any"):
        if word in tree:
            return group(word, [_from(part) for part in tree[word]])
    if "related" in tree:
        return _from_related(tree)
    if str(tree.get("op", "")).endswith("in_list"):
        return row(tree.get("field", ""), tree["op"], written(tree.get("list")))
    value, currency = _from_constant(tree)
    return row(tree.get("field", ""), tree.get("op", "equals"), value, tree.get("other", ""), currency)


def _from_constant(tree: Mapping[str, Any]) -> tuple[str, str]:
    """What is compared with, as text, and of an amount its currency."""
    name, value, code = tree.get("field", ""), tree.get("value"), tree.get("currency")
    if not amounts.is_amount(name) or tree.get("aggregate") == "count":
        return written(value), ""
    if code:
        return amounts.written(name, value, str(code)), str(code)
    return written(value), "" if value in (None, "") else amounts.ANY


def _from_related(tree: Mapping[str, Any]) -> Node:
    node = related(tree["related"], tree.get("aggregate") or tree.get("match", "any"))
    if "aggregate" in tree:
        value, currency = _from_constant(tree)
        return {
            **node,
            "field": tree.get("field", ""),
            "op": tree.get("op", ""),
            "value": value,
            "currency": currency,
        }
    inner = from_tree(tree.get("where") or {})
    return {**node, "word": inner["word"], "parts": inner["parts"]}


def to_tree(node: Node, entity: str, relations: Mapping[str, Mapping[str, tuple]]) -> dict[str, Any]:
    if node["kind"] == "group":
        return _grouped(node, entity, relations)
    if node["kind"] == "row":
        return _compared(node, entity)
    other = relations.get(entity, {}).get(node["related"], (entity, ""))[0]
    if node["match"] in FIGURES:
        return _figured(node, other)
    return {"related": node["related"], "match": node["match"], "where": _grouped(node, other, relations)}


def _grouped(node: Node, entity: str, relations: Mapping) -> dict[str, Any]:
    parts, word = [to_tree(part, entity, relations) for part in node["parts"]], node["word"]
    plain = word.removeprefix("not_")
    tree = {} if not parts else parts[0] if len(parts) == 1 else {plain: parts}
    return {"not": tree} if word.startswith("not_") else tree


def _figured(node: Node, other: str) -> dict[str, Any]:
    tree = {"related": node["related"], "aggregate": node["match"], "op": node["op"]}
    if node["match"] == "count":
        return {**tree, "value": read("number", "", node["value"])}
    name = amounts.column(node["field"], catalog(other) if other in MODELS else {})
    return {**tree, "field": name, **_constant(name, "number", node)}


def _constant(name: str, kind: str, node: Node) -> dict[str, Any]:
    """The value as the rule language has it; an amount with its currency, the house's where none is chosen."""
    if not amounts.is_amount(name) or node["currency"] == amounts.ANY:
        return {"value": read(kind, node["op"], node["value"])}
    value, code = amounts.read(name, node["op"], node["value"], node["currency"] or HOUSE_CURRENCY)
    return {"value": value, "currency": code}


def _compared(node: Node, entity: str) -> dict[str, Any]:
    known = catalog(entity)
    name = amounts.column(node["field"], known)
    tree = {"field": name, "op": node["op"]}
    if node["op"] in ("has_data", "has_no_data"):
        return tree
    if node["op"].endswith("in_list"):
        return {**tree, "list": node["value"].strip()}
    if node["other"]:
        return {**tree, "other": amounts.column(node["other"], known)}
    spec = known.get(name)
    return {**tree, **_constant(name, spec.type if spec else "text", node)}


def written(value: Any) -> str:
    """A constant as people write it."""
    if isinstance(value, list):
        return ", ".join(written(item) for item in value)
    if isinstance(value, Mapping):
        return f"{value.get('amount', '')} {value.get('unit', '')}".strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def read(kind: str, op: str, text: str) -> Any:
    """What people wrote as a constant of the rule language; what cannot be read stays text and is refused later."""
    if op in ("in", "not_in", "between"):
        return [read(kind, "", part.strip()) for part in text.split(",") if part.strip()]
    if op in ("older_than", "within_last", "within_next"):
        amount, _, unit = text.strip().partition(" ")
        return {
            "amount": int(amount) if amount.isdecimal() else amount,
            "unit": unit.strip().rstrip("s") + "s",
        }
    if kind == "boolean":
        return {"yes": True, "true": True, "no": False, "false": False}.get(text.strip().lower(), text)
    if kind == "number":
        return _numeric(text.strip())
    return text


def _numeric(text: str) -> Any:
    try:
        found = Decimal(text.replace(" ", ""))
    except InvalidOperation:
        return text
    whole = found.is_finite() and abs(found) < 10**18 and found == found.to_integral_value()
    return int(found) if whole else text.replace(" ", "")


# -- forms -------------------------------------------------------------------------------------------------------------


def filled(node: Node, data: Mapping[str, str], prefix: str) -> Node:
    """The tree with what a form says; names are `<prefix>.0.1:field`."""
    found = {
        name: data.get(f"{prefix}:{name}", value)
        for name, value in node.items()
        if isinstance(value, str) and name != "kind"
    }
    if found.get("word", "all") not in WORDS:
        found["word"] = "all"
    parts = (
        {"parts": [filled(part, data, f"{prefix}.{n}") for n, part in enumerate(node["parts"])]}
        if "parts" in node
        else {}
    )
    return {**node, **found, **parts}
