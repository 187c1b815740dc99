"""Checkout: a plan with shipping options for a cart, outside of any flow. Source: reference FRO-14."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.plan_answer import PlannedCartSerializer
from fulfillment.checkout.service import hold, plan_cart
from fulfillment.checkout.types import Cart, CartLine, CartPlan, Destination, LineResult, Option, ParcelPlan
from iom.lib.api.clients import actor_of, channel_ids_of
from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.idempotency import idempotent
from iom.lib.api.schema import IDEMPOTENCY_KEY
from iom.lib.api.serializers import QuantityField, StrictSerializer, validated
from iom.lib.api.views import ApiView
from orders.models import Channel, OrderLine

MOST_LINES = 50
REASONS = {
    "no_stock": "No source that may serve has it in stock.",
    "no_service": "No carrier service is set up for it.",
    "not_allowed": "Every source that has it is ruled out by a constraint, a method or a carrier.",
    "stock_taken": "Another line of the cart takes the stock.",
    "capacity_full": "Every source that has it is full.",
    "not_complete": "The order goes out whole or not at all.",
    "not_worth_it": "No allowed combination of parcels brings it.",
}


class CartLineSerializer(StrictSerializer):
    line_id = serializers.CharField(max_length=60)
    sku = serializers.CharField(max_length=64)
    quantity = QuantityField(min_value=1, max_value=100_000)
    free_shipping = serializers.BooleanField(default=False)
    method = serializers.ChoiceField(choices=OrderLine.Method.choices, default="ship_to_home")
    pickup_source = serializers.CharField(
        max_length=40,
        allow_blank=True,
        default="",
        help_text="Code of the store, of pickup and ship_to_store",
    )
    unit_price_minor = QuantityField(
        required=False, allow_null=True, max_value=10**11, help_text="Empty: the product's list price"
    )


class DestinationSerializer(StrictSerializer):
    country = serializers.RegexField(r"^[A-Z]{2}$", help_text="Two capital letters")
    region = serializers.CharField(max_length=60, allow_blank=True, default="")
    city = serializers.CharField(max_length=100, allow_blank=True, default="")
    postal_code = serializers.CharField(max_length=20, allow_blank=True, default="")
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False, allow_null=True)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False, allow_null=True)
    is_business = serializers.BooleanField(default=False)


class PlanSerializer(StrictSerializer):
    order_id = serializers.CharField(max_length=80, help_text="Yours; names the cart in reservations")
    channel = serializers.CharField(max_length=40, allow_blank=True, default="")
    strategy = serializers.CharField(
        max_length=40, allow_blank=True, default="", help_text="Empty: the default"
    )
    carrier = serializers.CharField(max_length=40, allow_blank=True, default="", help_text="Empty: any")
    destination = DestinationSerializer()
    lines = CartLineSerializer(many=True, min_length=1, max_length=MOST_LINES)
    value_minor = QuantityField(
        required=False,
        allow_null=True,
        max_value=10**11,
        help_text="Value of the goods in minor units; empty: what the lines add up to",
    )
    deliver_by = serializers.DateField(required=False, allow_null=True)
    confidence = serializers.FloatField(min_value=0.5, max_value=0.999, default=0.95)
    reserve_seconds = QuantityField(
        default=0, max_value=1800, help_text="Hold the plan's stock so long; 0: not"
    )


class PlanView(ApiView):
    """Reads only, unless stock is to be held: then the key also needs `inventory:write`."""

    scope_area, permission_model, scope_action = "fulfillment", "fulfillment.fulfillmentorder", "read"

    @extend_schema(
        operation_id="fulfillment_plan",
        summary="Plan a cart",
        parameters=[IDEMPOTENCY_KEY],
        request=PlanSerializer,
        responses={200: PlannedCartSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Plan lines, what could not be planned, and shipping options with price, dates, confidence and expiry."""
        values = dict(validated(PlanSerializer, request.data))
        seconds = values.pop("reserve_seconds")
        if seconds and not _may_hold(request):
            raise PermissionDenied("Holding stock needs the scope inventory:write.")
        cart = _cart(values, request)
        plan = plan_cart(cart)
        held = None
        if seconds and any(line.allocations for line in plan.lines):
            held = hold(plan, cart, seconds=seconds, actor=actor_of(request))
        return Response(document_of(plan, cart) | {"reservation": held})


def _may_hold(request: Request) -> bool:
    """A key by its scope; a person by the permission that reservations by API need."""
    user = request.user
    if hasattr(user, "may"):
        return user.may("inventory", "write")
    return user.has_perm("inventory.change_reservation")


def _cart(values: dict[str, Any], request: Request) -> Cart:
    _refuse_repeated([line["line_id"] for line in values["lines"]])
    lines = [CartLine(**line) for line in values.pop("lines")]
    destination = Destination(**values.pop("destination"))
    return Cart(
        lines=lines, destination=destination, channel_id=_channel(values.pop("channel"), request), **values
    )


def _channel(key: str, request: Request) -> int | None:
    """The channel named, if the caller may see it; a key for one channel need not name it."""
    mine = channel_ids_of(request)
    if not key:
        return next(iter(mine)) if mine is not None and len(mine) == 1 else None
    found = Channel.objects.filter(key=key).values_list("pk", flat=True).first()
    if found is None or (mine is not None and found not in mine):
        raise InvalidInput([fault("unknown_channel", "channel", f"There is no channel {key!r:.50} for you.")])
    return found


def _refuse_repeated(ids: list[str]) -> None:
    twice = sorted({text for text in ids if ids.count(text) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise InvalidInput(
            [fault("duplicate_line", "lines", f"The line {text} comes twice.") for text in twice]
        )


# -- the answer ---------------------------------------------------------------------------------------------------


def document_of(plan: CartPlan, cart: Cart) -> dict[str, Any]:
    rows = list(zip(cart.lines, plan.lines, strict=True))
    return {
        "execution_id": plan.execution_id,
        "order_id": cart.order_id,
        "strategy": plan.strategy,
        "strategy_version": plan.version,
        "located_by": plan.located_by,
        "relaxed": list(plan.relaxed),
        "plan_lines": [_line(plan, n, line, found) for n, (line, found) in enumerate(rows)],
        "not_fulfilled_lines": [
            {
                "line_id": line.line_id, "sku": line.sku, "quantity": found.missing, "reason": found.reason,
                "sentence": REASONS.get(found.reason, "It could not be planned."),
            }
            for line, found in rows
            if found.missing
        ],
        "costs": dict(plan.costs),
        "cost_minor": sum(plan.costs.values()),
        "shipping_options": [_option(option, plan, cart) for option in plan.options],
    }  # fmt: skip


def _line(plan: CartPlan, n: int, line: CartLine, found: LineResult) -> dict[str, Any]:
    parcels = {
        parcel.source: parcel
        for parcel in (plan.options[0].parcels if plan.options else ())
        if any(place == n for place, _ in parcel.content)
    }
    given = [
        {
            "source": code,
            "quantity": units,
            "service": parcels[code].service if code in parcels else "",
            "ships_on": parcels[code].ships_on if code in parcels else None,
        }
        for _, code, units in found.allocations
    ]
    kind = "fully" if not found.missing else "partially" if found.missing < line.quantity else "not_sourced"
    return {
        "line_id": line.line_id, "sku": line.sku, "quantity": line.quantity,
        "fulfilled_quantity": line.quantity - found.missing, "fulfillment_type": kind, "method": line.method,
        "sentence": found.sentence, "sources": given,
    }  # fmt: skip


def _option(option: Option, plan: CartPlan, cart: Cart) -> dict[str, Any]:
    return {
        "kinds": list(option.kinds),
        "price_minor": option.price_minor,
        "currency": plan.currency,
        "ships_on": min(parcel.ships_on for parcel in option.parcels),
        "delivers_on": option.last_day,
        "confidence": cart.confidence,
        "expires_at": option.expires_at,
        "grams_co2": option.grams_co2,
        "parcels": [_parcel(parcel, cart) for parcel in option.parcels],
    }


def _parcel(parcel: ParcelPlan, cart: Cart) -> dict[str, Any]:
    return {
        "source": parcel.source,
        "carrier": parcel.carrier,
        "service": parcel.service,
        "service_name": parcel.service_name,
        "price_minor": parcel.price_minor,
        "distance_km": parcel.km,
        "ships_on": parcel.ships_on,
        "delivers_on": parcel.delivers_on,
        "lines": [{"line_id": cart.lines[n].line_id, "quantity": units} for n, units in parcel.content],
    }
