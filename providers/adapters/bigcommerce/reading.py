"""Reading from a BigCommerce shop: JSON of the shape that was asked for, or ProviderGarbage."""

from collections.abc import Mapping
from typing import Any

from providers.definitions import Link
from providers.errors import ProviderGarbage

PAGE = 250
MOST_PAGES = 40


def get(link: Link, path: str, **more) -> Any:
    """JSON of an answer; an empty list is a 204 without a body."""
    answer = link.call("GET", path, headers={"X-Auth-Token": link.secret("access_token")}, **more)
    return [] if answer.status == 204 else answer.json()


def get_list(link: Link, path: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for page in range(1, MOST_PAGES + 1):
        rows = as_rows(get(link, path, params={"limit": PAGE, "page": page}))
        found += rows
        if len(rows) < PAGE:
            break
    return found


def as_rows(found: Any) -> list[Mapping[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ProviderGarbage("The shop's list is not a list.")
    return found


def as_object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProviderGarbage("The shop's answer is not an object.")
    return found
