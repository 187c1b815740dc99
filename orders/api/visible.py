"""Which orders a caller may see, and how an address names one."""

import logging
from collections.abc import Collection, Sequence

from django.db.models import Q
from django.http import Http404
from rest_framework.request import Request

from iom.lib.api.clients import actor_of, channel_ids_of
from iom.lib.api.errors import InvalidInput, fault
from orders.errors import OrderNotFound
from orders.models import Order
from orders.numbers import LARGEST_ID, order_id_of
from orders.querysets import OrderQuerySet

logger = logging.getLogger("iom.audit")


def by_channel(request: Request, path: str = "channel_id") -> Q:
    """The condition that keeps a key to its channels; `path` leads to the channel of the rows asked for."""
    allowed = channel_ids_of(request)
    return Q() if allowed is None else Q(**{f"{path}__in": allowed})


def visible_orders(request: Request) -> OrderQuerySet:
    return Order.objects.filter(by_channel(request))


def parse_order_id(text: str) -> int | None:
    """`SO-1042` by our number, plain digits as the id itself."""
    if text.isascii() and text.isdigit():
        return int(text[:20]) if 0 < int(text[:20]) <= LARGEST_ID else None
    return order_id_of(text)


def order_id_or_404(request: Request, text: str) -> int:
    """The id; an order that another channel owns is as absent as one that never was, but leaves a line in the log."""
    order_id = parse_order_id(text)
    if order_id is None:
        raise Http404
    refuse_foreign(request, [order_id])
    if not visible_orders(request).filter(pk=order_id).exists():
        raise Http404
    return order_id


def order_ids_of(request: Request, texts: Sequence[str]) -> list[int]:
    """Ids without repeats, in the order given; raises InvalidInput, or OrderNotFound for what the caller cannot see."""
    ids = [parse_order_id(text) for text in texts]
    if None in ids:
        rows = [
            fault(
                "bad_id",
                f"ids[{index}]",
                f"{texts[index]!r} is not an order number.",
                "Send such as SO-1042.",
            )
            for index, order_id in enumerate(ids)
            if order_id is None
        ]
        raise InvalidInput(rows)
    if foreign := refuse_foreign(request, ids, raising=False):
        raise OrderNotFound(foreign)
    return list(dict.fromkeys(ids))


def refuse_foreign(request: Request, ids: Collection[int], *, raising: bool = True) -> set[int]:
    """The ids among these that exist in channels the caller may not see; written to the audit log."""
    allowed = channel_ids_of(request)
    if allowed is None:
        return set()
    foreign = set(
        Order.objects.filter(pk__in=ids).exclude(channel_id__in=allowed).values_list("pk", flat=True)
    )
    if foreign:
        logger.warning("foreign_object: %s asked for orders %s", actor_of(request), sorted(foreign)[:20])
        if raising:
            raise Http404
    return foreign
