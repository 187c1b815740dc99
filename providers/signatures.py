"""Whether a message comes from whom it says: on the raw bytes, before anything of it is read, in constant time."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from providers.definitions import Link

TOLERANCE_SECONDS = 300
SECRETS = ("webhook_secret", "webhook_secret_previous")


def message_of(link: Link, headers: Mapping[str, str], body: bytes) -> tuple[str, str] | None:
    """(message id, topic) of a genuine message, None for any other. Header names in lower case."""
    secrets = [text for name in SECRETS if (text := link.secret(name))]
    if link.provider == "bigcommerce":
        return _shop(headers, body) if _bears_secret(headers, secrets) else None
    return _standard(headers, body) if standard_is_genuine(headers, body, secrets) else None


def _bears_secret(headers: Mapping[str, str], secrets: list[str]) -> bool:
    """BigCommerce signs nothing: it sends along the header that the webhook was created with."""
    told = headers.get("x-webhook-secret", "").encode()
    return sum(hmac.compare_digest(told, secret.encode()) for secret in secrets) > 0


def standard_is_genuine(
    headers: Mapping[str, str], body: bytes, secrets: list[str], *, now: float | None = None
) -> bool:
    """Standard Webhooks, v1, within five minutes; one of two secrets while they are changed over."""
    message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not at.isascii() or not at.isdigit() or len(at) > 12:
        return False
    if abs((time.time() if now is None else now) - int(at)) > TOLERANCE_SECONDS:
        return False
    signed = message_id.encode() + b"." + at.encode() + b"." + body
    told = [
        part[3:].encode() for part in headers.get("webhook-signature", "").split(" ")[:8] if part[:3] == "v1,"
    ]
    good = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for s in secrets if (key := _key(s))]
    return sum(hmac.compare_digest(mine, theirs) for mine in good for theirs in told) > 0


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_") + "==")
    except (binascii.Error, ValueError):
        return b""


def _shop(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Its hash names the event; what cannot be read is kept under its own digest for a person."""
    found = _object(body)
    return str(found.get("hash") or _digest(body)), str(found.get("scope") or "")


def _standard(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    return headers["webhook-id"], str(_object(body).get("type") or "")


def _object(body: bytes) -> Mapping:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
