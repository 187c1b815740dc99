"""What travels with a flow in its file besides the drawing and its policies: value lists, own events, golden orders."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestration.engine.graph import walk
from orchestration.errors import NotPublishable
from orchestration.models import Flow, GoldenOrder, ValueList
from orchestration.policies.lists import named
from orders.models import EventDefinition

EVENT = ("key", "name", "entity", "description", "payload_schema")
GOLDEN = ("key", "name", "document", "stock", "choices", "expected")


def pack(flow: Flow, policies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the drawing and the exported policies name, and the golden orders; three queries."""
    policies = list(policies)
    lists = {key for policy in policies for rule in policy["rules"] for key in named(rule["condition"])}
    return {
        "lists": list(
            ValueList.objects.filter(key__in=lists).order_by("key").values("key", "name", "values")
        ),
        "events": _own_events(flow.draft, policies),
        "needs_golden": flow.needs_golden,
        "golden_orders": [
            {name: getattr(golden, name) for name in GOLDEN} for golden in flow.golden_orders.all()
        ],
    }


def unpack(document: Mapping[str, Any]) -> None:
    """Make the lists and events that are not here yet. What is here under the same key stays as it is."""
    for row in document.get("lists", []):
        ValueList.objects.get_or_create(
            key=row["key"], defaults={"name": row["name"], "values": row["values"]}
        )
    for row in document.get("events", []):
        EventDefinition.objects.get_or_create(
            key=row["key"], defaults={name: row[name] for name in EVENT[1:] if name in row}
        )


def unpack_golden(flow: Flow, rows: Sequence[Mapping[str, Any]], *, by: str) -> None:
    """The golden orders of the file are those of the flow from now on. Raises NotPublishable for a key that comes twice."""
    twice = [key for key, count in Counter(row["key"] for row in rows).items() if count > 1]
    if twice:
        raise NotPublishable([("golden_orders", f"the key {key} is used twice") for key in twice])
    flow.golden_orders.all().delete()
    GoldenOrder.objects.bulk_create(
        GoldenOrder(flow=flow, made_by=by, **{name: row[name] for name in GOLDEN}) for row in rows
    )


def differing(document: Mapping[str, Any]) -> list[str]:
    """Sentences for lists of the file that have other values here: ours stay, and a person should know."""
    rows = {row["key"]: row["values"] for row in document.get("lists", [])}
    here = ValueList.objects.filter(key__in=rows)
    return [
        f"The list “{found.name}” ({found.key}) stays as it is here; the file has other values."
        for found in here
        if found.values != rows[found.key]
    ]


def _own_events(draft: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    keys = set(draft.get("entry", {}).get("events", []))
    for node in walk(draft.get("steps", [])):
        keys |= set(_named_by(node))
    keys |= {
        action["raise"]
        for policy in policies
        for rule in policy["rules"]
        for action in rule["actions"]
        if "raise" in action
    }
    return list(EventDefinition.objects.filter(key__in=keys, shipped=False).order_by("key").values(*EVENT))


def _named_by(node: Mapping[str, Any]) -> Iterable[str]:
    parameters, deadline = node.get("parameters") or {}, node.get("deadline") or {}
    one = (node.get("resume_on_error"), deadline.get("event"), parameters.get("raise_event"))
    return [*(node.get("input_events") or []), *(parameters.get("failure_events") or []), *filter(None, one)]
