"""Lists that page by key: no OFFSET and no full count, so a page costs the same at row 10 and at row 1,000,000."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

COUNT_CAP = 10_000
AFTER, BEFORE = "after", "before"


class CappedPaginator(Paginator):
    """Counts at most `COUNT_CAP` + 1 rows; for autocomplete too, which Django would let count the table."""

    template_name = "admin/iom/pagination.html"

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[: COUNT_CAP + 1].count()
        return len(self.object_list)

    @property
    def count_text(self) -> str:
        return f"{self.count:,}" if self.count <= COUNT_CAP else f"{COUNT_CAP:,}+"


@dataclass(frozen=True)
class Window:
    """One page of rows; `previous` and `next` are the keys to ask for the neighbors with, None at an end."""

    rows: list
    previous: Any = None
    next: Any = None


def window(queryset: QuerySet, key: str, *, after: str | None, before: str | None, size: int) -> Window:
    """The page after or before a key. `key` is a unique field, with a minus when descending; one query."""
    name, descending = key.removeprefix("-"), key.startswith("-")
    backwards, edge = before is not None, before if before is not None else after
    if edge is not None:
        queryset = queryset.filter(**{f"{name}__{'lt' if descending != backwards else 'gt'}": edge})
    found = list((queryset.reverse() if backwards else queryset)[: size + 1])
    more, rows = len(found) > size, found[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Window(rows)
    has_previous, has_next = (more, True) if backwards else (after is not None, more)
    first, last = getattr(rows[0], name), getattr(rows[-1], name)
    return Window(rows, first if has_previous else None, last if has_next else None)


class KeyChangeList(ChangeList):
    """The admin's list with next and previous by key. The admin's `ordering` names one unique field."""

    def get_filters_params(self, params: dict | None = None) -> dict:
        kept = super().get_filters_params(params)
        return {name: value for name, value in kept.items() if name not in (AFTER, BEFORE)}

    def get_query_string(self, new_params: dict | None = None, remove: list | None = None) -> str:
        return super().get_query_string(new_params, [*(remove or ()), AFTER, BEFORE])

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        return [self.model_admin.ordering[0]]

    def get_results(self, request: HttpRequest) -> None:
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.result_count = self.paginator.count
        self.window = self._window(request)
        self.result_list = self.window.rows
        # The same number: the page would offer “Show all” where they differ.
        self.full_result_count, self.show_full_result_count = self.result_count, False
        self.show_admin_actions, self.can_show_all = True, False
        self.multi_page = self.result_count > self.list_per_page

    def _window(self, request: HttpRequest) -> Window:
        edges = {name: request.GET.get(name) for name in (AFTER, BEFORE)}
        if any("\x00" in (edge or "") for edge in edges.values()):
            raise IncorrectLookupParameters
        try:
            return window(self.queryset, self.model_admin.ordering[0], size=self.list_per_page, **edges)
        except (ValueError, ValidationError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error

    @property
    def first_url(self) -> str:
        return self.get_query_string()

    @property
    def previous_url(self) -> str | None:
        key = self.window.previous
        return None if key is None else self.get_query_string({BEFORE: key})

    @property
    def next_url(self) -> str | None:
        key = self.window.next
        return None if key is None else self.get_query_string({AFTER: key})
