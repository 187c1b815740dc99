"""Draft to published version and back: import, check, publish, stop, pause, resume. A published version never changes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from iom.lib import bell
from iom.lib.canonical import digest, dumps
from orchestration.designer.faults import StaleDraft
from orchestration.engine.graph import compile_steps, walk
from orchestration.errors import BadRule, NotPublishable, WrongFlowStatus
from orchestration.models import Flow, FlowRun, FlowVersion, Policy, PolicyVersion, Rule
from orchestration.policies import actions
from orchestration.policies.compile import compile_tree
from orchestration.policies.lists import resolve
from orchestration.services import documents, luggage
from orchestration.services.checking import flow_problems

POLICY_FIELDS = ("key", "name", "type", "entity", "criticality", "combine", "otherwise")


def publish(flow_id: int, *, actor: str, comment: str = "", revision: str = "") -> FlowVersion:
    """Freeze the draft and the published policies it names into the next version, and let orders start on it.

    Runs that are under way stay on their version. Raises NotPublishable with every problem, or StaleDraft if the draft
    is not the one of `revision`, or changed while its golden orders were tried; nothing changed then.
    """
    flow = Flow.objects.select_related("live_version").get(pk=flow_id)
    if problems := _golden_problems(flow, actor):  # before the lock: orders that start meanwhile wait for it
        raise NotPublishable(problems)
    tried = digest(flow.draft)[:16]
    if revision not in ("", tried):
        raise StaleDraft
    return _publish(flow_id, tried, actor=actor, comment=comment)


def _golden_problems(flow: Flow, actor: str) -> list[tuple[str, str]]:
    from orchestration.services import golden  # the test run that it uses needs this module

    return golden.problems(flow, by=actor)


@transaction.atomic
def _publish(flow_id: int, revision: str, *, actor: str, comment: str) -> FlowVersion:
    flow = Flow.objects.select_for_update().get(pk=flow_id)
    if digest(flow.draft)[:16] != revision:
        raise StaleDraft
    policies, problems = policies_of(flow.draft)
    problems += flow_problems(flow.draft, policies)
    if problems:
        raise NotPublishable(problems)
    newest = flow.versions.order_by("-number").values_list("number", flat=True).first() or 0
    flow.live_version = FlowVersion.objects.create(
        flow=flow,
        number=newest + 1,
        definition=flow.draft,
        compiled={
            "entry": flow.draft["entry"],
            "steps": compile_steps(flow.draft["steps"]),
            "policies": policies,
        },
        comment=comment[:300],
        published_by=actor,
    )
    flow.status = Flow.Status.PUBLISHED
    flow.save(update_fields=["live_version", "status", "updated_at"])
    return flow.live_version


def problems_of(draft: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Everything that keeps this draft from being published: (step, policy or part, sentence)."""
    policies, problems = policies_of(draft)
    return problems + flow_problems(draft, policies)


@transaction.atomic
def stop(flow_id: int, *, actor: str) -> None:
    """Unpublish: no new order starts; orders that are under way end on the version they began with."""
    _set_status(flow_id, Flow.Status.UNPUBLISHED, allowed=(Flow.Status.PUBLISHED, Flow.Status.PAUSED))


@transaction.atomic
def pause(flow_id: int, *, actor: str) -> None:
    """New orders wait at the entry and running ones before their next step, until `resume`."""
    _set_status(flow_id, Flow.Status.PAUSED, allowed=(Flow.Status.PUBLISHED,))


@transaction.atomic
def resume(flow_id: int, *, actor: str) -> None:
    _set_status(flow_id, Flow.Status.PUBLISHED, allowed=(Flow.Status.PAUSED,))
    due = FlowRun.objects.filter(flow_id=flow_id, due_at__isnull=False).exclude(state__in=FlowRun.FINAL)
    due.locked(skip=True).update(due_at=Now())  # those that are locked are at work or being woken
    bell.ring("advance")


def save_draft(flow_id: int, draft: Mapping[str, Any], *, actor: str) -> None:
    """Keep a new drawing beside the live one. Raises NotPublishable for a drawing that is not even well formed."""
    if problems := flow_problems(draft, None):
        raise NotPublishable(problems)
    Flow.objects.filter(pk=flow_id).update(draft=draft, updated_at=timezone.now())


@transaction.atomic
def publish_policy(policy_id: int, *, actor: str) -> PolicyVersion:
    """Freeze a policy's rules as its next version. Raises NotPublishable naming each fault by its path."""
    policy = Policy.objects.select_for_update().get(pk=policy_id)
    definition, problems = _frozen(policy)
    if problems:
        raise NotPublishable(problems)
    newest = policy.versions.first()
    if newest and dumps({**newest.definition, "version": 0}) == dumps({**definition, "version": 0}):
        version = newest
    else:
        number = newest.number + 1 if newest else 1
        definition["version"] = number
        version = PolicyVersion.objects.create(
            policy=policy, number=number, definition=definition, published_by=actor
        )
    Policy.objects.filter(pk=policy_id).update(status="published")
    return version


def unpublish_policy(policy_id: int, *, actor: str) -> None:
    """Flows published before keep their copy; the policy cannot be picked until it is published again."""
    Policy.objects.filter(pk=policy_id).update(status="unpublished")


@transaction.atomic
def import_flow(source: Mapping[str, Any] | str | Path, *, actor: str) -> Flow:
    """Load a flow with its policies from a document or a file; policies that travel along are published at once.

    An existing flow of that key gets a new draft, its live version stays. Raises NotPublishable, nothing changed.
    """
    document = json.loads(Path(source).read_text()) if isinstance(source, str | Path) else source
    documents.check(document)
    luggage.unpack(document)
    for policy in document.get("policies", []):
        _import_policy(policy, actor)
    head = {name: document.get(name, "") for name in ("name", "description")}
    head["needs_golden"] = document.get("needs_golden", False)
    draft = {"entry": document["entry"], "steps": document["steps"]}
    if problems := flow_problems(draft, None):
        raise NotPublishable(problems)
    flow, _ = Flow.objects.update_or_create(key=document["key"], defaults={**head, "draft": draft})
    if "golden_orders" in document:
        luggage.unpack_golden(flow, document["golden_orders"], by=actor)
    return flow


def export_flow(flow: Flow) -> dict[str, Any]:
    """The draft with all that it names, as `import_flow` takes it; a round trip is identical."""
    keys = _policy_keys(flow.draft)
    rows = Policy.objects.filter(key__in=keys).prefetch_related("rules").order_by("key")
    policies = [_exported(policy) for policy in rows]
    return {
        "schema": documents.VERSION,
        "key": flow.key,
        "name": flow.name,
        "description": flow.description,
        "entry": flow.draft.get("entry", {}),
        "steps": flow.draft.get("steps", []),
        "policies": policies,
        **luggage.pack(flow, policies),
    }


def _set_status(flow_id: int, status: str, *, allowed: tuple) -> None:
    flow = Flow.objects.select_for_update().get(pk=flow_id)
    if flow.status not in allowed:
        raise WrongFlowStatus(
            f"{flow.name} is {flow.get_status_display().lower()}; this needs {' or '.join(allowed)}."
        )
    flow.status = status
    flow.save(update_fields=["status", "updated_at"])


def _policy_keys(draft: Mapping[str, Any]) -> list[str]:
    keys = list(draft.get("entry", {}).get("filters", []))
    for node in walk(draft.get("steps", [])):
        keys += [*node.get("filters", []), *node.get("policies", [])]
        for branch in node.get("branches", []):
            keys += branch.get("filters", [])
    return list(dict.fromkeys(keys))


def policies_of(draft: Mapping[str, Any]) -> tuple[dict[str, dict], list[tuple[str, str]]]:
    """The newest published definition of each policy that the drawing names."""
    keys, found, problems = _policy_keys(draft), {}, []
    published = {
        p.key: p for p in Policy.objects.filter(key__in=keys, status="published").prefetch_related("versions")
    }
    for key in keys:
        newest = (
            max(published[key].versions.all(), key=lambda v: v.number, default=None)
            if key in published
            else None
        )
        if newest is None:
            problems.append((key, "this policy is not published"))
        else:
            found[key] = newest.definition
    return found, problems


def _exported(policy: Policy) -> dict[str, Any]:
    rules = [
        {"name": rule.name, "condition": rule.condition, "actions": rule.actions}
        for rule in policy.rules.all()
    ]
    return {**{name: getattr(policy, name) for name in POLICY_FIELDS}, "rules": rules}


def _import_policy(document: Mapping[str, Any], actor: str) -> None:
    head = {name: document[name] for name in POLICY_FIELDS if name != "key" and name in document}
    policy, _ = Policy.objects.update_or_create(key=document["key"], defaults=head)
    policy.rules.all().delete()
    Rule.objects.bulk_create(
        Rule(
            policy=policy,
            position=n,
            name=rule["name"],
            condition=rule.get("condition", {}),
            actions=rule.get("actions", []),
        )
        for n, rule in enumerate(document.get("rules", []), start=1)
    )
    publish_policy(policy.pk, actor=actor)


def _frozen(policy: Policy) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The definition with everything resolved that need not be looked up again for each order."""
    definition, problems = {**_exported(policy), "id": policy.pk, "version": 0}, []
    if not definition["rules"]:
        problems.append((policy.key, "has no rule"))
    for position, rule in enumerate(definition["rules"]):
        path = f"{policy.key}.rules[{position}]"
        rule["condition"] = resolve(rule["condition"])
        try:
            compile_tree(policy.entity, rule["condition"], f"{path}.condition")
            rule["actions"] = [
                _ready(policy, action, f"{path}.actions[{n}]") for n, action in enumerate(rule["actions"])
            ]
        except BadRule as fault:
            problems.append((fault.path, fault.sentence))
    return definition, problems


def _ready(policy: Policy, action: Mapping[str, Any], path: str) -> dict[str, Any]:
    if policy.type != Policy.Type.EXECUTION:
        raise BadRule(path, "a filter policy only asks; it does nothing")
    return actions.ready(policy.entity, action, path)
