"""Between the builder's form and rules: what the fields are called, what they offer, what was written in them."""

from collections.abc import Mapping
from typing import Any

from iom.lib.money import CURRENCIES, HOUSE_CURRENCY
from orchestration.policies import amounts, editing
from orchestration.policies.editing import Node
from orchestration.policies.fields import OPERATORS, RELATIONS, SETTABLE, catalog
from orchestration.policies.words import OPERATOR_WORDS, condition_words

DOINGS = {
    "value": "set to",
    "from": "set to what is in",
    "multiply": "multiply by",
    "add": "add",
    "round": "round to the nearest",
    "tag_add": "add the tag",
    "tag_remove": "remove the tag",
    "hold": "hold the order, type",
    "raise": "raise the event",
}


def rules_of(draft: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules with their conditions as nodes, which is what the buttons work on."""
    return [{**rule, "node": editing.from_tree(rule["condition"])} for rule in draft["rules"]]


def read(draft: Mapping[str, Any], data: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rules as the form has them, conditions as nodes."""
    found = []
    for n, rule in enumerate(rules_of(draft)):
        doings = [
            doing_read(draft["entity"], doing_of(a), data, f"a{n}.{k}") for k, a in enumerate(rule["actions"])
        ]
        found.append({
            "name": data.get(f"r{n}:name", rule["name"]).strip(), "actions": doings,
            "node": editing.filled(rule["node"], data, f"r{n}"),
        })  # fmt: skip
    return found


def pressed(rules: list[dict[str, Any]], do: str, picked: list[str], entity: str) -> list[dict[str, Any]]:
    """The rules after a button, `verb place`, such as `row r0.1`, `up rule.2`, `remove a0.1`; nothing for an unknown one."""
    verb, _, place = do.partition(" ")
    head, *rest = place.split(".")
    numbers = [int(part) for part in rest if part.isdecimal()]
    if do == "add rule":
        return [*rules, {"name": f"Rule {len(rules) + 1}", "node": editing.group(), "actions": []}]
    if head == "rule" and numbers and numbers[0] < len(rules):
        return _rule_pressed(rules, verb, numbers[0])
    if not head[1:].isdecimal() or int(head[1:]) >= len(rules):
        return rules
    rule = rules[int(head[1:])]
    if head[0] == "r":
        places = [_place(p) for p in picked if p.split(".")[0] == head]
        rule["node"] = editing.edited(rule["node"], verb, tuple(numbers), places)
    elif verb == "action":
        rule["actions"].append(
            {"set": next(iter(SETTABLE[entity]), ""), "value": ""}
            if SETTABLE[entity]
            else {"tag": "add", "name": ""}
        )
    elif numbers and numbers[0] < len(rule["actions"]):
        if verb == "remove":
            del rule["actions"][numbers[0]]
        else:
            editing.move(rule["actions"], numbers[0], verb)
    return rules


def _rule_pressed(rules: list[dict[str, Any]], verb: str, n: int) -> list[dict[str, Any]]:
    rules = list(rules)
    if verb == "remove":
        del rules[n]
    elif verb == "duplicate":
        rules.insert(n + 1, {**rules[n], "name": f"{rules[n]['name']} copy"[:120]})
    else:
        editing.move(rules, n, verb)
    return rules


def _place(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[1:] if part.isdecimal())


def stored(rules: list[dict[str, Any]], entity: str) -> list[dict[str, Any]]:
    return [
        {
            "name": r["name"],
            "actions": r["actions"],
            "condition": editing.to_tree(r["node"], entity, RELATIONS),
        }
        for r in rules
    ]


# -- actions -----------------------------------------------------------------------------------------------------------


def doing_of(action: Mapping[str, Any]) -> dict[str, str]:
    """An action as the row of a form: what, on which field, with what, in which currency, why."""
    field, code = str(action.get("set", "")), str(action.get("currency") or "")
    value = action.get("by" if "arithmetic" in action else "value")
    if (
        amounts.is_amount(field)
        and (code or value not in (None, ""))
        and action.get("arithmetic") != "multiply"
    ):
        value, code = (amounts.written(field, value, code), code) if code else (str(value), amounts.ANY)
    value = editing.written(value)
    if "tag" in action:
        return _doing(f"tag_{action['tag']}", "", str(action.get("name", "")))
    if "hold" in action:
        return _doing("hold", "", str(action["hold"]), str(action.get("reason", "")))
    if "raise" in action:
        return _doing("raise", "", str(action["raise"]))
    if "from" in action:
        return _doing("from", field, amounts.label(str(action["from"])))
    if "arithmetic" in action:
        return _doing(str(action["arithmetic"]), field, value, currency=code)
    return _doing("value", field, value, currency=code)


def _doing(what: str, field: str, value: str, reason: str = "", currency: str = "") -> dict[str, str]:
    return {"what": what, "field": field, "value": value, "reason": reason, "currency": currency}


def doing_read(
    entity: str, before: Mapping[str, str], data: Mapping[str, str], prefix: str
) -> dict[str, Any]:
    row = {name: data.get(f"{prefix}:{name}", value).strip() for name, value in before.items()}
    what, field, value = row["what"], row["field"], row["value"]
    if what.startswith("tag_"):
        return {"tag": what[4:], "name": value}
    if what == "hold":
        return {"hold": value, "reason": row["reason"]}
    if what == "raise":
        return {"raise": value}
    if what == "from":
        return {"set": field, "from": amounts.column(value, catalog(entity))}
    if amounts.is_amount(field) and what in ("value", "add", "round") and row["currency"] != amounts.ANY:
        found, code = amounts.read(field, "", value, row["currency"] or HOUSE_CURRENCY)
        if what == "value":
            return {"set": field, "value": found, "currency": code}
        return {"set": field, "arithmetic": what, "by": found, "currency": code}
    if what in ("multiply", "add", "round"):
        return {"set": field, "arithmetic": what, "by": value}
    spec = catalog(entity).get(field)
    if spec and spec.type == "date" and value[:1].isdecimal() and " " in value:
        return {"set": field, "value": editing.read("date", "within_next", value)}
    return {
        "set": field,
        "value": editing.read(spec.type if spec and field != "source" else "text", "", value),
    }


# -- what the template shows -------------------------------------------------------------------------------------------


def shown(rules: list[dict[str, Any]], entity: str) -> list[dict[str, Any]]:
    return [
        {
            **rule, "place": f"r{n}", "index": n, "node": node_shown(rule["node"], entity, f"r{n}"),
            "doings": [doing_shown(doing_of(a), f"a{n}.{k}") for k, a in enumerate(rule["actions"])],
        }
        for n, rule in enumerate(rules)
    ]  # fmt: skip


def doing_shown(doing: Mapping[str, str], place: str) -> dict[str, Any]:
    priced = doing["what"] in ("value", "add", "round") and amounts.is_amount(doing["field"])
    return {**doing, "place": place, "currencies": currencies(doing["currency"]) if priced else ()}


def currencies(chosen: str) -> list[tuple[str, str, bool]]:
    """What an amount can be in: code, label, whether it is the one. “Any” only where a rule has it from before."""
    anyhow = [(amounts.ANY, "any currency")] if chosen == amounts.ANY else []
    offered = [*anyhow, *((code, code) for code in sorted(CURRENCIES))]
    return [(code, label, code == (chosen or HOUSE_CURRENCY)) for code, label in offered]


def node_shown(node: Node, entity: str, place: str) -> dict[str, Any]:
    """The node with its place, its entity, and the operators that its field allows."""
    found = {**node, "place": place, "entity": entity, "operators": _operators(node, entity)}
    if amounts.is_amount(node.get("field")) and node.get("match", "sum") == "sum" and not _wordless(node):
        found["currencies"] = currencies(node["currency"])
    for name in ("field", "other"):
        if name in node:
            found[name] = amounts.label(node[name])
    if node["kind"] == "row":
        spec = catalog(entity).get(node["field"])
        return {**found, "hint": _hint(node, spec), "choices": spec.choices if spec else ()}
    inner = (
        RELATIONS.get(entity, {}).get(node["related"], (entity,))[0] if node["kind"] == "related" else entity
    )
    parts = [node_shown(part, inner, f"{place}.{n}") for n, part in enumerate(node["parts"])]
    return {**found, "parts": parts, "inner": inner, "relations": list(RELATIONS.get(entity, {}))}


def _operators(node: Node, entity: str) -> list[tuple[str, str]]:
    spec = catalog(entity).get(node.get("field", ""))
    kinds = [spec.type] if spec and node["kind"] == "row" else list(OPERATORS)
    if node["kind"] == "related":
        return [(op, OPERATOR_WORDS[op]) for op in OPERATORS["number"][:6]]
    return [(op, OPERATOR_WORDS[op]) for op in dict.fromkeys(op for kind in kinds for op in OPERATORS[kind])]


def _wordless(node: Node) -> bool:
    """No constant of its own: given or missing, in a kept list, beside another field."""
    return (
        node["op"] in ("has_data", "has_no_data") or node["op"].endswith("in_list") or bool(node.get("other"))
    )


def _hint(node: Node, spec: Any) -> str:
    amount = bool(spec and spec.currency) and node["currency"] != amounts.ANY
    if node["op"] in ("in", "not_in"):
        return "such as 5.00; 10.00" if amount else "values, with commas"
    if node["op"] == "between":
        return "from; to" if amount else "from, to"
    if node["op"].endswith("in_list"):
        return "key of a list"
    if node["op"] in ("older_than", "within_last", "within_next"):
        return "such as 2 days"
    if amount:
        return "such as 5,000.00"
    return {"boolean": "yes or no", "date": "2026-11-20"}.get(spec.type if spec else "", "")


def sentence(rule: Mapping[str, Any], entity: str) -> str:
    return condition_words(editing.to_tree(rule["node"], entity, RELATIONS), entity)
