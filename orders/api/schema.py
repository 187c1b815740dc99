"""What the OpenAPI document says of requests and answers that are read and written by hand. Used for nothing else."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)
from rest_framework import serializers

from iom.lib.api.schema import IDEMPOTENCY_KEY, page_of, problem
from iom.lib.api.serializers import FaultSerializer
from orders.models import OrderLine

IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The version that you saw.")
AMOUNT_HELP = "Amount in the currency, as text or number, with no more decimals than the currency has"


def _text(**options) -> serializers.CharField:
    return serializers.CharField(required=False, **options)


def _amount(required: bool = False) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=6, required=required, help_text=AMOUNT_HELP)


class Place(serializers.Serializer):
    name = _text(max_length=200)
    line1 = _text(max_length=400)
    line2 = _text(max_length=400)
    city = _text(max_length=100)
    region = _text(max_length=60)
    postal_code = _text(max_length=20)
    country = _text(max_length=2, help_text="ISO 3166, two letters")
    latitude = serializers.FloatField(required=False, min_value=-90, max_value=90)
    longitude = serializers.FloatField(required=False, min_value=-180, max_value=180)


class NewLine(serializers.Serializer):
    line_number = serializers.IntegerField(required=False, min_value=1)
    sku = _text(max_length=64)
    description = _text(max_length=200, help_text="For a write-in line without SKU")
    quantity = serializers.IntegerField(min_value=1, max_value=10**9, help_text="In the product's base unit")
    unit_price = _amount(required=True)
    discount = _amount()
    tax = _amount()
    method = serializers.ChoiceField(
        OrderLine.Method.choices, required=False, help_text="ship_to_home if not given"
    )
    pickup_source = _text(max_length=40, help_text="Code of the store, of pickup and ship_to_store")


class NewCharge(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["shipping", "handling", "discount", "tax"])
    amount = _amount(required=True)
    description = _text(max_length=100)


class NewOrder(serializers.Serializer):
    """An order as a channel hands it over; unknown fields are refused."""

    channel = serializers.CharField(max_length=40, help_text="Key of the channel")
    external_id = serializers.CharField(max_length=100, help_text="The channel's own id, once for ever")
    currency = _text(max_length=3, help_text="ISO 4217; the channel's if not given")
    placed_at = serializers.DateTimeField()
    ship_to = Place()
    bill_to = Place(required=False)
    lines = NewLine(many=True)
    charges = NewCharge(many=True, required=False)
    total = _amount()
    customer_code = _text(max_length=40)
    customer_name = _text(max_length=200)
    customer_email = _text(max_length=254)
    customer_phone = _text(max_length=40)
    customer_reference = _text(max_length=100)
    sales_origin = _text(max_length=40)
    notes = _text(max_length=10_000)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    priority = serializers.IntegerField(required=False, min_value=0, max_value=100)
    requested_delivery_at = serializers.DateTimeField(required=False)
    promised_at = serializers.DateTimeField(required=False)
    draft = serializers.BooleanField(required=False)


class NewOrders(serializers.Serializer):
    orders = NewOrder(many=True)


class OrderOutcome(serializers.Serializer):
    result = serializers.ChoiceField(choices=["created", "existing"])
    number = serializers.CharField()
    id = serializers.IntegerField()
    url = serializers.CharField()


class OrderOutcomeRow(serializers.Serializer):
    index = serializers.IntegerField()
    result = serializers.ChoiceField(choices=["created", "existing", "conflict", "refused"])
    number = _text()
    id = serializers.IntegerField(required=False)
    url = _text()
    errors = FaultSerializer(many=True)


class OrderOutcomes(serializers.Serializer):
    created = serializers.IntegerField()
    existing = serializers.IntegerField()
    conflict = serializers.IntegerField()
    refused = serializers.IntegerField()
    rows = OrderOutcomeRow(many=True)


class OrderRow(serializers.Serializer):
    id = serializers.IntegerField()
    number = serializers.CharField()
    channel = serializers.CharField()
    external_id = serializers.CharField()
    state = serializers.CharField()
    state_reason = serializers.CharField()
    state_at = serializers.DateTimeField()
    customer_name = serializers.CharField()
    customer_reference = serializers.CharField()
    currency = serializers.CharField()
    total = serializers.CharField()
    line_count = serializers.IntegerField()
    unit_count = serializers.IntegerField()
    priority = serializers.IntegerField()
    placed_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    promised_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    url = serializers.CharField()


class OrderLineDocument(serializers.Serializer):
    id = serializers.IntegerField()
    line_number = serializers.IntegerField()
    sku = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.CharField()
    discount = serializers.CharField()
    tax = serializers.CharField()
    amount = serializers.CharField()
    source = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    state_reason = serializers.CharField()
    quantity_shipped = serializers.IntegerField()
    quantity_canceled = serializers.IntegerField()
    quantity_backordered = serializers.IntegerField()


class HoldDocument(serializers.Serializer):
    id = serializers.IntegerField()
    type = serializers.CharField()
    reason = serializers.CharField()
    blocks = serializers.ListField(child=serializers.CharField())
    placed_by = serializers.CharField()
    placed_at = serializers.DateTimeField()
    released_by = serializers.CharField()
    released_at = serializers.DateTimeField(allow_null=True)
    release_note = serializers.CharField()


class OrderDocument(OrderRow):
    goods = serializers.CharField()
    discount = serializers.CharField()
    shipping = serializers.CharField()
    tax = serializers.CharField()
    ship_to = Place()
    bill_to = serializers.DictField()
    customer_code = serializers.CharField(allow_null=True)
    customer_email = serializers.CharField()
    customer_phone = serializers.CharField()
    order_type = serializers.CharField()
    sales_origin = serializers.CharField()
    is_manual = serializers.BooleanField()
    notes = serializers.CharField()
    requested_delivery_at = serializers.DateTimeField(allow_null=True)
    sourced_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    lines = OrderLineDocument(many=True)
    charges = NewCharge(many=True)
    holds = HoldDocument(many=True)
    tags = serializers.ListField(child=serializers.CharField())
    allowed_actions = serializers.ListField(child=serializers.CharField())
    fulfillment_orders_url = serializers.CharField()


class NumberedId(serializers.Serializer):
    id = serializers.IntegerField()
    number = serializers.CharField()


class Refusal(NumberedId):
    reason = serializers.CharField()


class BatchOutcome(serializers.Serializer):
    """What a batch did; what is in neither list was there already."""

    changed = NumberedId(many=True)
    refused = Refusal(many=True)


class ActionAnswer(NumberedId):
    state = serializers.CharField()
    changed = serializers.BooleanField(help_text="False: it was so already")
    allowed_actions = serializers.ListField(child=serializers.CharField())


class EventRow(serializers.Serializer):
    id = serializers.IntegerField()
    cursor = serializers.CharField()
    kind = serializers.CharField()
    entity = serializers.CharField()
    record_id = serializers.IntegerField()
    order = serializers.CharField(allow_null=True)
    payload = serializers.DictField()
    actor = serializers.CharField()
    at = serializers.DateTimeField()


class EventPage(serializers.Serializer):
    results = EventRow(many=True)
    next_cursor = serializers.CharField(help_text="Ask with it again, also when nothing was there")
    more = serializers.BooleanField()


class Me(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["key", "person"])
    name = serializers.CharField()
    actor = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    channels = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Null: every channel"
    )


__all__ = ["IDEMPOTENCY_KEY", "page_of", "problem"]
EXAMPLE_ORDER = {
    "channel": "web",
    "external_id": "A-1001",
    "placed_at": "2026-05-01T12:00:00Z",
    "customer_name": "Ada Lopez",
    "ship_to": {
        "name": "Ada Lopez",
        "line1": "1 Main St",
        "city": "Austin",
        "region": "TX",
        "postal_code": "78701",
        "country": "US",
    },
    "lines": [{"sku": "TEE-BLACK-M", "quantity": 2, "unit_price": "19.90"}],
}
ORDER_INTAKE = {
    "parameters": [IDEMPOTENCY_KEY],
    "request": PolymorphicProxySerializer(
        "OrderIntake", [NewOrder, NewOrders], resource_type_field_name=None
    ),
    "responses": {
        201: PolymorphicProxySerializer(
            "OrderIntakeAnswer", [OrderOutcome, OrderOutcomes], resource_type_field_name=None
        ),
        200: OpenApiResponse(OrderOutcome, description="The same order again"),
        400: problem("Something cannot be read"),
        409: problem("The external id came before with other content, or the key is running"),
        413: problem("Too many orders, lines or bytes"),
        422: problem("Something does not add up or is not known"),
    },
    "examples": [OpenApiExample("One order", EXAMPLE_ORDER, request_only=True)],
}
PATH_ID = OpenApiParameter(
    "order", OpenApiTypes.STR, OpenApiParameter.PATH, description="Number (SO-1042) or id"
)
