"""Orders: take in, list, read, edit."""

from django.db.models import Exists, OuterRef, Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api import filters
from iom.lib.api.clients import actor_of
from iom.lib.api.errors import Problem
from iom.lib.api.filters import Filter, conditions
from iom.lib.api.idempotency import idempotent
from iom.lib.api.paging import key_page
from iom.lib.api.serializers import validated
from iom.lib.api.views import ApiView
from orders.api import schema
from orders.api.documents import ROW, order_document, order_row
from orders.api.serializers import OrderChangeSerializer
from orders.api.states import states_people_made
from orders.api.views.intake import take_in
from orders.api.visible import order_id_or_404, visible_orders
from orders.models import Hold, Order, OrderLine
from orders.services.editing import update_order


def _held_by(types: list[str]) -> Q:
    return Q(Exists(Hold.objects.filter(order_id=OuterRef("pk"), type__in=types, released_at__isnull=True)))


def _with_sku(sku: str) -> Q:
    return Q(Exists(OrderLine.objects.filter(order_id=OuterRef("pk"), sku=sku)))


FILTERS = {
    "state": Filter(
        "state__in",
        filters.some_of(Order.State.values, more=states_people_made("order")),
        "One state, or several with commas between.",
    ),
    "channel": Filter("channel__key__in", filters.texts, "Key of a channel, or several."),
    "external_id": Filter("external_id", filters.text, "The channel's own id."),
    "customer": Filter("customer__code", filters.text, "Code of a customer."),
    "sku": Filter(_with_sku, filters.text, "Orders with a line of this SKU."),
    "placed_after": Filter("placed_at__gte", filters.moment, "A time with its zone."),
    "placed_before": Filter("placed_at__lt", filters.moment, "A time with its zone."),
    "hold": Filter(
        _held_by,
        filters.some_of(Hold.Type.values),
        "With an active hold of this type, or of one of several.",
    ),
}


class OrdersView(ApiView):
    scope_area, permission_model = "orders", "orders.order"

    @extend_schema(
        operation_id="orders_list",
        parameters=filters.parameters(FILTERS) + filters.PAGING,
        responses=schema.page_of("OrderPage", schema.OrderRow),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = visible_orders(request).filter(conditions(request, FILTERS)).values(*ROW)
        return key_page(rows, request, order_row)

    @extend_schema(operation_id="orders_create", **schema.ORDER_INTAKE)
    @idempotent
    def post(self, request: Request) -> Response:
        """One order, or `{"orders": [ … ]}` with up to 500 and an outcome for each.

        An order is one by channel and external id for ever: the same content again answers `existing`, other
        content `conflict` with the first one's number.
        """
        return take_in(request)


class OrderView(ApiView):
    scope_area, permission_model = "orders", "orders.order"

    @extend_schema(operation_id="orders_read", responses=schema.OrderDocument)
    def get(self, request: Request, order: str) -> Response:
        """With lines, charges, holds and tags; by number (SO-1042) or id."""
        document = order_document(order_id_or_404(request, order))
        return Response(document, headers={"ETag": f'"{document["version"]}"'})

    @extend_schema(
        operation_id="orders_update",
        parameters=[schema.IF_MATCH],
        request=OrderChangeSerializer,
        responses=schema.OrderDocument,
    )
    def patch(self, request: Request, order: str) -> Response:
        """Change what may be changed in this state. Needs the version you saw, as `version` or If-Match."""
        order_id = order_id_or_404(request, order)
        changes = dict(validated(OrderChangeSerializer, request.data, partial=True))
        version = _version(request, changes.pop("version", None))
        update_order(order_id, version=version, changes=changes, actor=actor_of(request))
        document = order_document(order_id)
        return Response(document, headers={"ETag": f'"{document["version"]}"'})


def _version(request: Request, sent: int | None) -> int:
    tag = request.headers.get("If-Match", "").removeprefix("W/").strip('"')
    if sent is None and tag.isascii() and tag.isdigit() and len(tag) < 10:
        return int(tag)
    if sent is None:
        raise Problem(
            "version_required", "Send the version that you saw, as version or If-Match.", status=428
        )
    return sent
