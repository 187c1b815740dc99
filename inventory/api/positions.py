"""Stock: what is where, counts and changes."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api import serializers as documents
from inventory.api.resolve import resolve
from inventory.models import InventoryPosition
from inventory.services import stock
from inventory.types import StockChange, StockLevel
from iom.lib.api import filters
from iom.lib.api.clients import actor_of
from iom.lib.api.errors import Problem
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import decode_cursor, encode_cursor
from iom.lib.api.schema import IDEMPOTENCY_KEY
from iom.lib.api.serializers import validated
from iom.lib.api.views import ApiView

PAGE = 1000
COLUMNS = ("id", "product__sku", "source__code", "on_hand", "reserved", "safety_stock")
FILTERS = {
    "sku": Filter("product__sku__in", filters.texts, "One SKU, or several with commas between."),
    "source": Filter("source__code__in", filters.texts, "Code of a source, or several."),
}


class PositionsView(ApiView):
    scope_area, permission_model = "inventory", "inventory.inventoryposition"

    @extend_schema(
        operation_id="positions_list",
        parameters=[*filters.parameters(FILTERS), OpenApiParameter("after", str)],
        responses=documents.PositionPage,
    )
    def get(self, request: Request) -> Response:
        """What sources have, 1,000 rows a page; name SKUs, sources or both."""
        if not request.query_params.keys() & FILTERS.keys():
            raise Problem("filter_required", "Name at least one sku or source.")
        rows = InventoryPosition.objects.filter(conditions(request, FILTERS, also=frozenset(["after"])))
        if after := request.query_params.get("after"):
            rows = rows.filter(pk__gt=decode_cursor(after)[0])
        found = list(rows.order_by("pk").values_list(*COLUMNS)[: PAGE + 1])
        cursor = encode_cursor(found[PAGE - 1][0]) if len(found) > PAGE else None
        return Response({"results": [_row(*row) for row in found[:PAGE]], "next_cursor": cursor})


def _row(_: int, sku: str, source: str, on_hand: int, reserved: int, safety_stock: int) -> dict[str, Any]:
    return {
        "sku": sku,
        "source": source,
        "on_hand": on_hand,
        "reserved": reserved,
        "safety_stock": safety_stock,
        "available": on_hand - reserved - safety_stock,
    }


class StockView(ApiView):
    """Up to 1,000 rows, all or none: every bad row is named."""

    scope_area, permission_model = "inventory", "inventory.inventoryposition"
    input = documents.SetStockSerializer
    row_type: type = StockLevel
    service: Callable[..., Any]

    @idempotent
    def post(self, request: Request) -> Response:
        values = validated(self.input, request.data)
        pairs = resolve(values["rows"])
        rows = [
            self.row_type(product_id, source_id, row["quantity"], row["reference"])
            for (product_id, source_id), row in zip(pairs, values["rows"], strict=True)
        ]
        self.write(rows, actor=actor_of(request), reason=values["reason"])
        return Response({"rows": len(rows)})

    def write(self, rows: Sequence, *, actor: str, reason: str) -> None:
        raise NotImplementedError


def _documented(name: str, summary: str, input: type):
    described = extend_schema(
        operation_id=name,
        summary=summary,
        parameters=[IDEMPOTENCY_KEY],
        request=input,
        responses=documents.RowsChanged,
    )
    return extend_schema_view(post=described)


@_documented("positions_set", "Set what is on hand, as counted", documents.SetStockSerializer)
class SetStockView(StockView):
    def write(self, rows: Sequence[StockLevel], *, actor: str, reason: str) -> None:
        stock.set_on_hand(rows, actor=actor, reason=reason)


@_documented("positions_adjust", "Add to or take from what is on hand", documents.AdjustStockSerializer)
class AdjustStockView(StockView):
    input, row_type = documents.AdjustStockSerializer, StockChange

    def write(self, rows: Sequence[StockChange], *, actor: str, reason: str) -> None:
        stock.adjust(rows, actor=actor, reason=reason)


@_documented("positions_set_safety_stock", "Set what is kept back", documents.SetStockSerializer)
class SetSafetyStockView(StockView):
    def write(self, rows: Sequence[StockLevel], *, actor: str, reason: str) -> None:
        stock.set_safety_stock(rows, actor=actor, reason=reason)
