"""A third-party logistics house: orders out in batches, cancellations, and a look for callbacks that were lost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.adapters.batches import key_of, singly, spread
from providers.adapters.threepl.transformations import order_of, receipt_of
from providers.definitions import Link, Outgoing, Page, Pulled, Result
from providers.errors import ProviderGarbage, ProviderRejected


def send(link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]:
    if requests[0].action == "threepl.cancel":
        return singly(requests, lambda request: _cancel(link, request))
    if len(requests) == 1:
        return singly(requests, lambda request: _send_one(link, request))
    orders = [order_of(request.key, request.payload) for request in requests]
    headers = {**_credentials(link), "Idempotency-Key": key_of(requests)}
    answer = link.call("POST", "/orders/batch", json_body={"orders": orders}, headers=headers).json()
    return spread(answer, [request.key for request in requests], "order", receipt_of)


def check(link: Link) -> str:
    link.call("GET", "/health", headers=_credentials(link))
    return "Reached, and our key is taken."


def pull(link: Link, puller: str, checkpoint: str) -> Page:
    """Orders changed since the checkpoint, as messages like the callbacks that should have told of them."""
    since, _, cursor = checkpoint.partition("|")
    params = {
        "limit": 200,
        **({"updated_since": since} if since else {}),
        **({"cursor": cursor} if cursor else {}),
    }
    answer = link.call("GET", "/orders", params=params, headers=_credentials(link)).json()
    if not isinstance(answer, dict) or not isinstance(answer.get("orders"), list):
        raise ProviderGarbage("The list of orders is not a list.")
    rows = [row for row in answer["orders"] if isinstance(row, dict)]
    newest = max([since, *(str(row.get("updated_at") or "") for row in rows)])
    following = str(answer.get("next_cursor") or "")
    messages = [message for row in rows if (message := _message(row))]
    return Page(messages, f"{since}|{following}" if following else newest, more=bool(following))


def _message(row: Mapping[str, Any]) -> Pulled | None:
    """None for what only says that they have it, which our own call told us."""
    status = str(row.get("status") or "")
    if status in ("", "received", "cancel_requested"):
        return None
    body = {"type": f"order.{status}", "timestamp": row.get("updated_at"), "data": row}
    message_id = f"pull:{row.get('id')}:{row.get('sequence')}:{status}"
    return Pulled(message_id[:200], f"order.{status}", json.dumps(body).encode())


def _send_one(link: Link, request: Outgoing) -> dict[str, Any]:
    headers = {**_credentials(link), "Idempotency-Key": request.key}
    body = order_of(request.key, request.payload)
    return receipt_of(request.key, link.call("POST", "/orders", json_body=body, headers=headers).json())


def _cancel(link: Link, request: Outgoing) -> dict[str, Any]:
    """An order that never came there is as good as canceled."""
    headers = {**_credentials(link), "Idempotency-Key": request.key}
    path = f"/orders/by-reference/{quote(request.payload['reference'], safe='')}/cancel"
    body = {"client_key": request.key, "reason": request.payload["reason"]}
    try:
        found = link.call("POST", path, json_body=body, headers=headers).json()
    except ProviderRejected as error:
        if error.status == 404:
            return {"status": "canceled"}
        raise
    if not isinstance(found, dict) or not found.get("status"):
        raise ProviderGarbage("The answer to the cancellation names no status.")
    return {"status": str(found["status"])[:40]}


def _credentials(link: Link) -> dict[str, str]:
    return {"Authorization": f"Bearer {link.secret('api_key')}"}
