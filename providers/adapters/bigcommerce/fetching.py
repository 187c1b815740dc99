"""Orders of a BigCommerce shop: those that messages name, and those that no message told us of."""

import json
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from orders.services.customers import CustomerDraft
from orders.types import OrderDraft
from providers.adapters.bigcommerce.reading import PAGE, as_object, as_rows, get, get_list
from providers.adapters.bigcommerce.transformations import customer_of, digest_of, draft_of, when
from providers.definitions import Link, Page, Pulled
from providers.errors import (
    MessageFault,
    MessageIgnored,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)

FETCH_SECONDS = 8  # within the time that a task has after it began its last round
DENSE = 4  # so many orders may be read in vain for one that is wanted, when a range is read instead
CREATED, CHANGED = "store/order/created", "store/order/changed"
# Shipped, refunded, canceled, declined, completed and what we wrote ourselves: nobody edits these any more.
OVER = {2, 3, 4, 5, 6, 10}
UNPAID = {0, 1, 7}  # incomplete, pending, awaiting payment
LOOK_BACK_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Fetched:
    draft: OrderDraft
    customer: CustomerDraft | None


class Fetching:
    """One round of calls: after the first sign that the shop wants or takes no more, none is begun."""

    def __init__(self, link: Link, channel_id: int) -> None:
        self.link = replace(link, until=time.monotonic() + FETCH_SECONDS)
        self.channel_id = channel_id
        self.stopped: ProviderError | None = None
        self.lock = threading.Lock()

    def one(self, order_id: int, order: Mapping[str, Any] | None) -> Fetched | Exception:
        """`order` is what a list has told already."""
        if self.stopped:
            return self.stopped
        try:
            return self._read(order_id, order)
        except ProviderRejected as error:
            return MessageFault(error.code, f"The shop does not give order {order_id}: {error}")
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            self.stopped = error
            return error
        except (ProviderError, MessageFault, MessageIgnored) as error:
            return error
        except (KeyError, TypeError, AttributeError) as error:
            return MessageFault("bad_shape", f"Order {order_id} has another shape than expected ({error!r}).")

    def _read(self, order_id: int, order: Mapping[str, Any] | None) -> Fetched:
        path = f"/v2/orders/{order_id}"
        order = order or as_object(get(self.link, path))
        if order.get("id") != order_id:
            raise ProviderGarbage("The answer is about another order.")
        _check_status(order)
        products = get_list(self.link, f"{path}/products")
        places = get_list(self.link, f"{path}/shipping_addresses")
        draft = draft_of(order, products, places, channel_id=self.channel_id)
        return Fetched(draft, customer_of(order, draft))

    def listed(self, ids: list[int]) -> dict[int, Mapping[str, Any]]:
        """Orders read as one page where that saves calls; who is missing is asked for by id."""
        if len(ids) < 2 or ids[-1] - ids[0] >= min(PAGE, DENSE * len(ids)):
            return {}
        params = {"min_id": ids[0], "max_id": ids[-1], "limit": PAGE, "sort": "id:asc"}
        try:
            rows = as_rows(get(self.link, "/v2/orders", params=params))
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            self.stopped = error
            return {}
        except ProviderError:
            return {}
        return {row["id"]: row for row in rows if type(row.get("id")) is int}


def _check_status(order: Mapping[str, Any]) -> None:
    """An order that nobody has paid for comes again when it is; one that has ended is none of ours."""
    status = order.get("status_id")
    if status in UNPAID:
        raise MessageIgnored("not_paid", "The shop waits for the payment of this order.")
    if status in OVER:
        raise MessageIgnored("over", "The order has ended in the shop already.")


def fetch(link: Link, ids: Collection[int], *, channel_id: int) -> dict[int, Fetched | Exception]:
    """The orders with these ids, several at a time; what went wrong with one is its own."""
    wanted, work = sorted(ids), Fetching(link, channel_id)
    known = work.listed(wanted)
    with ThreadPoolExecutor(max(1, link.concurrency), thread_name_prefix="shop-fetch") as pool:
        found = pool.map(lambda pk: work.one(pk, known.get(pk)), wanted)
        return dict(zip(wanted, found, strict=True))


def pull(link: Link, puller: str, checkpoint: str) -> Page:
    """Orders as messages like the webhooks that should have told of them."""
    return {"orders": _pull_new, "changes": _pull_changed}[puller](link, checkpoint)


def _pull_new(link: Link, checkpoint: str) -> Page:
    """From the checkpoint's id on."""
    params = {"min_id": int(checkpoint or 0) + 1, "limit": PAGE, "sort": "id:asc"}
    rows = as_rows(get(link, "/v2/orders", params=params))
    ids = sorted(row["id"] for row in rows if type(row.get("id")) is int)
    messages = [_message(f"pull:{pk}", CREATED, pk) for pk in ids]
    return Page(messages, str(max([int(checkpoint or 0), *ids])), more=len(rows) == PAGE)


def _pull_changed(link: Link, checkpoint: str) -> Page:
    """From the second of the checkpoint on: edited ones, and those whose checkout ended after a younger one's.

    Read on from the last second seen rather than by page, since an order that changes meanwhile would move all pages;
    only within one second are there pages.
    """
    second, page = (
        int(part) for part in (checkpoint or f"{int(time.time()) - LOOK_BACK_SECONDS}|1").split("|")
    )
    since = format_datetime(datetime.fromtimestamp(second, UTC))
    params = {"min_date_modified": since, "sort": "date_modified:asc", "limit": PAGE, "page": page}
    rows = as_rows(get(link, "/v2/orders", params=params))
    newest = max([second, *(int(when(row, "date_modified").timestamp()) for row in rows)])
    following = f"{newest}|1" if newest > second or len(rows) < PAGE else f"{second}|{page + 1}"
    messages = [
        _changed(row)
        for row in rows
        if type(row.get("id")) is int and row.get("status_id") not in OVER | UNPAID
    ]
    return Page(messages, following, more=len(rows) == PAGE)


def _changed(row: Mapping[str, Any]) -> Pulled:
    """One that was never edited since is no news if we have it; an edit is news once."""
    pk = row["id"]
    if row.get("date_modified") == row.get("date_created"):
        return _message(f"pull:{pk}", CREATED, pk)
    return _message(f"pull:{pk}:{digest_of(row)}", CHANGED, pk)


def _message(message_id: str, topic: str, pk: int) -> Pulled:
    body = json.dumps({"scope": topic, "data": {"type": "order", "id": pk}}).encode()
    return Pulled(message_id, topic, body)
