"""Pages by key: no offset and no count, so page 10,000 costs what page 1 does."""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from iom.lib.api.errors import Problem

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
PAGE_PARAMETERS = frozenset(["page_size", "after"])


def page_size_of(request: Request) -> int:
    """What was asked for, at most 500; raises Problem for what is no positive number."""
    text = request.query_params.get("page_size", str(PAGE_SIZE))
    if not text.isascii() or not text.isdigit() or int(text[:12]) == 0:
        raise Problem("bad_page_size", f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}.")
    return min(int(text[:12]), MAX_PAGE_SIZE)


def encode_cursor(*key: int) -> str:
    return base64.urlsafe_b64encode(".".join(map(str, key)).encode()).decode().rstrip("=")


def decode_cursor(text: str, length: int = 1) -> tuple[int, ...]:
    """The numbers in a cursor that we gave out; raises Problem `bad_cursor` for anything else."""
    try:
        parts = base64.b64decode(
            text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        ).split(b".")
        key = tuple(int(part) for part in parts if part.isdigit() and len(part) < 20)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _bad_cursor() from error
    if len(parts) != length or len(key) != length or max(key) >= 2**63:
        raise _bad_cursor()
    return key


def _bad_cursor() -> Problem:
    return Problem("bad_cursor", "This cursor is not one of ours; start without it.")


class KeyPagination(BasePagination):
    """Newest first by id; `?after=` takes the `next_cursor` of the page before."""

    def paginate_queryset(self, queryset: QuerySet, request: Request, view=None) -> list[Any]:
        size = page_size_of(request)
        if after := request.query_params.get("after"):
            queryset = queryset.filter(pk__lt=decode_cursor(after)[0])
        rows = list(queryset.order_by("-pk")[: size + 1])
        self.request, self.cursor = request, None
        if len(rows) > size:
            self.cursor = encode_cursor(_key(rows[size - 1]))
        return rows[:size]

    def get_paginated_response(self, data: list[Any]) -> Response:
        return Response(page_document(self.request, data, self.cursor))

    def get_paginated_response_schema(self, schema: dict) -> dict:
        text = {"type": "string", "nullable": True}
        return {
            "type": "object",
            "required": ["results"],
            "properties": {"results": schema, "next_cursor": text, "next": text},
        }


def _key(row: Any) -> int:
    return row["id"] if isinstance(row, dict) else row.pk


def page_document(request: Request, rows: list[Any], cursor: str | None) -> dict[str, Any]:
    """`next` is the whole address of the next page, for callers that do not want to build one."""
    return {"results": rows, "next_cursor": cursor, "next": cursor and _address(request, cursor)}


def _address(request: Request, cursor: str) -> str:
    parameters = request.query_params.dict() | {"after": cursor}
    return request.build_absolute_uri(f"{request.path}?{urlencode(parameters)}")


def key_page(
    queryset: QuerySet, request: Request, shape: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Response:
    """One page of `queryset.values(…)` that includes `id`, each row in the given shape."""
    pages = KeyPagination()
    return pages.get_paginated_response([shape(row) for row in pages.paginate_queryset(queryset, request)])
