"""What comes in about products, stock and reservations."""

from rest_framework import serializers

from inventory.models import FulfillmentSource, Product, Reservation
from iom.lib.api.serializers import LARGEST_QUANTITY, MAX_ROWS, QuantityField, StrictSerializer
from iom.lib.money import CURRENCIES

MOST_STOCK_ROWS = 1000
LARGEST_SIZE = 2**31 - 1


class ProductSerializer(StrictSerializer):
    """A product; when it exists, only the fields that are sent change."""

    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    category = serializers.CharField(max_length=60, allow_blank=True, required=False)
    base_unit = serializers.ChoiceField(choices=Product.BaseUnit.choices, required=False)
    weight_grams = QuantityField(max_value=LARGEST_SIZE, required=False)
    length_mm = QuantityField(max_value=LARGEST_SIZE, required=False)
    width_mm = QuantityField(max_value=LARGEST_SIZE, required=False)
    height_mm = QuantityField(max_value=LARGEST_SIZE, required=False)
    price = serializers.DecimalField(max_digits=14, decimal_places=4, min_value=0, required=False)
    currency = serializers.ChoiceField(choices=sorted(CURRENCIES), required=False)
    preorder_eligible = serializers.BooleanField(required=False)
    launch_date = serializers.DateField(allow_null=True, required=False)
    active = serializers.BooleanField(required=False)
    id = serializers.IntegerField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class ProductsSerializer(StrictSerializer):
    products = ProductSerializer(many=True, min_length=1, max_length=MAX_ROWS)


class StockRowSerializer(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    source = serializers.CharField(max_length=40, help_text="Code of a fulfillment source")
    quantity = QuantityField()
    reference = serializers.CharField(max_length=100, allow_blank=True, default="")


class StockChangeRowSerializer(StockRowSerializer):
    quantity = QuantityField(min_value=-LARGEST_QUANTITY)


class SetStockSerializer(StrictSerializer):
    rows = StockRowSerializer(many=True, min_length=1, max_length=MOST_STOCK_ROWS)
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class AdjustStockSerializer(StrictSerializer):
    rows = StockChangeRowSerializer(many=True, min_length=1, max_length=MOST_STOCK_ROWS)
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class ReservationLineSerializer(StrictSerializer):
    key = serializers.CharField(
        max_length=90, help_text="Yours; holds once for ever, however often it is sent"
    )
    sku = serializers.CharField(max_length=64)
    source = serializers.CharField(max_length=40)
    quantity = QuantityField(min_value=1)
    reference = serializers.CharField(max_length=100, allow_blank=True, default="")


class ReservationRequestSerializer(StrictSerializer):
    """Lines that are granted together or not at all; with `partial` each takes what there is."""

    lines = ReservationLineSerializer(many=True, min_length=1, max_length=100)
    kind = serializers.ChoiceField(choices=Reservation.Kind.choices, default=Reservation.Kind.SOFT)
    expires_in_seconds = QuantityField(min_value=1, max_value=90 * 86400, required=False)
    partial = serializers.BooleanField(default=False)


class ReserveSerializer(StrictSerializer):
    requests = ReservationRequestSerializer(many=True, min_length=1, max_length=MAX_ROWS)


class ReleaseKeysSerializer(StrictSerializer):
    keys = serializers.ListField(
        child=serializers.CharField(max_length=90), min_length=1, max_length=MAX_ROWS
    )
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


# -- answers, for the OpenAPI document ----------------------------------------------------------------------------


class ProductResult(serializers.Serializer):
    sku = serializers.CharField()
    result = serializers.ChoiceField(choices=["created", "changed", "same"])


class ProductResults(serializers.Serializer):
    rows = ProductResult(many=True)


class PositionRow(serializers.Serializer):
    sku = serializers.CharField()
    source = serializers.CharField()
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()
    safety_stock = serializers.IntegerField()
    available = serializers.IntegerField()


class PositionPage(serializers.Serializer):
    results = PositionRow(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RowsChanged(serializers.Serializer):
    rows = serializers.IntegerField(help_text="Rows in the request")


class SourceDocument(serializers.ModelSerializer):
    class Meta:
        model = FulfillmentSource
        fields = (
            "id", "code", "name", "type", "line1", "city", "region", "postal_code", "country", "latitude", "longitude",
            "time_zone", "processing_minutes", "cutoff_time", "active",
        )  # fmt: skip


class ShortLine(serializers.Serializer):
    key = serializers.CharField()
    sku = serializers.CharField()
    source = serializers.CharField()
    wanted = serializers.IntegerField()
    available = serializers.IntegerField()


class ReserveAnswer(serializers.Serializer):
    granted = serializers.DictField(child=serializers.IntegerField(), help_text="Quantity by key")
    short = ShortLine(many=True)


class ReleasedKeys(serializers.Serializer):
    released = serializers.ListField(child=serializers.CharField())


class ReservationDocument(serializers.Serializer):
    key = serializers.CharField()
    reference = serializers.CharField()
    sku = serializers.CharField()
    source = serializers.CharField()
    quantity = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
