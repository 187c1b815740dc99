"""What a rule may do where it holds, checked and made ready at publishing so that nothing is looked up for each order.

    {"set": field, "value": constant}                        a constant, a source by its code, a source list by its key,
                                                             a moment from now on
    {"set": field, "from": field}                            what another field of the same type has
    {"set": field, "arithmetic": "multiply" | "add" | "round", "by": number}
    {"set": amount, …, "currency": code}                     an amount of money: of records in that currency only
    {"tag": "add" | "remove", "name": tag}                   of the order
    {"hold": type, "reason": text}                           of the order
    {"raise": business event}                                for the record, or for its order

Only fields that the entity declares as settable; a state never is, and of the built-in entities no amount of money is.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import connection

from fulfillment.models import SourceList
from inventory.models import FulfillmentSource
from iom.lib.money import CURRENCIES
from orchestration.errors import BadRule
from orchestration.policies import amounts, constants
from orchestration.policies.fields import SETTABLE, FieldSpec, catalog
from orders.models import EventDefinition, Hold
from orders.services.tags import TAG_LENGTH

ARITHMETIC = ("multiply", "add", "round")
MOST_ACTIONS = 50
MOST_NUMBER = 10**12  # leaves room for the digits of a multiplication in 64 bits
MOST_ADDED = 10**9  # minor units
RANGES = {("order", "priority"): (0, 100)}


def range_of(entity: str, spec: FieldSpec) -> tuple[int, int]:
    """What a number that rules write is kept within: as declared, or as the column takes it."""
    if found := RANGES.get((entity, spec.name)):
        return found
    low, high = connection.ops.integer_field_range(spec.field.get_internal_type())
    return max(low, -MOST_NUMBER), min(high, MOST_NUMBER)


def ready(entity: str, action: Any, path: str) -> dict[str, Any]:
    """The action with what running it needs; raises BadRule with the path of the fault."""
    if not isinstance(action, Mapping):
        raise BadRule(path, "must be an object such as {“set”: …, “value”: …}")
    for kind, check in (("set", _set), ("tag", _tag), ("hold", _hold), ("raise", _raise)):
        if kind in action:
            return check(entity, action, path)
    raise BadRule(path, "must set a field, tag or hold the order, or raise an event")


def _set(entity: str, action: Mapping, path: str) -> dict[str, Any]:
    name = action["set"]
    if name not in SETTABLE[entity]:
        able = ", ".join(SETTABLE[entity]) or "nothing"
        raise BadRule(f"{path}.set", f"{name!r} cannot be set on {entity}; {able} can")
    ways = [way for way in ("value", "from", "arithmetic") if way in action]
    if len(ways) != 1:
        raise BadRule(path, "needs one of “value”, “from” and “arithmetic”")
    allowed = {"set", ways[0], "values"} | ({"by"} if ways[0] == "arithmetic" else set())
    spec = catalog(entity).get(name)
    if spec and spec.currency and ways[0] != "from" and action.get("arithmetic") != "multiply":
        allowed.add("currency")
        _in_currency(spec, action, path)
    _only(action, allowed, path)
    if name == "source":
        return _source(action, path)
    if name == "source_list":
        return _source_list(action, path)
    return {"value": _constant, "from": _copied, "arithmetic": _counted}[ways[0]](entity, spec, action, path)


def _in_currency(spec: FieldSpec, action: Mapping, path: str) -> None:
    if "currency" not in action:
        return
    if (code := action["currency"]) not in CURRENCIES:
        raise BadRule(f"{path}.currency", f"{code!r} is no currency that is known here")
    way = "by" if "arithmetic" in action else "value"
    if sentence := amounts.fault(spec.name, action.get(way), code):
        raise BadRule(f"{path}.{way}", sentence)


def _source(action: Mapping, path: str) -> dict[str, Any]:
    code = action.get("value")
    if "value" not in action:
        raise BadRule(path, "a fulfillment source is set by its code")
    pk = FulfillmentSource.objects.filter(code=str(code)).values_list("pk", flat=True).first()
    if pk is None:
        raise BadRule(f"{path}.value", f"there is no fulfillment source {code!r}")
    return {**action, "values": {"source_id": pk, "source_is_assigned": True}}


def _source_list(action: Mapping, path: str) -> dict[str, Any]:
    """The line is sourced from members of the list only; an empty text lets it go anywhere again."""
    if "value" not in action:
        raise BadRule(path, "a source list is set by its key")
    key = str(action["value"])
    if key:
        members = SourceList.objects.filter(key=key).values_list("sources", flat=True)
        if not members:
            raise BadRule(f"{path}.value", f"there is no source list {key!r}")
        if not any(members):
            raise BadRule(f"{path}.value", f"the source list {key!r} has no sources")
    return {**action, "values": {"source_list": key}}


def _constant(entity: str, spec: FieldSpec, action: Mapping, path: str) -> dict[str, Any]:
    value, where = action["value"], f"{path}.value"
    if spec.type == "date" and isinstance(value, Mapping):
        return {**action, "minutes": constants.duration(spec, value, where)}
    checked = constants.constant(spec, value, where)
    if spec.type == "number":
        low, high = range_of(entity, spec)
        if isinstance(value, str) or not low <= checked <= high:
            raise BadRule(where, f"must be a whole number from {low} to {high}")
    if spec.type == "text" and len(checked) > spec.field.max_length:
        raise BadRule(where, f"must be a text of at most {spec.field.max_length} characters")
    if spec.type == "date":
        return {**action, "values": {spec.name: constants.moments(checked)[0].isoformat()}}
    return {**action, "values": {spec.name: checked}}


def _copied(entity: str, spec: FieldSpec, action: Mapping, path: str) -> dict[str, Any]:
    other = catalog(entity).get(action["from"]) if isinstance(action["from"], str) else None
    if other is None or other.type != spec.type:
        raise BadRule(f"{path}.from", f"must be a {spec.type} field of {entity}")
    if spec.type == "date" and constants.whole_days(spec) != constants.whole_days(other):
        raise BadRule(f"{path}.from", f"one of {spec.name} and {other.name} is a day without a time")
    if spec.name == other.name:
        raise BadRule(f"{path}.from", "is the field itself")
    return dict(action)


def _counted(entity: str, spec: FieldSpec, action: Mapping, path: str) -> dict[str, Any]:
    how = action["arithmetic"]
    if how not in ARITHMETIC:
        raise BadRule(f"{path}.arithmetic", f"must be one of {', '.join(ARITHMETIC)}")
    if spec.type != "number":
        raise BadRule(f"{path}.set", f"{spec.name} is a {spec.type}, a number is needed")
    by = Decimal(constants.number(action.get("by"), f"{path}.by"))
    if how == "multiply" and not (0 <= by <= 1000 and by.as_tuple().exponent >= -4):
        raise BadRule(f"{path}.by", "must be from 0 to 1,000 with at most four digits after the point")
    if how != "multiply" and by != by.to_integral_value():
        raise BadRule(f"{path}.by", "must be a whole number")
    most = MOST_ADDED if "currency" in action else 1000
    if (how == "add" and abs(by) > most) or (how == "round" and not 1 <= by <= most):
        told = amounts.words(spec.name, most, action["currency"]) if "currency" in action else "1,000"
        kind = "an amount" if "currency" in action else "a whole number"
        raise BadRule(f"{path}.by", f"must be {kind} within {told}" + (", above 0" if how == "round" else ""))
    return dict(action)


def _tag(entity: str, action: Mapping, path: str) -> dict[str, Any]:
    _only(action, {"tag", "name"}, path)
    if action["tag"] not in ("add", "remove"):
        raise BadRule(f"{path}.tag", "must be add or remove")
    name = action.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= TAG_LENGTH or "\0" in name:
        raise BadRule(f"{path}.name", f"must be a text of 1 to {TAG_LENGTH} characters")
    return {**action, "name": name.strip()}


def _hold(entity: str, action: Mapping, path: str) -> dict[str, Any]:
    _only(action, {"hold", "reason"}, path)
    if action["hold"] not in Hold.Type.values:
        raise BadRule(f"{path}.hold", f"must be one of {', '.join(Hold.Type.values)}")
    reason = action.get("reason", "")
    if not isinstance(reason, str) or len(reason) > 200 or "\0" in reason:
        raise BadRule(f"{path}.reason", "must be a text of at most 200 characters")
    return dict(action)


def _raise(entity: str, action: Mapping, path: str) -> dict[str, Any]:
    _only(action, {"raise"}, path)
    kind = EventDefinition.objects.filter(key=str(action["raise"])).values_list("entity", flat=True).first()
    if kind is None:
        raise BadRule(f"{path}.raise", f"there is no business event {action['raise']!r}")
    if kind not in (entity, "order"):
        raise BadRule(
            f"{path}.raise", f"{action['raise']} is about {kind} records; this policy is about {entity}"
        )
    if (kind, action["raise"]) in FORBIDDEN:
        raise BadRule(
            f"{path}.raise", f"{action['raise']} begins flows; a rule that raises it could do so for ever"
        )
    return {**action, "about": kind}


FORBIDDEN = {("order", "order.new"), ("order", "order.orchestrate")}


def _only(action: Mapping, allowed: set[str], path: str) -> None:
    if strange := sorted(set(map(str, action)) - allowed):
        raise BadRule(
            f"{path}.{strange[0]}", f"is not known here; allowed: {', '.join(sorted(allowed - {'values'}))}"
        )
