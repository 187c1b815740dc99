"""Keys for other systems: shown once, kept as a hash."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from django.contrib.auth.models import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Q
from django.utils import timezone

from iom.lib import compiled
from orders.errors import UnknownScope
from orders.models import ApiKey, Channel

SCOPES = {
    "orders:read": "Read orders, lines, holds and their timeline",
    "orders:write": "Create, edit, hold, release, cancel and orchestrate orders",
    "products:read": "Read products",
    "products:write": "Create and edit products",
    "inventory:read": "Read positions, sources and reservations",
    "inventory:write": "Set and adjust stock, reserve and release",
    "fulfillment:read": "Read fulfillment orders and shipments",
    "fulfillment:write": "Accept, pick, pack, ship and reject",
    "events:read": "Read the feed of business events",
    "webhooks:read": "See which addresses are told of events",
    "webhooks:write": "Add and remove such addresses",
}
AREAS = frozenset(scope.partition(":")[0] for scope in SCOPES)
USE_NOTED_EVERY = timedelta(minutes=1)
# In the order of the model's fields.
KNOWN_BY = ("id", "name", "prefix", "secret_hash", "scopes", "expires_at", "revoked_at", "last_used_at")
_NO_KEY = sha256(b"").hexdigest()
# A row for each channel that the key is bound to, so that a caller is known by one query.
_rows = compiled.Query(
    lambda prefix: (
        ApiKey.objects.filter(prefix=prefix).order_by().values_list(*KNOWN_BY, "user__is_active", "channels")
    ),
    planned=True,
)


@transaction.atomic
def create_key(
    name: str,
    *,
    scopes: Collection[str],
    channels: Collection[Channel] = (),
    user: AbstractBaseUser | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key and its plain text, `iom_<prefix>_<secret>`, which nobody can read again. Raises UnknownScope."""
    if unknown := [scope for scope in scopes if not is_scope(scope)]:
        raise UnknownScope(unknown, SCOPES)
    prefix = secrets.token_hex(4)
    plain = f"iom_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        secret_hash=_hashed(plain),
        scopes=sorted(set(scopes)),
        user=user,
        expires_at=expires_at,
    )
    key.channels.set(channels)
    return key, plain


def authenticate(plain: str) -> ApiKey | None:
    """The live key of this text, or None, in the same time whether it is wrong, expired, revoked or none.

    Its `channel_ids` are those that it is bound to, None: every channel.

    The time of use is noted once a minute at most, so a busy key is not a hot row.
    """
    rows = _rows(_prefix(plain))
    key = ApiKey.from_db(DEFAULT_DB_ALIAS, KNOWN_BY, rows[0][: len(KNOWN_BY)]) if rows else None
    if not compare_digest(_hashed(plain), key.secret_hash if key else _NO_KEY) or key is None:
        return None
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        return None
    *_, owner_is_active, _ = rows[0]
    if owner_is_active is False:  # None: it belongs to nobody
        return None
    key.channel_ids = frozenset(channel for *_, channel in rows if channel) or None
    _note_use(key, now)
    return key


def revoke_keys(key_ids: Collection[int]) -> int:
    """Works from the next request on; a revoked key stays as it is. Returns how many were revoked now."""
    return ApiKey.objects.filter(pk__in=key_ids, revoked_at__isnull=True).update(revoked_at=timezone.now())


def allows(key: ApiKey, scope: str) -> bool:
    area = scope.partition(":")[0]
    return not {scope, f"{area}:*", "*"}.isdisjoint(key.scopes)


def is_scope(text: str) -> bool:
    return text == "*" or text in SCOPES or (text.endswith(":*") and text[:-2] in AREAS)


def _note_use(key: ApiKey, now: datetime) -> None:
    stale = now - USE_NOTED_EVERY
    if key.last_used_at and key.last_used_at > stale:
        return
    unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=stale)
    ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)
    key.last_used_at = now


def _prefix(plain: str) -> str:
    """Empty, which no key has, unless the text looks like a key; keeps odd bytes out of the query."""
    parts = plain.split("_", 2)
    looks_right = len(parts) == 3 and parts[0] == "iom" and parts[1].isascii() and parts[1].isalnum()
    return parts[1] if looks_right and len(parts[1]) <= 12 else ""


def _hashed(plain: str) -> str:
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
