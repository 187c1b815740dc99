"""API keys: the key itself is shown once, at the moment it is made; the database keeps only its hash."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget

from iom.lib.admin.actions import selected_ids
from iom.lib.admin.base import HouseAdmin, MachineAdmin
from iom.lib.badges import badge
from orders.models import ApiKey, IdempotentRequest
from orders.services.access import create_key, is_scope, revoke_keys


class ApiKeyForm(forms.ModelForm):
    scope_list = forms.CharField(
        label="Scopes",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="One a line, such as orders:write; orders:* is every action of an area",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "channels", "user", "expires_at")

    def clean_scope_list(self) -> list[str]:
        scopes = sorted(set(self.cleaned_data["scope_list"].split()))
        if unknown := [scope for scope in scopes if not is_scope(scope)]:
            raise forms.ValidationError(f"There is no scope {', '.join(unknown)}.")
        return scopes


@admin.register(ApiKey)
class ApiKeyAdmin(HouseAdmin):
    list_display = (
        "name",
        "prefix",
        "scopes_text",
        "user",
        "state",
        "expires_at",
        "last_used_at",
        "created_at",
    )
    list_select_related = ("user",)
    search_fields = ("name__istartswith", "prefix__exact")
    autocomplete_fields = ("channels", "user")
    actions = ("revoke",)
    fields = (
        "name",
        "prefix",
        "scopes",
        "channels",
        "user",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "created_at",
    )

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return self.fields if obj else ("name", "scope_list", "channels", "user", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("prefix", "scopes", "revoked_at", "last_used_at", "created_at") if obj else ()

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, **kwargs: Any
    ) -> type[forms.ModelForm]:
        return super().get_form(request, obj, **(kwargs if obj else kwargs | {"form": ApiKeyForm}))

    @admin.display(description="scopes")
    def scopes_text(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge("failed", "Revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return badge("on_hold", "Expired")
        return badge("ok", "Active")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        cleaned = form.cleaned_data
        made, request.plain_key = create_key(
            cleaned["name"],
            scopes=cleaned["scope_list"],
            channels=cleaned["channels"],
            user=cleaned["user"],
            expires_at=cleaned["expires_at"],
        )
        obj.__dict__.update(made.__dict__)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        text = f"The key, shown this once, copy it now: {request.plain_key}"
        messages.warning(request, text)
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> None:
        ids = selected_ids(self, request, queryset)
        count = revoke_keys(ids)
        self.message_user(
            request, f"{count} revoked, {len(ids) - count} were revoked before.", messages.SUCCESS
        )

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked: their name stays on what they did."""
        return False


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(MachineAdmin):
    list_display = ("created_at", "client", "key", "status", "lease_until")
    search_fields = ("key__exact",)
    fields = ("client", "key", "status", "created_at", "lease_until")
