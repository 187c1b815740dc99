"""The shape of a planned cart, for the API's description; money in minor units of the plan's currency."""

from rest_framework import serializers


class PlannedPartSerializer(serializers.Serializer):
    source = serializers.CharField()
    service = serializers.CharField(help_text="Empty: no carrier is set up for it, or none is needed")
    quantity = serializers.IntegerField()
    ships_on = serializers.DateField(allow_null=True)


class PlannedLineSerializer(serializers.Serializer):
    line_id = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    fulfilled_quantity = serializers.IntegerField()
    fulfillment_type = serializers.ChoiceField(["fully", "partially", "not_sourced"])
    method = serializers.CharField()
    sentence = serializers.CharField(help_text="Why it goes there, as the decision of an order would say")
    sources = PlannedPartSerializer(many=True)


class MissingLineSerializer(serializers.Serializer):
    line_id = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    reason = serializers.CharField(help_text="A code; `sentence` says it in words")
    sentence = serializers.CharField()


class ParcelLineSerializer(serializers.Serializer):
    line_id = serializers.CharField()
    quantity = serializers.IntegerField()


class ParcelSerializer(serializers.Serializer):
    source = serializers.CharField()
    carrier = serializers.CharField(help_text="Empty: the customer takes it where it lies")
    service = serializers.CharField()
    service_name = serializers.CharField()
    price_minor = serializers.IntegerField()
    distance_km = serializers.FloatField()
    ships_on = serializers.DateField()
    delivers_on = serializers.DateField()
    lines = ParcelLineSerializer(many=True)


class ShippingOptionSerializer(serializers.Serializer):
    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="plan, earliest, cheapest, greenest"
    )
    price_minor = serializers.IntegerField()
    currency = serializers.CharField()
    ships_on = serializers.DateField(help_text="The first parcel")
    delivers_on = serializers.DateField(help_text="The last parcel, with the confidence asked for")
    confidence = serializers.FloatField()
    expires_at = serializers.DateTimeField()
    grams_co2 = serializers.IntegerField()
    parcels = ParcelSerializer(many=True)


class HeldStockSerializer(serializers.Serializer):
    keys = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class PlannedCartSerializer(serializers.Serializer):
    execution_id = serializers.CharField()
    order_id = serializers.CharField()
    strategy = serializers.CharField()
    strategy_version = serializers.IntegerField()
    located_by = serializers.CharField(help_text="How the destination was placed on the map")
    relaxed = serializers.ListField(
        child=serializers.CharField(), help_text="Soft constraints that were left out"
    )
    plan_lines = PlannedLineSerializer(many=True)
    not_fulfilled_lines = MissingLineSerializer(many=True)
    costs = serializers.DictField(
        child=serializers.IntegerField(), help_text="What the plan costs us, in cents by component"
    )
    cost_minor = serializers.IntegerField()
    shipping_options = ShippingOptionSerializer(many=True)
    reservation = HeldStockSerializer(allow_null=True)
