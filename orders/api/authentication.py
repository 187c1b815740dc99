"""Keys for other systems. Every bad key gets the same answer: whether it exists, expired or was revoked is not told."""

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from orders.models import ApiKey
from orders.services import access

LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Who a key speaks for; stands where Django has a user. `channel_ids` None: every channel."""

    key_id: int
    name: str
    prefix: str
    scopes: frozenset[str]
    channel_ids: frozenset[int] | None
    is_authenticated: bool = True

    @property
    def actor(self) -> str:
        return f"api:{self.prefix}"

    @property
    def client(self) -> str:
        return f"key:{self.key_id}"

    def may(self, area: str, action: str) -> bool:
        return bool(self.scopes & {f"{area}:{action}", f"{area}:*", "*"})


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer iom_…`."""

    def authenticate(self, request: Request) -> tuple[ApiClient, ApiKey] | None:
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        key = access.authenticate(_token(parts))
        if key is None:
            raise AuthenticationFailed()
        return client_for(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="IOM API"'


def client_for(key: ApiKey) -> ApiClient:
    return ApiClient(key.pk, key.name, key.prefix, frozenset(key.scopes), key.channel_ids)


def _token(parts: list[bytes]) -> str:
    if (
        len(parts) != 2
        or parts[0].lower() != b"bearer"
        or len(parts[1]) > LONGEST_TOKEN
        or not parts[1].isascii()
    ):
        raise AuthenticationFailed()
    return parts[1].decode()
