"""One-time tokens of forms: a double click or a sent-again form never acts twice."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone

from iom.lib import bulk
from iom.lib.pages import next_url

FIELD = "once"
_COLUMNS = ("client", "key", "request_hash", "body", "created_at", "lease_until")


def new_token() -> str:
    return uuid4().hex


def take(client: str, token: str) -> bool:
    """True for the first who comes with this token. Call it in the transaction of what the form does."""
    now = timezone.now()
    row = (client[:40], token[:255], "", "", now, now + timedelta(days=1))
    model = apps.get_model(settings.IOM["IDEMPOTENT_REQUESTS"])
    return bool(bulk.insert(model, _COLUMNS, [row], returning=("pk",), skip_conflicts=True))


def act_once(*errors: type[Exception]) -> Callable:
    """For POST views that act: one transaction with the token, then back to `next`. A repeat changes nothing and says so.

    One of `errors` takes back what was done, the token too, and its sentence is shown.
    """

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            try:
                with transaction.atomic():
                    _act(view, request, *args, **kwargs)
            except errors as error:
                messages.error(request, str(error))
            return HttpResponseRedirect(next_url(request))

        return guarded

    return decorate


def _act(view: Callable, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
    if take(f"form:{request.user.pk}", request.POST.get(FIELD) or new_token()):
        view(request, *args, **kwargs)
    else:
        messages.info(request, "This form was sent before; nothing was done a second time.")
