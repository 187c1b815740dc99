"""A rule in English: what the builder shows above it, what a difference of two versions is told in."""

from collections.abc import Mapping
from typing import Any

from orchestration.policies import amounts

OPERATOR_WORDS = {
    "equals": "is",
    "does_not_equal": "is not",
    "greater": "is more than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "between": "is between",
    "in": "is",
    "not_in": "is not",
    "in_list": "is in the list",
    "not_in_list": "is not in the list",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "older_than": "is older than",
    "within_last": "is within the last",
    "within_next": "is within the next",
    "has_data": "is given",
    "has_no_data": "is missing",
}
DATE_WORDS = {
    "greater": "is after",
    "at_least": "is on or after",
    "less": "is before",
    "at_most": "is on or before",
}
MATCH_WORDS = {"any": "any of its {} has", "all": "all of its {} have", "none": "none of its {} has"}
COMBINE_WORDS = {
    "all": "All rules must hold.",
    "any": "One rule is enough.",
    "first": "The first rule that holds acts.",
    "every": "Every rule that holds acts.",
}


def field_words(name: str) -> str:
    """`product.category` -> `product category`, `total_minor` -> `total`."""
    return amounts.label(name).replace(".", " ").replace("_", " ")


def rule_words(rule: Mapping[str, Any], entity: str = "order") -> str:
    """`When quantity is at least 50 and product category is Toys or Books, set source to DC-CMH.`"""
    condition = condition_words(rule.get("condition") or {}, entity)
    actions = ", ".join(action_words(action) for action in rule.get("actions") or [])
    when = "Always" if condition == "always" else f"When {condition}"
    return f"{when}, {actions}." if actions else f"{when}."


def condition_words(tree: Any, entity: str = "order") -> str:
    """Of any tree, also one that does not compile yet: what is missing is shown as “…”."""
    return _words(tree, entity, False)


def policy_words(policy: Mapping[str, Any]) -> list[str]:
    """One sentence a rule, then how they work together and what happens to the rest."""
    said = [f"{rule['name']}: {rule_words(rule, policy['entity'])}" for rule in policy["rules"]]
    rest = "passes" if policy["otherwise"] == "pass" else "fails"
    together = COMBINE_WORDS[policy["combine"]]
    return [
        *said,
        together if policy["combine"] in ("all", "any") else f"{together} What no rule holds for {rest}.",
    ]


def action_words(action: Mapping[str, Any]) -> str:
    if "tag" in action:
        verb, preposition = ("add", "to") if action["tag"] == "add" else ("remove", "from")
        return f"{verb} the tag {_value(action.get('name'))} {preposition} the order"
    if "hold" in action:
        reason = f" because “{action['reason']}”" if action.get("reason") else ""
        return f"hold the order ({_value(action['hold'])}){reason}"
    if "raise" in action:
        return f"raise {_value(action['raise'])}"
    name = field_words(str(action.get("set", "…")))
    if "from" in action:
        return f"set {name} to {field_words(str(action['from']))}"
    if "arithmetic" in action:
        verb = {
            "multiply": "multiply {} by {}",
            "add": "add {1} to {0}",
            "round": "round {} to the nearest {}",
        }
        by = action.get("by")
        said = _constant(action, "set", by) if action["arithmetic"] != "multiply" else _value(by)
        return verb.get(str(action["arithmetic"]), "change {} by {}").format(name, said)
    return f"set {name} to {_constant(action, 'set', action.get('value'))}"


def difference_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What became of a policy from one version to another, a sentence each."""
    said = []
    for name in ("name", "type", "entity", "criticality", "combine", "otherwise"):
        if before.get(name) != after.get(name):
            said.append(f"{name.capitalize()}: “{before.get(name)}” became “{after.get(name)}”.")
    old, new = ({rule["name"]: rule for rule in version["rules"]} for version in (before, after))
    entity = after.get("entity", "order")
    said += [f"Rule “{name}” was removed: {rule_words(old[name], entity)}" for name in old if name not in new]
    for name, rule in new.items():
        if name not in old:
            said.append(f"Rule “{name}” was added: {rule_words(rule, entity)}")
        elif (was := rule_words(old[name], entity)) != (now := rule_words(rule, entity)):
            said.append(f"Rule “{name}”: “{was}” became “{now}”")
    if [name for name in old if name in new] != [name for name in new if name in old]:
        said.append(f"The order of rules became {', '.join(new)}.")
    return said or ["Nothing changed."]


def _words(tree: Any, entity: str, inner: bool) -> str:
    if not isinstance(tree, Mapping):
        return "…"
    if not tree:
        return "always"
    for word, joint in (("all", " and "), ("any", " or ")):
        if word in tree:
            parts = tree[word] if isinstance(tree[word], list) else []
            said = joint.join(_words(part, entity, len(parts) > 1) for part in parts) or "…"
            return f"({said})" if inner and len(parts) > 1 else said
    if "not" in tree:
        return f"it is not so that {_words(tree['not'], entity, True)}"
    if "related" in tree:
        return _related_words(tree)
    return _comparison_words(tree, entity)


def _related_words(tree: Mapping) -> str:
    related = field_words(str(tree["related"]))
    if "aggregate" in tree:
        what = (
            f"the number of its {related}"
            if tree["aggregate"] == "count"
            else f"the sum of {field_words(str(tree.get('field', '…')))} of its {related}"
        )
        return f"{what} {OPERATOR_WORDS.get(tree.get('op'), '…')} {constant_words(tree)}"
    head = MATCH_WORDS.get(tree.get("match", "any"), "… of its {} has").format(related)
    where = condition_words(tree.get("where") or {}, "")
    if where == "always":
        return {"none": f"it has no {related}", "all": "always"}.get(tree.get("match"), f"it has {related}")
    return f"{head} ({where})"


def _comparison_words(tree: Mapping, entity: str) -> str:
    name, operator = str(tree.get("field", "…")), tree.get("op")
    dated = name.endswith(("_at", "_date", "ship_by"))
    verb = (DATE_WORDS if dated else {}).get(operator) or OPERATOR_WORDS.get(operator, "…")
    if "other" in tree:
        return f"{field_words(name)} {verb} {field_words(str(tree['other']))}"
    if operator in ("in_list", "not_in_list"):
        return f"{field_words(name)} {verb} {tree.get('list', '…')}"
    if operator in ("has_data", "has_no_data"):
        return f"{field_words(name)} {verb}"
    return f"{field_words(name)} {verb} {constant_words(tree)}"


def constant_words(tree: Mapping[str, Any]) -> str:
    """What a comparison compares with; an amount with its currency: `5,000.00 USD`."""
    return _constant(tree, "field", tree.get("value"), str(tree.get("op", "")))


def _constant(tree: Mapping, about: str, value: Any, operator: str = "") -> str:
    if not amounts.is_amount(tree.get(about)) or tree.get("aggregate") == "count":
        return _value(value, operator)
    code = str(tree.get("currency") or "")
    if isinstance(value, list):
        return _value([amounts.words(tree[about], one, code) for one in value], operator)
    return amounts.words(tree[about], value, code)


def _value(value: Any, operator: str = "") -> str:
    if isinstance(value, list):
        if operator == "between" and len(value) == 2:
            return f"{_value(value[0])} and {_value(value[1])}"
        said = [_value(item) for item in value]
        joint = " nor " if operator == "not_in" else " or "
        return joint.join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said) or "…"
    if isinstance(value, Mapping):
        unit = str(value.get("unit", "…"))
        return f"{value.get('amount', '…')} {unit.removesuffix('s') if value.get('amount') == 1 else unit}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "…" if value is None else str(value) or "empty"
