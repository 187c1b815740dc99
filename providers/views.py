"""The door for messages of providers: checked, stored, answered; what they mean comes later."""

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from providers import signatures
from providers.errors import ProviderError
from providers.models import ProviderConnection
from providers.services import admission, inbox
from providers.services.connections import link_of

log = structlog.get_logger(__name__)
LARGEST = 5 * 1024 * 1024
refused = {"count": 0}  # a forged message leaves this and a log line, no row


@csrf_exempt  # providers bear no cookie; their signature is what counts
@require_POST
@transaction.non_atomic_requests
def hook(request: HttpRequest, key: str) -> HttpResponse:
    """202 for a genuine message, new or repeated; 429 while too many come; 401 for any other, without saying why."""
    body = _body(request)
    if body is None:
        return _problem(413, "too_large", "Messages may have 5 MB.")
    connection = ProviderConnection.objects.filter(key=key).exclude(status="installed").first()
    headers = {name.lower(): value for name, value in request.headers.items()}
    genuine = _checked(connection, headers, body)
    if connection is None or genuine is None:
        refused["count"] += 1
        log.warning("message_refused", connection=key[:40])
        return _problem(401, "not_genuine", "The message is not signed as agreed.")
    if wait := admission.refused_for(connection.pk):
        refusal = _problem(429, "too_many", "Slow down and send it again.")
        refusal["Retry-After"] = str(wait)
        return refusal
    message_id, topic = genuine
    message, created = inbox.store(connection, message_id, topic, headers, body)
    return JsonResponse({"id": message.pk, "new": created}, status=202)


def _checked(connection: ProviderConnection | None, headers: dict, body: bytes) -> tuple[str, str] | None:
    try:
        return signatures.message_of(link_of(connection), headers, body) if connection else None
    except ProviderError:
        return None


def _body(request: HttpRequest) -> bytes | None:
    """None if it is too large, whatever its length header says, or did not arrive whole."""
    try:
        if int(request.headers.get("Content-Length") or 0) > LARGEST:
            return None
        body = request.body
    except (RequestDataTooBig, ValueError, UnreadablePostError):  # the last: it did not arrive in time
        return None
    return body if len(body) <= LARGEST else None


def _problem(status: int, code: str, sentence: str) -> JsonResponse:
    return JsonResponse(
        {"code": code, "detail": sentence}, status=status, content_type="application/problem+json"
    )
