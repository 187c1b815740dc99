"""Bulk actions: ask first when something must be chosen, call one service, say what changed and what refused and why."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.text import capfirst

SELECTION_LIMIT = 1_000
NAMED = 10  # records that a message names; more would be a wall


class Outcome(Protocol):
    changed: Sequence[int]
    refused: Mapping[int, str]


def selected_ids(admin: ModelAdmin, request: HttpRequest, queryset: QuerySet) -> list[int]:
    """Primary keys of the selection; empty, with a message, when there are more than one call should change."""
    ids = list(queryset.order_by().values_list("pk", flat=True)[: SELECTION_LIMIT + 1])
    if len(ids) <= SELECTION_LIMIT:
        return ids
    text = f"Nothing was changed: select at most {SELECTION_LIMIT:,} at a time, or narrow the filters."
    admin.message_user(request, text, messages.ERROR)
    return []


def ask(
    admin: ModelAdmin, request: HttpRequest, queryset: QuerySet, *, action: str, title: str, form: Form
) -> TemplateResponse | None:
    """The page between: what will happen to how many, and the form; it posts `confirm` to the same action."""
    ids = selected_ids(admin, request, queryset)
    if not ids:
        return None
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "opts": admin.model._meta,
        "form": form,
        "action": action,
        "checkbox": ACTION_CHECKBOX_NAME,
        "ids": ids,
        "named": list(admin.model._default_manager.filter(pk__in=ids[:NAMED])),
        "more": max(0, len(ids) - NAMED),
    }
    return TemplateResponse(request, "admin/iom/ask.html", context)


def report(
    admin: ModelAdmin,
    request: HttpRequest,
    outcome: Outcome,
    *,
    done: str,
    number: Callable[[int], str] = str,
) -> None:
    """Tell the user what an action did: `done` is the participle ("held"); refusals are grouped by their sentence."""
    for level, text in outcome_messages(outcome, done=done, noun=admin.opts, number=number):
        admin.message_user(request, text, level)


def outcome_messages(outcome: Outcome, *, done: str, noun, number: Callable[[int], str] = str) -> list[tuple]:
    """(level, sentence) for what changed, what refused and why; `noun` has verbose_name and verbose_name_plural."""
    told = []
    if outcome.changed:
        told.append((messages.SUCCESS, f"{_counted(len(outcome.changed), noun)} {done}."))
    for reason, ids in _by_reason(outcome.refused).items():
        names = ", ".join(number(pk) for pk in ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
        sentence = f"{_counted(len(ids), noun)} not {done} ({names}): {reason.rstrip('.')}."
        told.append((messages.WARNING if outcome.changed else messages.ERROR, sentence))
    return told or [(messages.INFO, f"Nothing to do: every selected {noun.verbose_name} is {done} already.")]


def _by_reason(refused: Mapping[int, str]) -> dict[str, list[int]]:
    grouped = defaultdict(list)
    for pk, reason in sorted(refused.items()):
        grouped[reason].append(pk)
    return grouped


def _counted(count: int, noun) -> str:
    return capfirst(f"{count:,} {noun.verbose_name if count == 1 else noun.verbose_name_plural}")
