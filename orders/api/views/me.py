from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api.clients import actor_of
from iom.lib.api.views import ApiView
from orders.api import schema
from orders.api.authentication import ApiClient
from orders.models import Channel


class MeView(ApiView):
    scope_area = "*"

    @extend_schema(operation_id="me", responses=schema.Me)
    def get(self, request: Request) -> Response:
        """Which key or login this is, and what it may do."""
        user = request.user
        if not isinstance(user, ApiClient):
            name = user.get_username()
            return Response(
                {"kind": "person", "name": name, "actor": actor_of(request), "scopes": [], "channels": None}
            )
        channels = user.channel_ids and sorted(
            Channel.objects.filter(pk__in=user.channel_ids).values_list("key", flat=True)
        )
        return Response(
            {
                "kind": "key",
                "name": user.name,
                "actor": user.actor,
                "scopes": sorted(user.scopes),
                "channels": channels,
            }
        )
