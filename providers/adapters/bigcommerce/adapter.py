"""BigCommerce: orders in by id, statuses and shipments back. Its webhooks carry ids only. Source: its REST API v2."""

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import Any
from urllib.parse import quote

from orders.types import OrderDraft
from providers.adapters.batches import singly
from providers.adapters.bigcommerce.transformations import STATUS_IDS, draft_of, shipment_of
from providers.definitions import Link, Outgoing, Page, Pulled, Result
from providers.errors import MessageFault, ProviderError, ProviderGarbage, ProviderRejected

PAGE = 250
MOST_PAGES = 40
FETCHERS = 8
FETCH_SECONDS = 40  # under the lease of the messages that wait for it


def check(link: Link) -> str:
    found = _object(_get(link, "/v2/store"))
    return f"Reached {found.get('name') or 'the shop'}, and our token is taken."


def send(link: Link, requests: Sequence[Outgoing]) -> Mapping[str, Result]:
    write = {"bigcommerce.status": _write_status, "bigcommerce.shipment": _write_shipment}
    return singly(requests, lambda request: write[request.action](link, request))


def fetch(link: Link, ids: Collection[int], *, channel_id: int) -> dict[int, OrderDraft | Exception]:
    """The orders with these ids as drafts, several at a time; what went wrong with one is its own."""
    link = replace(link, until=monotonic() + FETCH_SECONDS)

    def one(order_id: int) -> OrderDraft | Exception:
        try:
            order = _object(_get(link, f"/v2/orders/{order_id}"))
            if order.get("id") != order_id:
                raise ProviderGarbage("The answer is about another order.")
            products = _list(link, f"/v2/orders/{order_id}/products")
            addresses = _list(link, f"/v2/orders/{order_id}/shipping_addresses")
            return draft_of(order, products, addresses, channel_id=channel_id)
        except ProviderRejected as error:
            return MessageFault(error.code, f"The shop does not give order {order_id}: {error}")
        except (ProviderError, MessageFault) as error:
            return error
        except (KeyError, TypeError, AttributeError) as error:
            return MessageFault("bad_shape", f"Order {order_id} has another shape than expected ({error!r}).")

    wanted = sorted(ids)
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="shop-fetch") as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def pull(link: Link, puller: str, checkpoint: str) -> Page:
    """Orders from the checkpoint's id on, as messages like the webhooks that should have told of them."""
    params = {"min_id": int(checkpoint or 0) + 1, "limit": PAGE, "sort": "id:asc"}
    rows = _rows(_get(link, "/v2/orders", params=params))
    ids = sorted(row["id"] for row in rows if type(row.get("id")) is int)
    body = {
        pk: json.dumps({"scope": "store/order/created", "data": {"type": "order", "id": pk}}).encode()
        for pk in ids
    }
    messages = [Pulled(f"pull:{pk}", "store/order/created", body[pk]) for pk in ids]
    return Page(messages, str(max([int(checkpoint or 0), *ids])), more=len(rows) == PAGE)


def _write_status(link: Link, request: Outgoing) -> dict[str, Any]:
    """Setting a status twice is setting it once."""
    status = STATUS_IDS[request.payload["state"]]
    path = f"/v2/orders/{_id(request)}"
    found = _object(_call(link, "PUT", path, request, {"status_id": status}))
    if found.get("status_id") != status:
        raise ProviderGarbage("The shop did not take the status.")
    return {"id": str(found.get("id", "")), "status_id": status}


def _write_shipment(link: Link, request: Outgoing) -> dict[str, Any]:
    """The shop knows no client key: before a repeat we look for the shipment that bears our number."""
    path = f"/v2/orders/{_id(request)}"
    if request.attempt > 1:
        for row in _list(link, f"{path}/shipments"):
            if row.get("comments") == request.payload["reference"]:
                return {"id": str(row.get("id", ""))}
    body = shipment_of(
        request.payload, _list(link, f"{path}/products"), _list(link, f"{path}/shipping_addresses")
    )
    found = _object(_call(link, "POST", f"{path}/shipments", request, body))
    if not found.get("id"):
        raise ProviderGarbage("The answer names no shipment id.")
    return {"id": str(found["id"])}


def _id(request: Outgoing) -> str:
    return quote(request.payload["external_id"], safe="")


def _call(link: Link, method: str, path: str, request: Outgoing, body: Mapping[str, Any]) -> Any:
    headers = {"X-Auth-Token": link.secret("access_token"), "Idempotency-Key": request.key}
    return link.call(method, path, json_body=body, headers=headers).json()


def _get(link: Link, path: str, **more) -> Any:
    """JSON of an answer; an empty list is a 204 without a body."""
    answer = link.call("GET", path, headers={"X-Auth-Token": link.secret("access_token")}, **more)
    return [] if answer.status == 204 else answer.json()


def _list(link: Link, path: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for page in range(1, MOST_PAGES + 1):
        rows = _rows(_get(link, path, params={"limit": PAGE, "page": page}))
        found += rows
        if len(rows) < PAGE:
            break
    return found


def _rows(found: Any) -> list[Mapping[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ProviderGarbage("The shop's list is not a list.")
    return found


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProviderGarbage("The shop's answer is not an object.")
    return found
