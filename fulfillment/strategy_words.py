"""Strategies in words: what one says, and what changed between two documents. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from fulfillment import strategy_costs
from fulfillment.constraint_kinds import sentence

OBJECTIVES = {"nearest": "nearest sources, fewest splits", "cost": "least cost"}
RESTS = {
    "flow": "takes the failure road of the flow's step",
    "next": "goes to the alternate strategy",
    "backorder": "waits as backorder",
    "split": "waits while what there is goes out",
    "inbox": "goes to the exceptions inbox",
}
NAMES = {
    "name": "name", "description": "description", "source_list": "source list", "max_distance_km": "maximum distance in km",
    "max_sources_per_order": "sources per order", "alternate": "alternate strategy", "batch_minutes": "minutes of a batch",
    "batch_mode": "mode of a batch",
    "late_minor": "cost of a late order in cents", "late_percent": "percent of the goods of a late order",
    "reject_minor": "cost of a refused order in cents", "reject_percent": "percent of the goods of a refused order",
    "unfilled_minor": "cost of a unit not sent in cents", "unfilled_percent": "percent of the price of a unit not sent",
}  # fmt: skip
PARTS = {
    "is_hard": "hard", "enabled": "enabled", "valid_from": "first day", "valid_until": "last day",
    "source_list": "source list", "category": "category", "skus": "products",
    "kind": "kind", "description": "description",
}  # fmt: skip


def summary(document: Mapping[str, Any]) -> list[str]:
    """The strategy in a few sentences."""
    where = document["source_list"] or ", ".join(document["sources"]) or "every active source"
    weights = ", ".join(f"{name} x {weight:g}" for name, weight in sorted(document["weights"].items()))
    lines = [
        f"Looks for the {OBJECTIVES[document['objective']]} among {where}.",
        f"At most {document['max_sources_per_order']} source(s) an order; a line "
        f"{'may' if document['split_lines'] else 'may not'} be split.",
        f"What finds no source {RESTS[document['rest']]}.",
    ]
    if document["max_distance_km"]:
        lines.append(f"No farther than {document['max_distance_km']:,} km.")
    if weights:
        lines.append(f"Weights: {weights}; everything else counts as money.")
    if document["is_batch"]:
        lines.append(
            f"Collects orders for {document['batch_minutes']} minutes and plans them together ({document['batch_mode']})."
        )
    return lines + [constraint_words(row) for row in document["constraints"]]


def constraint_words(row: Mapping[str, Any]) -> str:
    """A constraint as one sentence, with how firm it is and for whom it counts."""
    narrowed = [
        f"sources of {row['source_list']}" if row["source_list"] and row["kind"] != "offline" else "",
        f"category {row['category']}" if row["category"] else "",
        f"products {_few(row['skus'])}" if row["skus"] else "",
    ]
    of = f" ({', '.join(part for part in narrowed if part)})" if any(narrowed) else ""
    firm = "Must" if row["is_hard"] else "Should"
    dates = _dates(row)
    off = "" if row["enabled"] else " Switched off."
    return f"{firm}: {sentence(row['kind'], row['parameters'])}{of}{dates}.{off}"


def _dates(row: Mapping[str, Any]) -> str:
    begins, ends = row["valid_from"], row["valid_until"]
    return f"{f', from {begins}' if begins else ''}{f', until {ends}' if ends else ''}"


def _few(values: list[str]) -> str:
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return ", ".join(values[:5]) + more


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What changed, a sentence each; constraints are matched by name."""
    return [*_heads(before, after), *_constraints(before, after)]


def _heads(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before["objective"] != after["objective"]:
        yield (
            f"The objective was {OBJECTIVES[before['objective']]}, now it is {OBJECTIVES[after['objective']]}."
        )
    if before["rest"] != after["rest"]:
        yield f"What finds no source {RESTS[after['rest']]}; before, it {RESTS[before['rest']]}."
    if before["split_lines"] != after["split_lines"]:
        yield f"A line {'may' if after['split_lines'] else 'may no longer'} be split."
    if before["is_batch"] != after["is_batch"]:
        yield f"Batches are switched {'on' if after['is_batch'] else 'off'}."
    for field, name in NAMES.items():
        was, now = (one.get(field, strategy_costs.DEFAULTS.get(field)) for one in (before, after))
        if was != now:
            yield f"The {name} was {_shown(was)}, now it is {_shown(now)}."
    yield from _members("Source", set(before["sources"]), set(after["sources"]))
    for component in sorted(set(before["weights"]) | set(after["weights"])):
        old, new = before["weights"].get(component, 1), after["weights"].get(component, 1)
        if old != new:
            yield f"The weight of {component.replace('_', ' ')} was {old:g}, now it is {new:g}."


def _members(what: str, old: set[str], new: set[str]) -> Iterator[str]:
    for code in sorted(new - old):
        yield f"{what} {code} is added."
    for code in sorted(old - new):
        yield f"{what} {code} is taken out."


def _constraints(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old = {row["name"]: row for row in before["constraints"]}
    new = {row["name"]: row for row in after["constraints"]}
    for name in new:
        if name not in old:
            yield f"Constraint “{name}” is added: {constraint_words(new[name])}"
    for name in old:
        if name not in new:
            yield f"Constraint “{name}” is taken out."
    for name in old.keys() & new.keys():
        yield from _constraint(name, old[name], new[name])


def _constraint(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for field, word in PARTS.items():
        if old[field] != new[field]:
            yield f"Constraint “{name}”: {word} was {_shown(old[field])}, now it is {_shown(new[field])}."
    for parameter in sorted(set(old["parameters"]) | set(new["parameters"])):
        was, now = old["parameters"].get(parameter), new["parameters"].get(parameter)
        if was != now:
            yield f"Constraint “{name}”: {parameter} was {_shown(was)}, now it is {_shown(now)}."


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return _few(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
