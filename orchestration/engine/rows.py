"""The rows that each wave locks and loads, as queries that are compiled once; `bulk.instances` makes records of them."""

from collections.abc import Collection

from django.db.models import QuerySet

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from iom.lib import compiled
from orchestration.engine import tokens as token_rows
from orchestration.models import FlowRun, StepRun
from orders.models import Hold, Order, OrderLine

ORDER_FIELDS = (
    "id",
    "state",
    "state_reason",
    "strategy",
    "ship_to_region",
    "ship_to_country",
    "ship_to_latitude",
    "ship_to_longitude",
    "channel_id",
)
LINE_FIELDS = (
    "id", "order_id", "product_id", "sku", "quantity", "quantity_shipped", "quantity_canceled", "state", "state_reason", "source_id",
    "source_is_assigned",
)  # fmt: skip
FULFILLMENT_FIELDS = ("id", "order_id", "source_id", "state", "state_reason")
RUN_FIELDS = ("id", "order_id", "version_id", "start_event_id", "attempts")


@compiled.query
def locked(order_ids: Collection[int]) -> QuerySet:
    rows = Order.objects.filter(pk__in=order_ids).order_by("pk")
    return rows.select_for_update(of=("self",), no_key=True).values_list(*ORDER_FIELDS)


@compiled.query
def locked_if_free(order_ids: Collection[int]) -> QuerySet:
    rows = Order.objects.filter(pk__in=order_ids).order_by("pk")
    return rows.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list(*ORDER_FIELDS)


@compiled.query
def locked_runs(run_ids: Collection[int], fencing: int) -> QuerySet:
    rows = FlowRun.objects.filter(pk__in=run_ids, claimed_by=fencing).order_by("pk")
    return rows.select_for_update(of=("self",), no_key=True).values_list(*RUN_FIELDS)


@compiled.query
def lines(order_ids: Collection[int]) -> QuerySet:
    rows = OrderLine.objects.filter(order_id__in=order_ids).order_by("order_id", "line_number")
    return rows.values_list(*LINE_FIELDS)


@compiled.query
def tokens(run_ids: Collection[int]) -> QuerySet:
    return StepRun.objects.filter(run_id__in=run_ids).order_by("pk").values_list(*token_rows.FIELDS)


@compiled.query
def holds(order_ids: Collection[int]) -> QuerySet:
    active = Hold.objects.filter(order_id__in=order_ids, released_at__isnull=True)
    return active.values_list("order_id", "type", "blocks")


@compiled.query
def fulfillment(order_ids: Collection[int]) -> QuerySet:
    rows = FulfillmentOrder.objects.filter(order_id__in=order_ids).order_by("pk")
    return rows.values_list(*FULFILLMENT_FIELDS)


@compiled.query
def fulfillment_lines(fulfillment_order_ids: Collection[int]) -> QuerySet:
    rows = FulfillmentLine.objects.filter(fulfillment_order_id__in=fulfillment_order_ids)
    return rows.values_list("fulfillment_order_id", "order_line_id", "quantity", "quantity_shipped")
