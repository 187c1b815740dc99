"""Pages of policies: the list, the builder as one form whose buttons all save, versions, trial."""

import time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from iom.lib.admin.base import actor_of
from iom.lib.pages import page, show
from orchestration.entities import policy_entities
from orchestration.errors import BadRule, NotPublishable, OrchestrationError
from orchestration.models import Policy, ValueList
from orchestration.pages import rule_forms
from orchestration.policies.amounts import label
from orchestration.policies.evaluate import evaluate
from orchestration.policies.explain import explain
from orchestration.policies.fields import FIELDS, MODELS, ORDER_OF, RELATIONS, SETTABLE
from orchestration.policies.lists import resolve_all
from orchestration.policies.words import difference_words, policy_words, rule_words
from orchestration.services import policies as drafts
from orchestration.services.publishing import publish_policy, unpublish_policy
from orders.models import EventDefinition, Hold
from orders.numbers import number_of, order_id_of

TRIED = 1000
EXPLAINED = 20
LARGEST_FILE = 2_000_000
RULE_VERBS = (("up", "Up"), ("down", "Down"), ("duplicate", "Duplicate"), ("remove", "Remove"))
VERBS = (*RULE_VERBS[:3], ("wrap", "Group"), ("unwrap", "Ungroup"), RULE_VERBS[3])


@page("orchestration.view_policy")
def policies(request: HttpRequest) -> HttpResponse:
    used = drafts.used_in()
    rows = list(Policy.objects.prefetch_related("versions", "rules"))
    for policy in rows:
        policy.flows = used.get(policy.key, [])
        policy.newest = max((v.number for v in policy.versions.all()), default=None)
        policy.sentences = [
            rule_words({"condition": r.condition, "actions": r.actions}, policy.entity)
            for r in policy.rules.all()
        ]
    context = {
        "title": "Policies", "policies": rows, "types": Policy.Type.choices, "entities": policy_entities(),
        "may_add": request.user.has_perm("orchestration.add_policy"),
    }  # fmt: skip
    return show(request, "orchestration/policies.html", context)


@require_POST
@page("orchestration.add_policy")
def new_policy(request: HttpRequest) -> HttpResponse:
    try:
        if upload := request.FILES.get("file"):
            policy = drafts.import_policy(upload.read(LARGEST_FILE))
        else:
            policy = drafts.create_policy(
                **{name: request.POST.get(name, "") for name in ("name", "type", "entity")}
            )
    except NotPublishable as error:
        _tell(request, error)
        return redirect("policies")
    return redirect("policy-builder", policy.pk)


@page("orchestration.view_policy")
def policy_builder(request: HttpRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.prefetch_related("rules", "versions"), pk=pk)
    draft = drafts.draft_of(policy)
    problems, warnings = drafts.problems_of(draft)
    context = {
        "title": policy.name, "policy": policy, "stamp": drafts.stamp_of(policy), "sentences": policy_words(draft),
        "rules": rule_forms.shown(rule_forms.rules_of(draft), policy.entity), "problems": problems, "warnings": warnings,
        "flows": drafts.used_in().get(policy.key, []), "versions": _versions(policy, draft), **_offers(policy.entity),
        "may_change": request.user.has_perm("orchestration.change_policy"),
        "may_publish": request.user.has_perm("orchestration.publish_flow"), **_trial(request, policy, draft, problems),
    }  # fmt: skip
    return show(request, "orchestration/policy.html", context)


@require_POST
@page("orchestration.change_policy")
def policy_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what the form says, then do what the button says. Every button of the builder comes here."""
    policy = get_object_or_404(Policy.objects.prefetch_related("rules"), pk=pk)
    do = request.POST.get("do", "save")
    head = {name: request.POST.get(name, getattr(policy, name)) for name in drafts.HEAD if name != "entity"}
    rules = rule_forms.read(drafts.draft_of(policy), request.POST)
    rules = rule_forms.pressed(rules, do, request.POST.getlist("pick"), policy.entity)
    head["entity"] = policy.entity
    try:
        drafts.save_policy(
            pk, stamp=request.POST.get("stamp", ""), head=head, rules=rule_forms.stored(rules, policy.entity)
        )
    except OrchestrationError as error:
        _tell(request, error)
    place = do.partition(" ")[2].split(".")[0]
    return redirect(
        f"/policies/{pk}/" + (f"#{place}" if place[:1] in ("r", "a") and place[1:].isdecimal() else "")
    )


@require_POST
@page("orchestration.publish_flow")
def policy_publish(request: HttpRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy, pk=pk)
    try:
        if request.POST.get("act") == "unpublish":
            unpublish_policy(pk, actor=actor_of(request))
            messages.success(request, f"{policy.name} is unpublished; flows that run keep their copy.")
        else:
            version = publish_policy(pk, actor=actor_of(request))
            messages.success(request, f"{policy.name} is published as version {version.number}.")
    except NotPublishable as error:
        _tell(request, error)
    return redirect("policy-builder", pk)


@page("orchestration.view_policy")
def policy_export(request: HttpRequest, pk: int) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.prefetch_related("rules"), pk=pk)
    found = JsonResponse(drafts.export_policy(policy), json_dumps_params={"indent": 2, "ensure_ascii": False})
    found["Content-Disposition"] = f'attachment; filename="{policy.key}.json"'
    return found


def _versions(policy: Policy, draft: dict[str, Any]) -> list[dict[str, Any]]:
    """Newest first, each with what became of the one before; the draft first of all where it differs."""
    found = sorted(policy.versions.all(), key=lambda version: -version.number)
    rows = [
        {
            "version": one,
            "words": difference_words(before.definition, one.definition)
            if before
            else ["The first version."],
        }
        for one, before in zip(found, [*found[1:], None], strict=False)
    ]
    if found and (words := difference_words(found[0].definition, draft)) != ["Nothing changed."]:
        rows.insert(0, {"version": None, "words": words})
    return rows


def _offers(entity: str) -> dict[str, Any]:
    """What the lists of the form offer, by entity."""
    entities = {entity, *(other for other, _ in RELATIONS[entity].values())}
    return {
        "field_lists": {name: [label(field) for field in FIELDS[name].split()] for name in entities},
        "settable": [(name, label(name)) for name in SETTABLE[entity]], "doings": rule_forms.DOINGS.items(),
        "head_choices": [
            (name, Policy._meta.get_field(name).verbose_name, Policy._meta.get_field(name).choices)
            for name in ("type", "criticality", "combine", "otherwise")
        ],
        "verbs": VERBS, "rule_verbs": RULE_VERBS, "value_lists": ValueList.objects.values_list("key", flat=True), "holds": Hold.Type.choices,
        "events": EventDefinition.objects.filter(entity__in=(entity, "order")).values_list("key", flat=True),
        "figures": ("any", "all", "none", "count", "sum"), "words": (("all", "all of"), ("any", "any of"), ("not_all", "not all of"), ("not_any", "none of")),
    }  # fmt: skip


# -- trial -------------------------------------------------------------------------------------------------------------


def _trial(request: HttpRequest, policy: Policy, draft: dict[str, Any], problems: list) -> dict[str, Any]:
    """On chosen orders part by part, on the newest thousand by count and time. Nothing is changed."""
    wanted, lately = request.GET.get("orders", ""), request.GET.get("try") == "lately"
    if problems or not (wanted or lately):
        return {"tried": wanted}
    try:
        return {"tried": wanted, **(_lately(draft) if lately else _chosen(draft, wanted))}
    except BadRule as fault:
        return {"tried": wanted, "trial_fault": str(fault)}


def _chosen(draft: dict[str, Any], wanted: str) -> dict[str, Any]:
    ids = [pk for word in wanted.replace(",", " ").split()[:EXPLAINED] if (pk := order_id_of(word))]
    model, back = MODELS[draft["entity"]], ORDER_OF[draft["entity"]]
    rows = dict(
        model._base_manager.filter(**{f"{back}__in": ids}).order_by("pk").values_list("pk", back)[:EXPLAINED]
    )
    told = explain(draft, rows)
    records = [
        {"order": number_of(rows[pk]), "order_id": rows[pk], "id": pk, "rules": told[pk]} for pk in rows
    ]
    return {"records": records, "trial_fault": "" if records else "None of these orders has such a record."}


def _lately(draft: dict[str, Any]) -> dict[str, Any]:
    trees = resolve_all(rule["condition"] for rule in draft["rules"])
    definition = {
        **draft,
        "rules": [{**rule, "condition": tree} for rule, tree in zip(draft["rules"], trees, strict=True)],
    }
    ids = list(MODELS[draft["entity"]]._base_manager.order_by("-pk").values_list("pk", flat=True)[:TRIED])
    started = time.monotonic()
    verdicts = evaluate(definition, ids)
    took = (time.monotonic() - started) * 1000
    rules = [
        (rule["name"], sum(verdict.rules[n] for verdict in verdicts.values()))
        for n, rule in enumerate(draft["rules"])
    ]
    return {
        "lately": {
            "asked": len(verdicts),
            "passed": sum(v.passed for v in verdicts.values()),
            "rules": rules,
            "ms": f"{took:.0f}",
        }
    }


def _tell(request: HttpRequest, error: OrchestrationError) -> None:
    for where, sentence in getattr(error, "problems", None) or [("", str(error))]:
        messages.error(request, f"{where}: {sentence}" if where else sentence)
