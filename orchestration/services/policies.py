"""Drafts of policies: keep, check, use, import and export. A draft may be half filled in; publishing checks it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from orchestration.errors import BadRule, NotPublishable, WrongFlowStatus
from orchestration.models import Flow, Policy, Rule, ValueList
from orchestration.policies import actions
from orchestration.policies.compile import compile_tree
from orchestration.policies.lists import named, resolve_all
from orchestration.services.findings import policy_findings

HEAD = ("name", "type", "entity", "criticality", "combine", "otherwise")
MOST_RULES = 100
SCHEMA = 1


def draft_of(policy: Policy) -> dict[str, Any]:
    rules = [{"name": r.name, "condition": r.condition, "actions": r.actions} for r in policy.rules.all()]
    return {"key": policy.key, **{name: getattr(policy, name) for name in HEAD}, "rules": rules}


def stamp_of(policy: Policy) -> str:
    return policy.updated_at.isoformat()


@transaction.atomic
def create_policy(*, name: str, type: str, entity: str) -> Policy:
    """An unpublished policy with one empty rule; its key comes from the name. Raises NotPublishable for a bad head."""
    _check_head({"name": name, "type": type, "entity": entity})
    base, key, n = slugify(name)[:50] or "policy", "", 1
    while not key or Policy.objects.filter(key=key).exists():
        key, n = (base if n == 1 else f"{base}-{n}"), n + 1
    otherwise = Policy.Otherwise.FAIL if type == Policy.Type.FILTER else Policy.Otherwise.PASS
    policy = Policy.objects.create(key=key, name=name.strip(), type=type, entity=entity, otherwise=otherwise)
    Rule.objects.create(policy=policy, position=1, name="Rule 1")
    return policy


@transaction.atomic
def save_policy(
    policy_id: int, *, stamp: str, head: Mapping[str, str], rules: Sequence[Mapping[str, Any]]
) -> Policy:
    """Keep a draft. Raises WrongFlowStatus when somebody else saved in between, NotPublishable for a bad head."""
    policy = Policy.objects.select_for_update().get(pk=policy_id)
    if stamp_of(policy) != stamp:
        raise WrongFlowStatus(f"{policy.name} was changed by somebody else meanwhile; look again.")
    _check_head(head)
    if len(rules) > MOST_RULES:
        raise NotPublishable([("rules", f"{MOST_RULES} rules are the most")])
    for name in HEAD:
        setattr(policy, name, head.get(name, getattr(policy, name)))
    policy.save()
    policy.rules.all().delete()
    Rule.objects.bulk_create(
        Rule(
            policy=policy,
            position=n,
            name=rule["name"][:120] or f"Rule {n}",
            condition=rule["condition"],
            actions=rule["actions"],
        )
        for n, rule in enumerate(rules, start=1)
    )
    return policy


def problems_of(draft: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What keeps the draft from being published, and, when nothing does, what a person should know."""
    problems = [] if draft["rules"] else [("rules", "there is no rule")]
    trees = resolve_all(rule["condition"] for rule in draft["rules"])
    for rule, tree in zip(draft["rules"], trees, strict=True):
        try:
            compile_tree(draft["entity"], tree)
            if rule["actions"] and draft["type"] == Policy.Type.FILTER:
                raise BadRule("actions", "a filter policy only asks; it does nothing")
            for n, action in enumerate(rule["actions"]):
                actions.ready(draft["entity"], action, f"actions[{n}]")
        except BadRule as fault:
            problems.append((f"{rule['name']}: {fault.path}", fault.sentence))
    if problems:
        return problems, []
    rules = [{**rule, "condition": tree} for rule, tree in zip(draft["rules"], trees, strict=True)]
    return [], policy_findings({**draft, "rules": rules})


def used_in() -> dict[str, list[Flow]]:
    """Policy key -> flows whose draft or live version names it; one query."""
    found: dict[str, list[Flow]] = {}
    for flow in Flow.objects.select_related("live_version"):
        drawings = [flow.draft, flow.live_version.definition if flow.live_version else {}]
        for key in {key for drawing in drawings for key in _policy_keys(drawing)}:
            found.setdefault(key, []).append(flow)
    return found


def export_policy(policy: Policy) -> dict[str, Any]:
    """The draft with the lists that it names, as `import_policy` takes it."""
    draft = draft_of(policy)
    keys = {key for rule in draft["rules"] for key in named(rule["condition"])}
    lists = ValueList.objects.filter(key__in=keys).order_by("key").values("key", "name", "values")
    return {"schema": SCHEMA, "policy": draft, "lists": list(lists)}


@transaction.atomic
def import_policy(text: str | bytes) -> Policy:
    """A draft from a document: a new policy, or the draft of the one with its key. Lists that are there stay.

    Raises NotPublishable with every problem; then nothing changed.
    """
    document = _document(text)
    draft = document["policy"]
    for row in document.get("lists", []):
        ValueList.objects.get_or_create(
            key=row["key"], defaults={"name": row["name"], "values": row["values"]}
        )
    problems, _ = problems_of(draft)
    if problems:
        raise NotPublishable(problems)
    policy, _ = Policy.objects.update_or_create(
        key=draft["key"], defaults={name: draft[name] for name in HEAD}
    )
    return save_policy(policy.pk, stamp=stamp_of(policy), head=draft, rules=draft["rules"])


def _document(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
        draft = document["policy"]
        sound = (
            document["schema"] == SCHEMA
            and slugify(draft["key"]) == draft["key"] != ""
            and all(
                isinstance(rule["name"], str) and isinstance(rule["actions"], list) for rule in draft["rules"]
            )
            and all(isinstance(rule["condition"], dict) for rule in draft["rules"])
            and all(
                isinstance(row["values"], list) and isinstance(row["key"], str)
                for row in document.get("lists", [])
            )
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise NotPublishable([("file", "is no policy that was exported here")])
    _check_head(draft)
    return document


def _check_head(head: Mapping[str, str]) -> None:
    problems = [] if str(head.get("name", "")).strip() else [("name", "a policy needs a name")]
    for name in HEAD[1:]:
        known = [value for value, _ in Policy._meta.get_field(name).choices]
        if name in head and head[name] not in known:
            problems.append((name, f"must be one of {', '.join(known)}"))
    if problems:
        raise NotPublishable(problems)


def _policy_keys(drawing: Any) -> set[str]:
    if isinstance(drawing, Mapping):
        mine = {
            str(key)
            for word in ("filters", "policies")
            for key in drawing.get(word) or []
            if isinstance(key, str)
        }
        return mine.union(*(_policy_keys(part) for part in drawing.values()))
    return set().union(*(_policy_keys(part) for part in drawing)) if isinstance(drawing, list) else set()
