"""Filters of a list: an allow-list by name, each with a reader that turns text into a value or refuses it.

Nothing that a caller writes becomes a field name, and no value reaches the database that no column could hold.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from iom.lib.api.errors import InvalidInput, fault
from iom.lib.api.paging import PAGE_PARAMETERS

EARLIEST, LATEST = 1970, 2200
LARGEST_ID = 2**63 - 1
PAGING = [
    OpenApiParameter("page_size", int, description="Rows a page, 1 to 500; 50 if not given."),
    OpenApiParameter("after", str, description="The next_cursor of the page before."),
]


@dataclass(frozen=True)
class Filter:
    """`lookup` is a query path, or a function from the value to a Q."""

    lookup: str | Callable[[Any], Q]
    read: Callable[[str], Any]
    description: str = ""

    def condition(self, text: str) -> Q:
        value = self.read(text)
        return self.lookup(value) if callable(self.lookup) else Q(**{self.lookup: value})


def conditions(
    request: Request, filters: Mapping[str, Filter], *, also: frozenset[str] = PAGE_PARAMETERS
) -> Q:
    """All filters in the address as one condition; raises InvalidInput for unknown names and bad values."""
    found, faults = Q(), []
    for name in request.query_params:
        if name in also:
            continue
        if name not in filters:
            known = ", ".join(sorted(filters.keys() | also))
            faults.append(
                fault("unknown_filter", name[:60], f"There is no filter {name[:60]!r}.", f"Known: {known}.")
            )
            continue
        try:
            found &= filters[name].condition(request.query_params[name])
        except ValueError as error:
            faults.append(fault("bad_filter", name, f"{name}: {error}"))
    if faults:
        raise InvalidInput(faults)
    return found


def parameters(filters: Mapping[str, Filter]) -> list[OpenApiParameter]:
    return [OpenApiParameter(name, str, description=item.description) for name, item in filters.items()]


def text(value: str) -> str:
    if len(value) > 200 or "\x00" in value:
        raise ValueError("at most 200 characters, none of them NUL")
    return value


def texts(value: str) -> list[str]:
    """Comma-separated."""
    return text(value).split(",") if len(value) <= 200 else text(value)


def some_of(known: Iterable[str], *, more: Callable[[], Iterable[str]] = tuple) -> Callable[[str], list[str]]:
    """Comma-separated, of words that are known: a typing error would find nothing and look like an answer.

    `more` is asked only when a word is not among `known`.
    """

    def read(value: str) -> list[str]:
        wanted, words = texts(value), list(known)
        if not set(wanted) <= set(words):
            words += [word for word in more() if word not in words]
        if strange := [word for word in wanted if word not in words]:
            raise ValueError(f"{strange[0][:40]!r} is not one of {', '.join(words)}")
        return wanted

    return read


def whole_number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20) or int(value) > LARGEST_ID:
        raise ValueError("a whole number is expected")
    return int(value)


def flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false is expected")
    return value == "true"


def moment(value: str) -> datetime:
    """A time with its zone, in UTC, between 1970 and 2200."""
    try:
        found = datetime.fromisoformat(value.replace(" ", "+"))  # a bare plus in an address reads as a space
    except ValueError as error:
        raise ValueError("a time such as 2026-05-01T12:00:00Z is expected") from error
    if found.tzinfo is None:
        raise ValueError("the time needs a zone, such as Z or +02:00")
    if not EARLIEST <= found.year < LATEST or abs(found.utcoffset()) > timedelta(hours=15):
        raise ValueError(f"the year must be from {EARLIEST} to {LATEST - 1}")
    return found.astimezone(UTC)
