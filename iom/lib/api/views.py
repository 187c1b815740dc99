"""The base of every API view: limits on the address, one place for refusals, and scopes by area."""

from typing import Any

from django.http import Http404, HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iom.lib.api.errors import Problem

MAX_QUERY = 4000


class ApiView(APIView):
    """`scope_area` names the scopes (`area:read`, `area:write`); `permission_model` whose Django permissions a
    person needs instead. `scope_action` overrides what the method says, for a POST that only reads."""

    scope_area = ""
    permission_model = ""
    scope_action = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.META.get("HTTP_TRANSFER_ENCODING"):  # the gateway hands us nothing of such a body
            raise Problem("length_required", "Send the body with a Content-Length.", status=411)
        query = request.META.get("QUERY_STRING", "")
        if len(query) > MAX_QUERY:
            raise Problem("query_too_long", f"The address is longer than {MAX_QUERY} characters.", status=414)
        if any("\x00" in text for name, values in request.query_params.lists() for text in (name, *values)):
            raise Problem("bad_text", "The address holds a NUL character.")
        if any("\x00" in value for value in kwargs.values() if isinstance(value, str)):
            raise Http404  # no record of ours is named so, and PostgreSQL would not even look


@extend_schema(exclude=True)
class NotFoundView(ApiView):
    """Any other address under the API: 401 without a key, 404 with one, in the usual shape."""

    scope_area = "*"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        self.http_method_names = [request.method.lower()]
        setattr(self, request.method.lower(), self._refuse)
        return super().dispatch(request, *args, **kwargs)

    def _refuse(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise Http404
