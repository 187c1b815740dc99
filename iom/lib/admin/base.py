"""Bases of the admin pages: lists that stay fast, machine-kept records that nobody edits by hand."""

import json
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.http import HttpRequest
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


def _has_field(model: type[Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).editable
    except FieldDoesNotExist:
        return False
