"""Who is asking: a key or a person, under the names that services, logs and the idempotency store use.

Authentication puts an object on the request as `user`; one for a key carries `actor`, `client` and `channel_ids`,
a person from a session is Django's user.
"""

from rest_framework.request import Request


def actor_of(request: Request) -> str:
    """The text for events and ledgers: `api:<prefix>` or `user:<name>`."""
    return getattr(request.user, "actor", None) or f"user:{request.user.get_username()}"


def client_of(request: Request) -> str:
    """Whose idempotency keys these are."""
    return getattr(request.user, "client", None) or f"user:{request.user.pk}"


def channel_ids_of(request: Request) -> frozenset[int] | None:
    """The channels that the caller may see; None: all of them."""
    return getattr(request.user, "channel_ids", None)
