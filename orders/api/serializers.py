"""What the small requests about orders look like; the hot one is read by `orders.api.reading`."""

from rest_framework import serializers

from iom.lib.api.serializers import IdListSerializer, MomentField, StrictSerializer
from orders.models import Hold


class ShipToSerializer(StrictSerializer):
    name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    line1 = serializers.CharField(max_length=400, allow_blank=True, required=False)
    line2 = serializers.CharField(max_length=400, allow_blank=True, required=False)
    city = serializers.CharField(max_length=100, allow_blank=True, required=False)
    region = serializers.CharField(max_length=60, allow_blank=True, required=False)
    postal_code = serializers.CharField(max_length=20, allow_blank=True, required=False)
    country = serializers.CharField(max_length=2, allow_blank=True, required=False)
    latitude = serializers.FloatField(min_value=-90, max_value=90, allow_null=True, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, allow_null=True, required=False)


class OrderChangeSerializer(StrictSerializer):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    customer_name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    customer_email = serializers.CharField(max_length=254, allow_blank=True, required=False)
    customer_phone = serializers.CharField(max_length=40, allow_blank=True, required=False)
    customer_reference = serializers.CharField(max_length=100, allow_blank=True, required=False)
    sales_origin = serializers.CharField(max_length=40, allow_blank=True, required=False)
    priority = serializers.IntegerField(min_value=0, max_value=100, required=False)
    notes = serializers.CharField(max_length=10_000, allow_blank=True, required=False)
    requested_delivery_at = MomentField(allow_null=True, required=False)
    promised_at = MomentField(allow_null=True, required=False)
    ship_to = ShipToSerializer(required=False)
    state = serializers.CharField(read_only=True)
    total = serializers.CharField(read_only=True)


class HoldSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=Hold.Type.choices, default=Hold.Type.MANUAL)
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")
    blocks = serializers.ListField(child=serializers.CharField(max_length=60), max_length=20, default=list)


class ReleaseSerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=Hold.Type.choices, required=False)
    note = serializers.CharField(max_length=200, allow_blank=True, default="")


class NothingSerializer(StrictSerializer):
    """An empty object, or no body."""


class NoteSerializer(StrictSerializer):
    text = serializers.CharField(max_length=5000)


class BulkHoldSerializer(HoldSerializer, IdListSerializer):
    """A hold for many."""


class BulkReleaseSerializer(ReleaseSerializer, IdListSerializer):
    """A release for many."""
