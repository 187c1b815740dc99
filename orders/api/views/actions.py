"""What may be done with an order, alone or with many: one view class for each verb, the service does the work."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api.clients import actor_of
from iom.lib.api.errors import Problem
from iom.lib.api.idempotency import idempotent
from iom.lib.api.serializers import IdListSerializer, validated
from iom.lib.api.views import ApiView
from orders.api import schema
from orders.api.documents import outcome_document
from orders.api.serializers import (
    BulkHoldSerializer,
    BulkReleaseSerializer,
    HoldSerializer,
    NoteSerializer,
    NothingSerializer,
    ReleaseSerializer,
)
from orders.api.visible import order_id_or_404, order_ids_of
from orders.models import Order
from orders.numbers import number_of
from orders.services.editing import add_note, orchestrate_orders
from orders.services.holds import hold_orders, release_holds
from orders.services.states import allowed_actions
from orders.types import Outcome


def answer(order_id: int, outcome: Outcome) -> Response:
    """For a single order: refused is a 409 that says what is possible instead."""
    state = Order.objects.values_list("state", flat=True).get(pk=order_id)
    head = {
        "id": order_id,
        "number": number_of(order_id),
        "state": state,
        "allowed_actions": allowed_actions(state),
    }
    if order_id in outcome.refused:
        raise Problem("wrong_state", outcome.refused[order_id], status=409, extra=head)
    return Response(head | {"changed": order_id in outcome.changed})


class OrderActionView(ApiView):
    """`run` is the service; `input` reads the body."""

    scope_area, permission_model = "orders", "orders.order"
    input: type[serializers.Serializer] = NothingSerializer

    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        raise NotImplementedError

    @idempotent
    def post(self, request: Request, order: str) -> Response:
        order_id = order_id_or_404(request, order)
        values = dict(validated(self.input, request.data))
        return answer(order_id, self.run([order_id], actor_of(request), values))


class BulkOrderActionView(OrderActionView):
    """The same for up to 500 orders; what was refused is in the answer, with the sentence."""

    input = IdListSerializer

    @idempotent
    def post(self, request: Request) -> Response:
        values = dict(validated(self.input, request.data))
        ids = order_ids_of(request, values.pop("ids"))
        return Response(outcome_document(self.run(ids, actor_of(request), values)))


def documented(
    name: str, summary: str, input: type[serializers.Serializer], answer: type[serializers.Serializer]
):
    described = extend_schema(
        operation_id=name,
        summary=summary,
        parameters=[schema.IDEMPOTENCY_KEY],
        request=input,
        responses={200: answer, 409: schema.problem("Not in this state")},
    )
    return extend_schema_view(post=described)


class Holding:
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return hold_orders(ids, actor=actor, **values)


class Releasing:
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return release_holds(ids, actor=actor, **values)


class Orchestrating:
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return orchestrate_orders(ids, actor=actor)


@documented("orders_hold", "Put on hold", HoldSerializer, schema.ActionAnswer)
class HoldView(Holding, OrderActionView):
    input = HoldSerializer


@documented("orders_hold_many", "Put many on hold", BulkHoldSerializer, schema.BatchOutcome)
class BulkHoldView(Holding, BulkOrderActionView):
    input = BulkHoldSerializer


@documented("orders_release", "Release holds, of one type or all", ReleaseSerializer, schema.ActionAnswer)
class ReleaseView(Releasing, OrderActionView):
    input = ReleaseSerializer


@documented("orders_release_many", "Release the holds of many", BulkReleaseSerializer, schema.BatchOutcome)
class BulkReleaseView(Releasing, BulkOrderActionView):
    input = BulkReleaseSerializer


@documented("orders_orchestrate", "Submit a draft, or wake the flows", NothingSerializer, schema.ActionAnswer)
class OrchestrateView(Orchestrating, OrderActionView):
    """A draft becomes new; any other order raises `order.orchestrate`."""


@documented("orders_orchestrate_many", "Orchestrate many", IdListSerializer, schema.BatchOutcome)
class BulkOrchestrateView(Orchestrating, BulkOrderActionView):
    """Up to 500."""


class NotesView(ApiView):
    scope_area, permission_model = "orders", "orders.order"

    @extend_schema(
        operation_id="orders_add_note",
        parameters=[schema.IDEMPOTENCY_KEY],
        request=NoteSerializer,
        responses={201: schema.NumberedId},
    )
    @idempotent
    def post(self, request: Request, order: str) -> Response:
        """A note on the order's timeline."""
        order_id = order_id_or_404(request, order)
        add_note(order_id, text=validated(NoteSerializer, request.data)["text"], actor=actor_of(request))
        return Response({"id": order_id, "number": number_of(order_id)}, status=201)
