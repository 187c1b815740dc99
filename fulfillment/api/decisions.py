"""Why an order is sourced as it is: first a sentence, then the table; and why not elsewhere."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.explaining import decisions_of, why_not
from iom.lib.api.views import ApiView
from orders.api.visible import order_id_or_404, visible_orders
from orders.numbers import number_of


class DecisionDocument(serializers.Serializer):
    order = serializers.CharField()
    lines = serializers.ListField(child=serializers.DictField())
    why_not = serializers.DictField(
        required=False, help_text="Of the source that was asked for, as things are now"
    )


class DecisionView(ApiView):
    scope_area, permission_model = "fulfillment", "fulfillment.sourcingdecision"

    @extend_schema(
        operation_id="orders_decision",
        parameters=[OpenApiParameter("source", str, description="Code of a source: why not there?")],
        responses=DecisionDocument,
    )
    def get(self, request: Request, order: str) -> Response:
        """The newest decision of each line as it was kept: sentence, costs, candidates, run."""
        pk = order_id_or_404(request, order)
        answer: dict[str, Any] = {"order": number_of(pk), "lines": [_line(one) for one in decisions_of(pk)]}
        if code := request.query_params.get("source", "")[:40]:
            answer["why_not"] = why_not(get_object_or_404(visible_orders(request), pk=pk), code)
        return Response(answer)


def _line(decision) -> dict[str, Any]:
    run = decision.run
    return {
        "line": decision.order_line.line_number,
        "sku": decision.order_line.sku,
        "sentence": decision.sentence,
        "outcome": decision.outcome,
        "strategy": decision.strategy,
        "strategy_version": decision.strategy_version,
        "chosen": decision.chosen,
        "costs": decision.costs,
        "relaxed": decision.relaxed,
        "candidates": decision.candidates,
        "removed": decision.removed,
        "at": decision.at,
        "run": run
        and {
            "id": run.pk, "mode": run.mode, "orders": run.orders, "cost_minor": run.cost_minor,
            "bound_minor": run.bound_minor, "gap_ppm": run.gap_ppm,
        },
    }  # fmt: skip
