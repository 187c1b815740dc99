"""Billing: one invoice for one fulfillment order, under our key, which also finds it again."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.adapters.batches import key_of, singly, spread
from providers.adapters.billing.transformations import invoice_of, receipt_of
from providers.definitions import Link, Outgoing, Result
from providers.errors import ProviderRejected


def send(link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]:
    """What was tried before is asked for first: an invoice has a number that a customer may have seen."""
    tried = [request for request in requests if request.attempt > 1]
    fresh = [request for request in requests if request.attempt == 1]
    found = singly(tried, lambda request: _asked(link, request))
    if len(fresh) == 1:
        found |= singly(fresh, lambda request: _invoice(link, request))
    elif fresh:
        found |= _batch(link, fresh)
    return found


def check(link: Link) -> str:
    link.call("GET", "/health", headers=_credentials(link))
    return "Reached, and our key is taken."


def _batch(link: Link, requests: Sequence[Outgoing]) -> dict[str, Result]:
    body = {"invoices": [invoice_of(request.key, request.payload) for request in requests]}
    headers = {**_credentials(link), "Idempotency-Key": key_of(requests)}
    answer = link.call("POST", "/invoices/batch", json_body=body, headers=headers).json()
    asked = {request.key: request.payload for request in requests}
    return spread(answer, list(asked), "invoice", lambda key, found: receipt_of(key, found, asked[key]))


def _asked(link: Link, request: Outgoing) -> dict[str, Any]:
    path = f"/invoices/by-key/{quote(request.key, safe='')}"
    try:
        found = link.call("GET", path, headers=_credentials(link)).json()
        return receipt_of(request.key, found, request.payload)
    except ProviderRejected as error:
        if error.status != 404:
            raise
    return _invoice(link, request)


def _invoice(link: Link, request: Outgoing) -> dict[str, Any]:
    headers = {**_credentials(link), "Idempotency-Key": request.key}
    body = invoice_of(request.key, request.payload)
    found = link.call("POST", "/invoices", json_body=body, headers=headers).json()
    return receipt_of(request.key, found, request.payload)


def _credentials(link: Link) -> dict[str, str]:
    return {"Authorization": f"Bearer {link.secret('api_key')}"}
