"""Pages of our own inside the admin's frame: who may see them, and what every one of them gets."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

NAMED = 8  # records that a message names


def page(*permissions: str) -> Callable:
    """A page for staff who have all of these permissions; who lacks one is told which."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = request.user
            if not (user.is_active and user.is_staff):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            if missing := [name for name in permissions if not user.has_perm(name)]:
                return show(
                    request, "iom/refused.html", {"missing": missing, "title": "Not allowed"}, status=403
                )
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """The template in the frame of the admin site: menu, branding, messages."""
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)


def rows_url(model: str, **filters: Any) -> str:
    """The list behind a number, such as `rows_url("orders.order", state__exact="new")`; empty without such a list."""
    try:
        address = reverse(f"admin:{model.replace('.', '_')}_changelist")
    except NoReverseMatch:
        return ""
    return f"{address}?{urlencode(filters)}" if filters else address


def record_url(model: str, pk: int) -> str:
    try:
        return reverse(f"admin:{model.replace('.', '_')}_change", args=[pk])
    except NoReverseMatch:
        return ""


def next_url(request: HttpRequest, default: str = "/") -> str:
    """Where the form wants to go after it, if that is on this site."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else default


def tell(request: HttpRequest, outcome: Any, *, done: str, number: Callable[[int], str]) -> None:
    """Say what a service changed and what it refused, each refusal once with the records it stands for."""
    if outcome.changed:
        messages.success(request, f"{_named(outcome.changed, number)} {done}.")
    reasons: dict[str, list[int]] = {}
    for pk, sentence in outcome.refused.items():
        reasons.setdefault(sentence, []).append(pk)
    for sentence, ids in reasons.items():
        messages.warning(request, f"{_named(ids, number)}: {sentence}")
    if not outcome.changed and not outcome.refused:
        messages.info(request, "Nothing to do: it is so already.")


def _named(ids: Collection[int], number: Callable[[int], str]) -> str:
    shown = ", ".join(number(pk) for pk in list(ids)[:NAMED])
    return shown if len(ids) <= NAMED else f"{shown} and {len(ids) - NAMED} more"
