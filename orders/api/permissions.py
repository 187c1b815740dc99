"""What a caller may do: a key by its scopes, a person by Django's model permissions."""

from django.contrib.auth.models import AbstractUser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from orders.api.authentication import ApiClient

PERMISSION_BY_METHOD = {"POST": "change", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


class HasScope(BasePermission):
    """Deny by default: a view that names no area answers nobody. Area `*` is open to everybody who is known."""

    message = "This key or login may not do that."

    def has_permission(self, request: Request, view) -> bool:
        user = request.user
        if user is None or not user.is_authenticated:
            return False
        if view.scope_area == "*":
            return True
        if isinstance(user, ApiClient):
            return bool(view.scope_area) and user.may(view.scope_area, _action(request, view))
        return _person_may(user, request, view)


def _action(request: Request, view) -> str:
    return view.scope_action or ("read" if request.method in SAFE_METHODS else "write")


def _person_may(user: AbstractUser, request: Request, view) -> bool:
    if not view.permission_model:
        return False
    app, model = view.permission_model.split(".")
    verb = "view" if _action(request, view) == "read" else PERMISSION_BY_METHOD.get(request.method, "view")
    return user.has_perm(f"{app}.{verb}_{model}")
