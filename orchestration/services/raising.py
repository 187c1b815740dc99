"""Who raises a business event and who listens to it: steps, policies, services; and what nobody raises."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestration.models import Flow, PolicyVersion
from orders.definitions import EVENTS
from providers.models import ProviderConnection
from providers.registry import provider_of

# shipped events that steps of a flow raise and nothing else does
ONLY_BY_STEPS = frozenset({
    "order.validated", "order.validation_failed", "order.lines_validated", "order.lines_validation_failed", "order.sourced",
    "order.not_sourced", "order.source_assigned", "order.reserved", "order.not_reserved", "order_line.validated",
    "order_line.validation_failed", "order_line.sourced", "order_line.not_sourced", "order_line.reserved", "order_line.not_reserved",
    "order_line.backordered", "order.split", "order_line.split",
})  # fmt: skip


def raisers() -> dict[str, list[str]]:
    """Event -> who raises it now: steps of published flows, rules of published policies, and the product itself."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in EVENTS:
        if event not in ONLY_BY_STEPS:
            found[event].append("the product: people, channels, sources and providers")
    for flow, step in published_steps():
        for event in raised_by(step):
            found[event].append(f"{flow.name}: {step['name']}")
    newest: dict[int, PolicyVersion] = {}
    for version in PolicyVersion.objects.filter(policy__status="published").order_by("number"):
        newest[version.policy_id] = version
    for version in newest.values():
        for event in raised_by_rules([version.definition]):
            found[event].append(f"policy {version.definition['name']}")
    return found


def listeners() -> dict[str, list[str]]:
    """Event -> the published flows that begin with it and the steps that wait for it."""
    found: dict[str, list[str]] = defaultdict(list)
    for flow in _published():
        for event in flow.live_version.compiled["entry"]["events"]:
            found[event].append(f"{flow.name} begins")
    for flow, step in published_steps():
        for event in heard_by(step):
            found[event].append(f"{flow.name}: {step['name']}")
    return found


def published_steps() -> Iterator[tuple[Flow, dict]]:
    for flow in _published():
        for step in sorted(flow.live_version.compiled["steps"].values(), key=lambda step: step["index"]):
            if step["kind"] == "action":
                yield flow, step


def raised_by(step: Mapping[str, Any]) -> list[str]:
    from orchestration.actions import ACTIONS

    action = ACTIONS.get(step.get("action"))
    deadline = (step.get("deadline") or {}).get("event")
    return [*(action.output_events(step) if action else []), *([deadline] if deadline else [])]


def raised_by_rules(policies: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        action["raise"]
        for policy in policies
        for rule in policy["rules"]
        for action in rule.get("actions") or []
        if "raise" in action
    }


def heard_by(step: Mapping[str, Any]) -> list[str]:
    failing = (step.get("parameters") or {}).get("failure_events") or []
    resume = step.get("resume_on_error")
    return [*(step.get("input_events") or []), *failing, *([resume] if resume else [])]


def silent_events(steps: Mapping[str, dict], policies: Mapping[str, dict]) -> Iterator[tuple[str, str]]:
    """Steps that wait for an event which neither this flow nor anything that is published raises."""
    waiting = [
        (step["key"], event)
        for step in steps.values()
        if step["kind"] == "action"
        for event in heard_by(step)
    ]
    if not waiting:
        return
    known = set(raisers()) | raised_by_rules(policies.values())
    known |= {event for step in steps.values() if step["kind"] == "action" for event in raised_by(step)}
    for key, event in waiting:
        if event not in known:
            yield key, f"waits for {event}, which nobody raises"


def idle_providers(steps: Mapping[str, dict]) -> Iterator[tuple[str, str]]:
    """Steps whose provider has no active connection: their records would wait."""
    asked = [(step["key"], step["provider_action"]) for step in steps.values() if step.get("provider_action")]
    if not asked:
        return
    active = set(ProviderConnection.objects.filter(status="active").values_list("provider", flat=True))
    for key, action in asked:
        provider = provider_of(action)
        if provider.key not in active:
            yield key, f"uses {provider.label}, which has no active connection"


def _published() -> Iterable[Flow]:
    return Flow.objects.filter(status__in=("published", "paused"), live_version__isnull=False).select_related(
        "live_version"
    )
