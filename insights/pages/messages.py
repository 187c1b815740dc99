"""Messages of an order, in and out, as people read them: pretty-printed, secrets masked."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iom.lib.pages import record_url
from providers.models import InboxMessage, ProviderRequest, RequestAttempt

MOST = 100
LONGEST = 20_000
MASK = "••••••"
SECRET = re.compile(
    r"secret|token|passw|authorization|api[-_]?key|signature|cookie|credential", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Message:
    direction: str
    at: datetime
    provider: str
    subject: str
    number: str
    record: Any
    url: str
    note: str
    parts: tuple[tuple[str, str], ...]
    attempts: tuple[RequestAttempt, ...] = ()


def messages_of(order_id: int, requests: list[ProviderRequest]) -> list[Message]:
    """Newest first. Two queries beside the requests, which the page has read already."""
    inbox = InboxMessage.objects.filter(order_id=order_id).select_related("connection").order_by("-id")[:MOST]
    attempts: dict[int, list] = defaultdict(list)
    for attempt in RequestAttempt.objects.filter(request__in=[r.pk for r in requests[:MOST]]).order_by("id"):
        attempts[attempt.request_id].append(attempt)
    found = [_incoming(message) for message in inbox]
    found += [_outgoing(request, attempts[request.pk]) for request in requests[:MOST]]
    return sorted(found, key=lambda message: message.at, reverse=True)


def pretty(value: Any) -> str:
    """JSON with secrets masked, two spaces a level; text as it is; cut at `LONGEST` characters."""
    if isinstance(value, bytes | memoryview):
        value = _parsed(bytes(value))
    text = (
        value
        if isinstance(value, str)
        else json.dumps(masked(value), indent=2, ensure_ascii=False, default=str)
    )
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… ({len(text) - LONGEST:,} more characters)"


def masked(value: Any, name: str = "") -> Any:
    """The same value; what stands under a name that smells of a secret is hidden, at any depth."""
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if SECRET.search(name) and value not in (None, ""):
        return MASK
    if isinstance(value, list):
        return [masked(inner, name) for inner in value]
    return value


def _parsed(body: bytes) -> Any:
    text = body.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _incoming(message: InboxMessage) -> Message:
    parts = (("Body", pretty(message.body)), ("Headers", pretty(message.headers)))
    url = record_url("providers.inboxmessage", message.pk)
    return Message(
        "in", message.received_at, message.connection.name, message.topic, message.external_message_id, message, url,
        message.reason, parts,
    )  # fmt: skip


def _outgoing(request: ProviderRequest, attempts: list[RequestAttempt]) -> Message:
    parts = [("Request", pretty(request.payload))]
    if request.response is not None:
        parts.append(("Answer", pretty(request.response)))
    url = record_url("providers.providerrequest", request.pk)
    return Message(
        "out", request.created_at, request.connection.name, request.action, request.key, request, url, request.error,
        tuple(parts), tuple(attempts),
    )  # fmt: skip
