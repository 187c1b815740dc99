"""Outbound webhooks: business events told by Standard Webhooks. Any 2xx means taken."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from providers import addresses, http
from providers.adapters.batches import singly
from providers.definitions import Link, Outgoing, Result
from providers.errors import ProviderGone, ProviderMisconfigured, ProviderRejected


def send(link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]:
    return singly(requests, lambda request: _tell(link, request))


def check(link: Link) -> str:
    """An endpoint is not told a made-up event: only its address and our secret are looked at."""
    addresses.check_url(link.parameters.get("url", ""))
    signed(link.secret("secret"), "msg_check", datetime.now(UTC), b"{}")
    return "The address may be called and the secret can sign."


def signed(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers. Raises ProviderMisconfigured if the secret is none."""
    try:
        signature = Webhook(secret).sign(message_id, at, body.decode())
    except (ValueError, RuntimeError) as error:
        raise ProviderMisconfigured(
            "The signing secret is not of the form whsec_….", code="bad_secret"
        ) from error
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def _tell(link: Link, request: Outgoing) -> dict[str, Any]:
    body = json.dumps(request.payload, separators=(",", ":")).encode()
    headers = signed(link.secret("secret"), request.key, datetime.now(UTC), body)
    url = str(link.parameters.get("url", ""))
    try:
        answer = http.request("POST", url, content=body, headers=headers, timeout=link.seconds())
    except ProviderRejected as error:
        if error.status == 410:
            raise ProviderGone("The receiver says that nobody listens there any more.", status=410) from None
        raise
    return {"status": answer.status}
