"""`Idempotency-Key`: the same request again gets the same answer and has no second effect.

The key is claimed by a unique insert that commits at once, so others see it running. The effect and its answer are
written in one transaction: whoever dies in between leaves neither, and the lease lets the next attempt run. A slow
first attempt whose lease was taken over finds its claim gone and rolls its effect back.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from iom.lib import bulk
from iom.lib.api.clients import client_of
from iom.lib.api.errors import Problem
from iom.lib.api.problems import CONTENT_TYPE
from iom.lib.api.renderers import dumps

LEASE = timedelta(seconds=60)
KEPT = timedelta(days=3)
USABLE_KEY = re.compile(r"[\x21-\x7e]{1,255}")
FIELDS = ("client", "key", "request_hash", "body", "created_at", "lease_until")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a request until `lease_until`; which also tells one attempt from the next."""

    pk: int
    lease_until: Any


def idempotent(handler: Callable) -> Callable:
    """For handlers of APIView that write; without the header they run as they are."""

    @wraps(handler)
    def wrapped(view, request: Request, *args: Any, **kwargs: Any):
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        found = claim(client_of(request), key, fingerprint(request))
        if isinstance(found, HttpResponse):
            return found
        return _run(view, request, found, lambda: handler(view, request, *args, **kwargs))

    return wrapped


def fingerprint(request: Request) -> str:
    """What makes it the same request: method, address and the bytes of the body."""
    request.data  # noqa: B018 - parsing leaves the bytes on the request, and refuses what is not readable
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + getattr(request._request, "raw_json", b"")).hexdigest()


def claim(client: str, key: str, request_hash: str) -> Claim | HttpResponse:
    """The right to run, or the stored answer; raises Problem when another runs it or the body differs."""
    if not USABLE_KEY.fullmatch(key):
        raise Problem("bad_idempotency_key", "Idempotency-Key must be 1 to 255 visible ASCII characters.")
    now = timezone.now()
    row = (client, key, request_hash, "", now, now + LEASE)
    made = bulk.insert(_store(), FIELDS, [row], returning=("pk",), skip_conflicts=True)
    return Claim(made[0][0], now + LEASE) if made else _found(client, key, request_hash)


def _found(client: str, key: str, request_hash: str) -> Claim | HttpResponse:
    row = _store().objects.filter(client=client, key=key).first()
    now = timezone.now()
    if row is None:
        raise _running(1)  # it failed and was forgotten between our two looks
    if row.request_hash != request_hash:
        raise Problem(
            "idempotency_key_reused", "This Idempotency-Key came before with another request.", status=422
        )
    if row.status is not None:
        return _answer(row.status, row.body.encode(), replayed=True)
    if row.lease_until > now:
        raise _running(int((row.lease_until - now).total_seconds()) + 1)
    return _take_over(row, now)


def _take_over(row: models.Model, now) -> Claim:
    free = _store().objects.filter(pk=row.pk, status=None, lease_until=row.lease_until)
    if not free.update(lease_until=now + LEASE):
        raise _running(1)
    return Claim(row.pk, now + LEASE)


def _run(view, request: Request, held: Claim, run: Callable) -> HttpResponse:
    try:
        with transaction.atomic():
            response = run()
            body = dumps(response.data)
            _keep(held, response.status_code, body)
    except Exception as error:  # whatever it was, the view's own handler words it
        response = view.handle_exception(error)
        body = dumps(response.data)
        if response.status_code >= 500 or "Retry-After" in response:
            _store().objects.filter(pk=held.pk, lease_until=held.lease_until, status=None).delete()
        else:
            _store().objects.filter(pk=held.pk, lease_until=held.lease_until, status=None).update(
                status=response.status_code, body=body.decode()
            )
    answer = _answer(response.status_code, body)
    for name, value in response.headers.items():
        if name != "Content-Type":
            answer[name] = value
    return answer


def _keep(held: Claim, status: int, body: bytes) -> None:
    mine = _store().objects.filter(pk=held.pk, lease_until=held.lease_until, status=None)
    if not mine.update(status=status, body=body.decode()):
        raise _running(1)  # somebody took over: our effect must not stand beside theirs


def _running(seconds: int) -> Problem:
    return Problem(
        "idempotency_key_running",
        "A request with this Idempotency-Key is still running; ask again soon.",
        status=409,
        headers={"Retry-After": str(seconds)},
    )


def _answer(status: int, body: bytes, *, replayed: bool = False) -> HttpResponse:
    response = HttpResponse(
        body, status=status, content_type=CONTENT_TYPE if status >= 400 else "application/json"
    )
    if replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def forget_old(now=None) -> int:
    """Delete answers older than three days; returns how many."""
    return _store().objects.filter(created_at__lt=(now or timezone.now()) - KEPT).delete()[0]


def _store() -> type[models.Model]:
    return apps.get_model(settings.IOM["IDEMPOTENT_REQUESTS"])
