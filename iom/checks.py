"""System checks of the settings. A site that says it is live refuses to start on what suits a first look only."""

import os
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

LEAST_SECRET = 50


@register(Tags.security)
def settings_are_sound(app_configs=None, **kwargs) -> list[CheckMessage]:
    return [*_keys(), *_addresses(), *(_live() if settings.ENVIRONMENT == "live" else [])]


def refuse_if_unsound() -> None:
    """For processes that run no checks by themselves: raises ImproperlyConfigured with every error."""
    errors = [found for found in run_checks(tags=[Tags.security]) if isinstance(found, Error)]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{found.msg} {found.hint}" for found in errors))


def _keys() -> list[CheckMessage]:
    for position, key in enumerate(settings.FIELD_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            hint = "Make one with: python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
            return [Error(f"Key {position} of IOM_FIELD_KEYS is no key.", hint=hint, id="iom.E001")]
    return []


def _addresses() -> list[CheckMessage]:
    parts = urlsplit(settings.IOM["PUBLIC_URL"])
    if parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/"):
        return []
    hint = "It is the address that providers call, such as https://orders.example.com"
    return [Error("IOM_PUBLIC_URL is no web address.", hint=hint, id="iom.E002")]


def _live() -> list[CheckMessage]:
    wrong = [
        (settings.DEBUG, "DEBUG is on in a live environment.", "Unset DEBUG.", "iom.E003"),
        (
            len(os.environ.get("SECRET_KEY", "")) < LEAST_SECRET,
            "SECRET_KEY is not set in the environment, or is too short.",
            f"A live site needs its own of at least {LEAST_SECRET} characters, the same for all of its processes.",
            "iom.E004",
        ),
        (
            not os.environ.get("IOM_FIELD_KEYS"),
            "IOM_FIELD_KEYS is not set in the environment.",
            "Secrets of connections are sealed with it; keep it apart from the database and its backups.",
            "iom.E005",
        ),
    ]
    doubtful = [
        (
            settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"),
            "A live site runs on SQLite.",
            "Set DATABASE_URL=postgres://…: several machines, and some promises, need PostgreSQL.",
            "iom.W001",
        ),
        (
            not settings.SESSION_COOKIE_SECURE,
            "A live site answers without TLS.",
            "Put it behind a proxy that speaks HTTPS and set IOM_HTTPS=1.",
            "iom.W002",
        ),
    ]
    return [
        *(Error(message, hint=hint, id=key) for found, message, hint, key in wrong if found),
        *(Warning(message, hint=hint, id=key) for found, message, hint, key in doubtful if found),
    ]
