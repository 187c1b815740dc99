"""Fulfillment orders and shipments: lists, one, and the steps of the worklist."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api import serializers as documents
from fulfillment.api.visible import id_or_404, ids_of, number_of, visible_work
from fulfillment.errors import FulfillmentLineNotFound
from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment
from fulfillment.services import execution
from fulfillment.types import ShipmentReport
from inventory.models import FulfillmentSource
from iom.lib.api import filters
from iom.lib.api.clients import actor_of
from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import key_page
from iom.lib.api.schema import IDEMPOTENCY_KEY, page_of
from iom.lib.api.serializers import IdListSerializer, validated
from iom.lib.api.views import ApiView
from orders.api.schema import BatchOutcome
from orders.api.states import states_people_made
from orders.api.visible import by_channel, parse_order_id
from orders.numbers import number_of as order_number
from orders.types import Outcome

ROW = (
    "id", "order_id", "source__code", "source__type", "state", "state_reason", "state_at", "external_id", "ship_by",
    "created_at", "sent_at", "shipped_at", "delivered_at", "cancel_requested_at",
)  # fmt: skip
LINE = (
    "id", "order_line_id", "order_line__line_number", "order_line__sku", "order_line__description", "quantity",
    "quantity_picked", "quantity_shipped",
)  # fmt: skip
SHIPMENT = (
    "id", "fulfillment_order_id", "fulfillment_order__order_id", "fulfillment_order__source__code", "carrier", "service",
    "tracking_number", "tracking_url", "shipped_at", "delivered_at",
)  # fmt: skip


def _order(text: str) -> int:
    order_id = parse_order_id(text)
    if order_id is None:
        raise ValueError("an order number such as SO-1042 is expected")
    return order_id


FILTERS = {
    "source": Filter("source__code__in", filters.texts, "Code of a source, or several."),
    "source_type": Filter(
        "source__type__in",
        filters.some_of(FulfillmentSource.Type.values),
        "warehouse, store, 3pl, vendor or virtual.",
    ),
    "state": Filter(
        "state__in",
        filters.some_of(FulfillmentOrder.State.values, more=states_people_made("fulfillment_order")),
        "One state, or several with commas between.",
    ),
    "order": Filter("order_id", _order, "Number or id of an order."),
    "created_after": Filter("created_at__gte", filters.moment, "A time with its zone."),
    "created_before": Filter("created_at__lt", filters.moment, "A time with its zone."),
}
SHIPMENT_FILTERS = {
    "order": Filter("fulfillment_order__order_id", _order, "Number or id of an order."),
    "source": Filter("fulfillment_order__source__code__in", filters.texts, "Code of a source, or several."),
    "tracking_number": Filter("tracking_number", filters.text),
    "shipped_after": Filter("shipped_at__gte", filters.moment, "A time with its zone."),
    "shipped_before": Filter("shipped_at__lt", filters.moment, "A time with its zone."),
}


class WorkView(ApiView):
    """What every view of fulfillment orders shares."""

    scope_area, permission_model = "fulfillment", "fulfillment.fulfillmentorder"


class FulfillmentOrdersView(WorkView):
    @extend_schema(
        operation_id="fulfillment_orders_list",
        parameters=filters.parameters(FILTERS) + filters.PAGING,
        responses=page_of("WorkPage", documents.WorkRow),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        return key_page(
            visible_work(request).filter(conditions(request, FILTERS)).values(*ROW), request, work_row
        )


class FulfillmentOrderView(WorkView):
    @extend_schema(operation_id="fulfillment_orders_read", responses=documents.WorkDocument)
    def get(self, request: Request, work: str) -> Response:
        """With lines and shipments; by number (FO-2210) or id."""
        pk = id_or_404(request, work)
        lines = FulfillmentLine.objects.filter(fulfillment_order=pk).order_by("pk").values(*LINE)
        shipments = Shipment.objects.filter(fulfillment_order=pk).order_by("pk").values(*SHIPMENT)
        row = work_row(visible_work(request).values(*ROW).get(pk=pk))
        return Response(
            row | {"lines": [_line(v) for v in lines], "shipments": [shipment_row(v) for v in shipments]}
        )


class ShipmentsView(WorkView):
    @extend_schema(
        operation_id="shipments_list",
        parameters=filters.parameters(SHIPMENT_FILTERS) + filters.PAGING,
        responses=page_of("ShipmentPage", documents.ShipmentRow),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = _visible_shipments(request).filter(conditions(request, SHIPMENT_FILTERS)).values(*SHIPMENT)
        return key_page(rows, request, shipment_row)


class StepView(WorkView):
    """A step for up to 500 fulfillment orders; what was refused is in the answer, with the sentence."""

    input: type[serializers.Serializer] = IdListSerializer

    @idempotent
    def post(self, request: Request) -> Response:
        values = dict(validated(self.input, request.data))
        ids = ids_of(request, values.pop("ids"))
        return Response(outcome_document(self.run(ids, actor_of(request), values)))

    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        raise NotImplementedError


def _documented(name: str, summary: str, input: type = IdListSerializer):
    described = extend_schema(
        operation_id=f"fulfillment_orders_{name}",
        summary=summary,
        parameters=[IDEMPOTENCY_KEY],
        request=input,
        responses=BatchOutcome,
    )
    return extend_schema_view(post=described)


@_documented("accept", "Accept")
class AcceptView(StepView):
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return execution.accept(ids, actor=actor)


@_documented("pick", "Begin to pick")
class PickView(StepView):
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return execution.pick(ids, actor=actor)


@_documented("pack", "Packed")
class PackView(StepView):
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return execution.pack(ids, actor=actor)


@_documented("reject", "Refuse: the lines are sourced elsewhere", documents.RejectSerializer)
class RejectView(StepView):
    input = documents.RejectSerializer

    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return execution.reject(ids, actor=actor, **values)


@extend_schema_view(
    post=extend_schema(
        operation_id="fulfillment_lines_reject",
        summary="Refuse lines; the others of their fulfillment orders stay",
        parameters=[IDEMPOTENCY_KEY],
        request=documents.RejectLinesSerializer,
        responses=BatchOutcome,
    )
)
class RejectLinesView(WorkView):
    @idempotent
    def post(self, request: Request) -> Response:
        """Answers their fulfillment orders."""
        values = dict(validated(documents.RejectLinesSerializer, request.data))
        ids = values.pop("ids")
        known = visible_work(request).filter(lines__in=ids).values_list("lines", flat=True)
        if missing := set(ids) - set(known):
            raise FulfillmentLineNotFound(missing)
        outcome = execution.reject_lines(ids, actor=actor_of(request), **values)
        return Response(outcome_document(outcome))


@_documented("ship", "Report what left", documents.ShipSerializer)
class ShipView(WorkView):
    @idempotent
    def post(self, request: Request) -> Response:
        """Without `lines` everything left; a key that came before changes nothing."""
        rows = validated(documents.ShipSerializer, request.data)["shipments"]
        ids = ids_of(request, [row["fulfillment_order"] for row in rows], "shipments[{}].fulfillment_order")
        reports = [_report(index, pk, row) for index, (pk, row) in enumerate(zip(ids, rows, strict=True))]
        return Response(outcome_document(execution.ship(reports, actor=actor_of(request))))


def _report(index: int, pk: int, row: dict[str, Any]) -> ShipmentReport:
    lines = {line["id"]: line["quantity"] for line in row.get("lines") or ()}
    if len(lines) != len(row.get("lines") or ()):
        where = f"shipments[{index}].lines"
        raise InvalidInput([fault("duplicate_line", where, f"{where} names a line twice.")])
    plain = {name: row[name] for name in ("carrier", "service", "tracking_number", "tracking_url")}
    return ShipmentReport(
        key=f"api:{row['key']}",
        fulfillment_order_id=pk,
        shipped_at=row.get("shipped_at") or timezone.now(),
        lines=lines or None,
        **plain,
    )


def _visible_shipments(request: Request) -> QuerySet:
    return Shipment.objects.filter(by_channel(request, "fulfillment_order__order__channel_id"))


def work_row(values: dict[str, Any]) -> dict[str, Any]:
    plain = {name: values[name] for name in ROW if "__" not in name and name != "order_id"}
    return plain | {
        "number": number_of(values["id"]),
        "order": order_number(values["order_id"]),
        "source": values["source__code"],
        "source_type": values["source__type"],
        "url": f"/api/v1/fulfillment-orders/{number_of(values['id'])}/",
    }


def _line(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name.replace("order_line__", "").replace("order_line_id", "order_line"): value
        for name, value in values.items()
    }


def shipment_row(values: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in values.items() if not name.startswith("fulfillment_order_")}
    return plain | {
        "fulfillment_order": number_of(values["fulfillment_order_id"]),
        "order": order_number(values["fulfillment_order__order_id"]),
        "source": values["fulfillment_order__source__code"],
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": [{"id": pk, "number": number_of(pk)} for pk in outcome.changed],
        "refused": [
            {"id": pk, "number": number_of(pk), "reason": reason}
            for pk, reason in sorted(outcome.refused.items())
        ],
    }
