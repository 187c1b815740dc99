"""What comes in about fulfillment orders, and what goes out, for the OpenAPI document."""

from rest_framework import serializers

from iom.lib.api.serializers import (
    MAX_ROWS,
    IdField,
    IdListSerializer,
    MomentField,
    QuantityField,
    StrictSerializer,
)


class CancelSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class BulkCancelSerializer(CancelSerializer, IdListSerializer):
    """A cancellation of many."""


class RejectSerializer(IdListSerializer):
    kind = serializers.SlugField(
        max_length=40,
        allow_blank=True,
        default="",
        help_text="Code of a rejection reason: its effects follow",
    )
    reason = serializers.CharField(
        max_length=150, allow_blank=True, default="", help_text="Words beside it or instead of it"
    )

    def validate(self, values):
        if not values["kind"] and not values["reason"]:
            raise serializers.ValidationError({"reason": "Say why, by kind or in words."})
        return values


class RejectLinesSerializer(RejectSerializer):
    ids = serializers.ListField(
        child=IdField(), min_length=1, max_length=MAX_ROWS, help_text="Ids of fulfillment lines"
    )


class ShippedLineSerializer(StrictSerializer):
    id = IdField(help_text="Id of the fulfillment line")
    quantity = QuantityField()


class ShipmentSerializer(StrictSerializer):
    fulfillment_order = serializers.CharField(max_length=30, help_text="Number (FO-2210) or id")
    key = serializers.CharField(max_length=90, help_text="Yours; the same key again changes nothing")
    carrier = serializers.CharField(max_length=40, allow_blank=True, default="")
    service = serializers.CharField(max_length=40, allow_blank=True, default="")
    tracking_number = serializers.CharField(max_length=80, allow_blank=True, default="")
    tracking_url = serializers.URLField(max_length=500, allow_blank=True, default="")
    shipped_at = MomentField(required=False)
    lines = ShippedLineSerializer(many=True, required=False, allow_null=True, min_length=1, max_length=2000)


class ShipSerializer(StrictSerializer):
    shipments = ShipmentSerializer(many=True, min_length=1, max_length=MAX_ROWS)


class WorkLine(serializers.Serializer):
    id = serializers.IntegerField()
    order_line = serializers.IntegerField()
    line_number = serializers.IntegerField()
    sku = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.IntegerField()
    quantity_picked = serializers.IntegerField()
    quantity_shipped = serializers.IntegerField()


class WorkRow(serializers.Serializer):
    id = serializers.IntegerField()
    number = serializers.CharField()
    order = serializers.CharField()
    source = serializers.CharField()
    source_type = serializers.CharField()
    state = serializers.CharField()
    state_reason = serializers.CharField()
    state_at = serializers.DateTimeField()
    external_id = serializers.CharField()
    ship_by = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()


class ShipmentRow(serializers.Serializer):
    id = serializers.IntegerField()
    fulfillment_order = serializers.CharField()
    order = serializers.CharField()
    source = serializers.CharField()
    carrier = serializers.CharField()
    service = serializers.CharField()
    tracking_number = serializers.CharField()
    tracking_url = serializers.CharField()
    shipped_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)


class WorkDocument(WorkRow):
    lines = WorkLine(many=True)
    shipments = ShipmentRow(many=True)
