"""BigCommerce: orders in by id, statuses and shipments back. Its webhooks carry ids only. Source: its REST API v2."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.adapters.batches import singly
from providers.adapters.bigcommerce.fetching import fetch, pull
from providers.adapters.bigcommerce.reading import as_object, get, get_list
from providers.adapters.bigcommerce.transformations import STATUS_IDS, shipment_of
from providers.definitions import Link, Outgoing, Result
from providers.errors import ProviderGarbage

__all__ = ["check", "fetch", "pull", "send"]


def check(link: Link) -> str:
    found = as_object(get(link, "/v2/store"))
    return f"Reached {found.get('name') or 'the shop'}, and our token is taken."


def send(link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]:
    write = {"bigcommerce.status": _write_status, "bigcommerce.shipment": _write_shipment}
    return singly(requests, lambda request: write[request.action](link, request))


def _write_status(link: Link, request: Outgoing) -> dict[str, Any]:
    """Setting a status twice is setting it once."""
    status = STATUS_IDS[request.payload["state"]]
    path = f"/v2/orders/{_id(request)}"
    found = as_object(_call(link, "PUT", path, request, {"status_id": status}))
    if found.get("status_id") != status:
        raise ProviderGarbage("The shop did not take the status.")
    return {"id": str(found.get("id", "")), "status_id": status}


def _write_shipment(link: Link, request: Outgoing) -> dict[str, Any]:
    """The shop knows no client key: before a repeat we look for the shipment that bears our number."""
    path = f"/v2/orders/{_id(request)}"
    if request.attempt > 1:
        for row in get_list(link, f"{path}/shipments"):
            if row.get("comments") == request.payload["reference"]:
                return {"id": str(row.get("id", ""))}
    body = shipment_of(
        request.payload, get_list(link, f"{path}/products"), get_list(link, f"{path}/shipping_addresses")
    )
    found = as_object(_call(link, "POST", f"{path}/shipments", request, body))
    if not found.get("id"):
        raise ProviderGarbage("The answer names no shipment id.")
    return {"id": str(found["id"])}


def _id(request: Outgoing) -> str:
    return quote(request.payload["external_id"], safe="")


def _call(link: Link, method: str, path: str, request: Outgoing, body: Mapping[str, Any]) -> Any:
    headers = {"X-Auth-Token": link.secret("access_token"), "Idempotency-Key": request.key}
    return link.call(method, path, json_body=body, headers=headers).json()
