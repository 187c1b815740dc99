"""Secrets of connections: written by forms, encrypted at rest, decrypted only for the length of a call."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils import timezone

from providers.errors import ProviderMisconfigured, UnknownSecret
from providers.models import ProviderConnection
from providers.registry import provider


def set_secrets(connection: ProviderConnection, plain: Mapping[str, str]) -> list[str]:
    """Keep these secrets; an empty text keeps what is there. Returns the names changed.

    Raises UnknownSecret for a name that the provider has not. A changed secret opens a connection that had been
    stopped for its credentials.
    """
    known = {parameter.key for parameter in provider(connection.provider).parameters if parameter.secret}
    if unknown := set(plain) - known:
        raise UnknownSecret(f"{connection.provider} has no secret named {', '.join(sorted(unknown))}.")
    changed = {name: _sealed(text) for name, text in plain.items() if text}
    if changed:
        connection.secrets = {**connection.secrets, **changed}
        connection.save(update_fields=["secrets", "updated_at"])
    return sorted(changed)


def masked(connection: ProviderConnection) -> dict[str, str]:
    """What may be shown: the last four letters of each secret and its age."""
    return {name: _mask(row) for name, row in connection.secrets.items()}


def reveal(sealed: Mapping, name: str) -> str:
    """The secret itself, empty if there is none. For the inside of a call only: do not keep it."""
    row = sealed.get(name)
    if not row:
        return ""
    try:
        return _ring().decrypt(row["sealed"].encode()).decode()
    except InvalidToken:
        raise ProviderMisconfigured(
            f"The secret “{name}” was sealed with a key that is gone; enter it again."
        ) from None


def kept_secrets(connection: ProviderConnection) -> list[str]:
    """All that can be opened, to compare with what somebody types elsewhere: do not keep it."""
    found = []
    for name in connection.secrets:
        with suppress(ProviderMisconfigured):
            found.append(reveal(connection.secrets, name))
    return found


def rotate(connection: ProviderConnection) -> None:
    """Seal everything again under the newest key of the ring."""
    ring = _ring()
    for row in connection.secrets.values():
        row["sealed"] = ring.rotate(row["sealed"].encode()).decode()
    connection.save(update_fields=["secrets", "updated_at"])


def _ring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def _sealed(text: str) -> dict[str, str]:
    # Four letters of a short secret would be half of it.
    last = text[-4:] if len(text) >= 16 else ""
    return {"sealed": _ring().encrypt(text.encode()).decode(), "last": last, "at": timezone.now().isoformat()}


def _mask(row: Mapping[str, str]) -> str:
    days = (timezone.now() - datetime.fromisoformat(row["at"])).days
    age = "set today" if days < 1 else f"set {days} day{'s' if days > 1 else ''} ago"
    return f"••••{row['last']} ({age})"
