"""Short words for drawings and policies in tests."""

from orchestration.models import StepResult
from orders.services.events import record
from orders.types import Raised


def action(key, action="custom", **more):
    return {"kind": "action", "key": key, "name": key, "action": action, **more}


def wait(key, event, level="order", **more):
    return action(key, "wait", input_events=[event], **{"parameters": {"level": level}, **more})


def branch(key, *steps, filters=(), otherwise=False):
    return {"key": key, "name": key, "filters": list(filters), "otherwise": otherwise, "steps": list(steps)}


def splitter(key, *branches, level="order", merge=True):
    kind = "splitter_merge" if merge else "splitter"
    return {"kind": kind, "key": key, "name": key, "level": level, "branches": list(branches)}


def condition(key, yes=(), no=(), merge=True):
    kind = "condition_merge" if merge else "condition"
    return {"kind": kind, "key": key, "name": key, "yes": list(yes), "no": list(no)}


def rule(key, field, op, value, entity="order", type="execution", criticality="critical"):
    return {
        "key": key, "name": key, "type": type, "entity": entity, "criticality": criticality, "combine": "all",
        "otherwise": "fail" if type == "filter" else "pass",
        "rules": [{"name": f"{field} {op}", "condition": {"field": field, "op": op, "value": value}, "actions": []}],
    }  # fmt: skip


def path(order):
    return list(StepResult.objects.filter(order=order).order_by("pk").values_list("step", "result"))


def steps_done(order):
    found = StepResult.objects.filter(order=order, result__in=("success", "skipped")).order_by("pk")
    return list(found.values_list("step", flat=True))


def raise_event(order, kind):
    record([Raised(kind, "order", order.pk, order.pk)], actor="test")
