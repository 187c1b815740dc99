"""Words of the OpenAPI document that every app uses."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from iom.lib.api.serializers import ProblemSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key and body again answers as the first did.",
)


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "orders.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "iom_…"}


def page_of(name: str, row: type[serializers.Serializer]) -> type[serializers.Serializer]:
    """The document of one page of such rows."""
    text = {
        "next_cursor": serializers.CharField(allow_null=True),
        "next": serializers.CharField(allow_null=True),
    }
    return type(name, (serializers.Serializer,), {"results": row(many=True), **text})


def problem(text: str) -> OpenApiResponse:
    return OpenApiResponse(ProblemSerializer, description=text)
