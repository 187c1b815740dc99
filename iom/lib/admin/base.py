"""Bases of the admin pages: lists that stay fast, machine-kept records that nobody edits by hand."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from iom.lib.admin.paging import CappedPaginator, KeyChangeList
from iom.lib.badges import badge

# Kept by services; never a form field, on no page.
KEPT_BY_SERVICES = ("state", "state_reason", "state_at", "version")


def actor_of(request: HttpRequest) -> str:
    """Who acts, as events and ledgers write it."""
    return f"user:{request.user.get_username()}"


def flag(value: bool, word: str, tone: str = "info") -> SafeString | str:
    """A word where something is so; a dash, not a red cross, where it is simply not."""
    return badge("", word, tone=tone) if value else "–"


def pretty_json(value: Any) -> SafeString:
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False, default=str)
    return format_html(
        '<pre class="whitespace-pre-wrap break-words text-xs max-h-96 overflow-auto">{}</pre>', text
    )


class HouseAdmin(ModelAdmin):
    """A list that pages by one unique key, counts at most some thousands and sorts by nothing else."""

    paginator = CappedPaginator
    ordering = ("-pk",)
    sortable_by = ()
    list_per_page = 25
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True

    class Media:
        css = {"all": ("iom/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        """What stands where a key belongs and is none is not found, on the pages of actions too, which look no further."""
        found = super().get_urls()
        for address in found:
            if "<path:object_id>" in str(address.pattern):
                address.callback = _of_record(self.model, address.callback)
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeyChangeList]:
        return KeyChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        kept = [name for name in KEPT_BY_SERVICES if _has_field(self.model, name)]
        return tuple(dict.fromkeys([*super().get_readonly_fields(request, obj), *kept]))


class MachineAdmin(HouseAdmin):
    """Records that only services write: to look at, not to change, add or delete."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    """Rows of a record that its services keep."""

    ordering = ("pk",)
    extra = max_num = 0
    can_delete = False
    show_change_link = False
    hide_title = True
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _of_record(model: type[Model], view: Callable) -> Callable:
    @wraps(view)
    def of_record(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not _can_be_key(model, unquote(kwargs["object_id"])):
            raise Http404(f"There is no such {model._meta.verbose_name}.")
        return view(request, *args, **kwargs)

    return of_record


def _can_be_key(model: type[Model], text: str) -> bool:
    """All our keys are whole numbers; of a one-to-one, the other's."""
    key = model._meta.pk
    while key.remote_field:
        key = key.target_field
    _, most = connection.ops.integer_field_range(key.get_internal_type())
    return text.isascii() and text.isdecimal() and int(text[:40]) <= (most or 2**63 - 1)


def _has_field(model: type[Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).editable
    except FieldDoesNotExist:
        return False
