"""Serializers for what is not hot: unknown and read-only fields are refused, quantities are whole and bounded."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from iom.lib.api.filters import moment

LARGEST_QUANTITY = 10**9
LARGEST_ID = 2**63 - 1
MAX_ROWS = 500


class StrictSerializer(serializers.Serializer):
    """Refuses what it does not know: a typo of `quantity` must not ship one."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            self._refuse_foreign(data)
        return super().to_internal_value(data)

    def _refuse_foreign(self, data: Mapping[str, Any]) -> None:
        faults = {}
        for name in data:
            if name not in self.fields:
                faults[name] = [ErrorDetail("This field is not known here.", "unknown_field")]
            elif self.fields[name].read_only:
                faults[name] = [ErrorDetail("This field is set by us only.", "read_only")]
        if faults:
            raise ValidationError(faults)


class QuantityField(serializers.IntegerField):
    """A JSON whole number; neither true, 1.5 nor a text."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", 0)
        options.setdefault("max_value", LARGEST_QUANTITY)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class MomentField(serializers.DateTimeField):
    """ISO 8601 with its zone, in UTC; a time without one could mean any of 27 hours."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            return moment(data) if isinstance(data, str) else self.fail("invalid", format="ISO 8601")
        except ValueError as error:
            raise ValidationError(f"{error}.".capitalize(), "bad_time") from error


class IdField(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **options)


class IdListSerializer(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.CharField(max_length=30),
        min_length=1,
        max_length=MAX_ROWS,
        help_text="Our numbers, such as SO-1042, or ids",
    )


class FaultSerializer(serializers.Serializer):
    code = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()
    fix = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """application/problem+json, for every error."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FaultSerializer(many=True)
    request_id = serializers.CharField()


class BatchOutcomeSerializer(serializers.Serializer):
    """What a batch did: the ids changed, and those refused with the sentence that says why."""

    changed = serializers.ListField(child=serializers.IntegerField())
    refused = serializers.ListField(child=serializers.DictField())


def validated(serializer: type[serializers.Serializer], data: Any, **options: Any) -> Any:
    found = serializer(data=data, **options)
    found.is_valid(raise_exception=True)
    return found.validated_data
