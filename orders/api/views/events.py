"""GET /events/: everything that happened, in an order in which nothing is ever added behind a reader's back.

Ids are given before commit, so a reader that goes by id would miss what commits late. The feed goes by (transaction,
id) and, on PostgreSQL, ends before the oldest transaction that still runs.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Func, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api import filters
from iom.lib.api.errors import Problem
from iom.lib.api.filters import LARGEST_ID, Filter, conditions
from iom.lib.api.paging import page_size_of
from iom.lib.api.views import ApiView
from orders.api import schema
from orders.api.visible import by_channel, parse_order_id
from orders.definitions import EVENTS
from orders.models import BusinessEvent, EventDefinition
from orders.numbers import number_of

CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,19})", re.ASCII)
ROW = ("id", "transaction_id", "kind", "entity", "record_id", "order_id", "payload", "actor", "at")


class OldestRunning(Func):
    """The lowest transaction id of this database that has not ended.

    Transactions are numbered over the whole server, and one that is open in another database would hold the feed back.
    Only what the server says is elsewhere is left out; what it does not show to us, or what has just ended, still counts.
    """

    template = """LEAST(txid_current_if_assigned(), COALESCE(
        (SELECT MIN(running) FROM txid_snapshot_xip(txid_current_snapshot()) AS running WHERE NOT EXISTS (
            SELECT FROM pg_stat_activity AS elsewhere
            WHERE elsewhere.datname <> current_database() AND elsewhere.backend_xid IS NOT NULL
            AND elsewhere.backend_xid::text::bigint = (running & 4294967295))),
        txid_snapshot_xmax(txid_current_snapshot())))"""
    output_field = BigIntegerField()
    arity = 0


def _order(text: str) -> int:
    order_id = parse_order_id(text)
    if order_id is None:
        raise ValueError("an order number such as SO-1042 is expected")
    return order_id


def _people_made(column: str) -> Callable[[], Iterable[str]]:
    return lambda: EventDefinition.objects.values_list(column, flat=True).order_by(column).distinct()


FILTERS = {
    "kind": Filter(
        "kind__in",
        filters.some_of(EVENTS, more=_people_made("key")),
        "One kind, or several with commas between.",
    ),
    "order": Filter("order_id", _order, "Number or id of an order."),
    "entity": Filter(
        "entity__in",
        filters.some_of(sorted({kind.split(".")[0] for kind in EVENTS}), more=_people_made("entity")),
        "Kind of record, such as order_line, or several.",
    ),
}
PARAMETERS = frozenset(["cursor", "page_size"])


class EventsView(ApiView):
    scope_area, permission_model = "events", "orders.businessevent"

    @extend_schema(
        operation_id="events_list",
        parameters=[
            OpenApiParameter(
                "cursor",
                str,
                description="The next_cursor of the answer before; from the start if not given.",
            ),
            filters.PAGING[0],
            *filters.parameters(FILTERS),
        ],
        responses=schema.EventPage,
    )
    def get(self, request: Request) -> Response:
        """Oldest first, append-only: keep `next_cursor` and ask again with it."""
        start = parse_cursor(request.query_params.get("cursor", "0.0"))
        size = page_size_of(request)
        rows = committed_after(start).filter(conditions(request, FILTERS, also=PARAMETERS))
        found = list(rows.filter(by_channel(request, "order__channel_id")).values(*ROW)[: size + 1])
        results = [_row(values) for values in found[:size]]
        cursor = results[-1]["cursor"] if results else f"{start[0]}.{start[1]}"
        return Response({"results": results, "next_cursor": cursor, "more": len(found) > size})


def committed_after(start: tuple[int, int]) -> QuerySet:
    """Events behind this place, oldest first, as far as nothing can come in between any more."""
    transaction_id, event_id = start
    rows = BusinessEvent.objects.filter(transaction_id__gte=transaction_id).filter(
        Q(transaction_id__gt=transaction_id) | Q(id__gt=event_id)
    )
    if connection.vendor == "postgresql":
        rows = rows.filter(transaction_id__lt=OldestRunning())
    return rows.order_by("transaction_id", "id")


def parse_cursor(text: str) -> tuple[int, int]:
    found = CURSOR.fullmatch(text)
    if not found or max(place := (int(found[1]), int(found[2]))) > LARGEST_ID:
        raise Problem("bad_cursor", "This cursor is not one of ours; start without it.")
    return place


def _row(values: dict[str, Any]) -> dict[str, Any]:
    cursor = f"{values.pop('transaction_id')}.{values['id']}"
    order_id = values.pop("order_id")
    return values | {"cursor": cursor, "order": number_of(order_id) if order_id else None}
