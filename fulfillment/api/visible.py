"""Which fulfillment orders a caller may see, and how an address names one."""

import logging
import re
from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request

from fulfillment.errors import FulfillmentOrderNotFound
from fulfillment.models import FulfillmentOrder
from iom.lib.api.clients import actor_of, channel_ids_of
from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.filters import LARGEST_ID
from orders.api.visible import by_channel

NUMBER = re.compile(r"FO-?([0-9]{1,19})", re.IGNORECASE | re.ASCII)
OFFSET = 1000
logger = logging.getLogger("iom.audit")


def visible_work(request: Request) -> QuerySet:
    return FulfillmentOrder.objects.filter(by_channel(request, "order__channel_id"))


def number_of(fulfillment_order_id: int) -> str:
    return f"FO-{OFFSET + fulfillment_order_id}"


def parse_id(text: str) -> int | None:
    """`FO-2210` by our number, plain digits as the id itself."""
    if text.isascii() and text.isdigit():
        found = int(text[:20])
    else:
        match = NUMBER.fullmatch(text)
        found = int(match[1]) - OFFSET if match else 0
    return found if 0 < found <= LARGEST_ID else None


def id_or_404(request: Request, text: str) -> int:
    fulfillment_order_id = parse_id(text)
    if fulfillment_order_id is None or missing(request, [fulfillment_order_id]):
        raise Http404
    return fulfillment_order_id


def ids_of(request: Request, texts: Sequence[str], path: str = "ids[{}]") -> list[int]:
    """One id for each text; raises InvalidInput, or FulfillmentOrderNotFound for what the caller cannot see."""
    ids = [parse_id(text) for text in texts]
    if None in ids:
        rows = [
            fault(
                "bad_id",
                path.format(index),
                f"{texts[index]!r} is no fulfillment order.",
                "Send such as FO-2210.",
            )
            for index, found in enumerate(ids)
            if found is None
        ]
        raise InvalidInput(rows)
    if gone := missing(request, ids):
        raise FulfillmentOrderNotFound(gone)
    return ids


def missing(request: Request, ids: Sequence[int]) -> set[int]:
    """The ids that are absent for this caller; those of other channels leave a line in the audit log."""
    absent = set(ids) - set(visible_work(request).filter(pk__in=ids).values_list("pk", flat=True))
    if absent and channel_ids_of(request) is not None:
        foreign = sorted(FulfillmentOrder.objects.filter(pk__in=absent).values_list("pk", flat=True))
        if foreign:
            logger.warning(
                "foreign_object: %s asked for fulfillment orders %s", actor_of(request), foreign[:20]
            )
    return absent
