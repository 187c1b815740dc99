"""Settings read from the environment: a wrong one ends the start with its name and what it must be."""

import os
from collections.abc import Collection
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
DATABASES = ("postgres", "postgresql", "sqlite")


def flag(name: str, *, default: bool = False) -> bool:
    """A yes or no. Anything else is refused: a mistyped `DEBUG` must not count as off, nor as on."""
    text = os.environ.get(name, "").strip().lower()
    if text and text not in WORDS:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(WORDS)}, not {text!r}.")
    return WORDS[text] if text else default


def whole(name: str, *, default: int, least: int = 0, most: int = 10**9) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def one_of(name: str, *, allowed: Collection[str], default: str) -> str:
    text = os.environ.get(name, "").strip() or default
    if text not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {text!r}.")
    return text


def check_database_url() -> None:
    """Says what is wrong without saying the address itself, which carries a password."""
    url = os.environ.get("DATABASE_URL", "")
    scheme, name = urlsplit(url).scheme, urlsplit(url).path.strip("/")
    if url and (scheme not in DATABASES or (not name and url != "sqlite://:memory:")):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://user:password@host:5432/name or sqlite:////path/to/file, "
            f"not {scheme or 'text without a scheme'}{'://…' if scheme else ''}."
        )
