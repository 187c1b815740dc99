"""Connections: a form made of the provider's own parameters. Secrets go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from iom.lib.admin.base import HouseAdmin, ReadOnlyInline
from iom.lib.badges import badge
from providers.definitions import Parameter
from providers.errors import ProviderError
from providers.models import ConnectionSettings, ProviderConnection
from providers.registry import adapter, provider, providers
from providers.secrets import kept_secrets, masked, set_secrets
from providers.services.connections import LIMITS, keep_settings, link_of, problems, reopen, spilled

PARAMETER, SECRET = "parameter_", "secret_"
HEAD = ("name", "status", "sandbox", "channel", "sources")


class ConnectionForm(forms.ModelForm):
    """`parameters_of` is set on a class made for one connection; its fields are declared there."""

    parameters_of: tuple[Parameter, ...] = ()

    class Meta:
        model = ProviderConnection
        fields = ("key", *HEAD, *LIMITS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk:
            for name, sentence in problems(self.instance, self.plain_parameters()).items():
                self.add_error(PARAMETER + name if PARAMETER + name in self.fields else None, sentence)
            self._refuse_spilled_secrets()
        return cleaned

    def _refuse_spilled_secrets(self) -> None:
        plain = {PARAMETER + name: value for name, value in self.plain_parameters().items()}
        shown = {"name": self.cleaned_data.get("name"), **plain}
        for name, sentence in spilled(
            shown, [*self.plain_secrets().values(), *kept_secrets(self.instance)]
        ).items():
            self.add_error(name if name in self.fields else None, sentence)

    def plain_parameters(self) -> dict[str, Any]:
        """What the form says of the parameters that are no secrets; a list is one entry a line."""
        return {p.key: self._value(p) for p in self.parameters_of if not p.secret}

    def plain_secrets(self) -> dict[str, str]:
        return {p.key: self.cleaned_data.get(SECRET + p.key, "") for p in self.parameters_of if p.secret}

    def _value(self, parameter: Parameter) -> Any:
        value = self.cleaned_data.get(PARAMETER + parameter.key)
        if parameter.kind == "list":
            return [line.strip() for line in (value or "").splitlines() if line.strip()]
        return parameter.default if value is None else value


class NewConnectionForm(forms.ModelForm):
    provider = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget, help_text="Its parameters and secrets are asked for on the next page"
    )

    class Meta:
        model = ProviderConnection
        fields = ("key", "name", "provider", "channel", "sandbox")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [(item.key, item.label) for item in providers()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name, sentence in spilled({name: cleaned.get(name) for name in ("key", "name")}, ()).items():
            self.add_error(name, sentence)
        return cleaned


class SettingsInline(ReadOnlyInline):
    model = ConnectionSettings
    fields = ("number", "set_by", "set_at", "document")
    verbose_name_plural = "Settings over time"


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(HouseAdmin):
    list_display = (
        "name",
        "key",
        "provider",
        "status_badge",
        "health_badge",
        "channel",
        "last_in_at",
        "last_out_at",
    )
    list_select_related = ("channel", "gate")
    list_filter = ("status", "sandbox")
    search_fields = ("name__icontains", "key__istartswith")
    autocomplete_fields = ("channel", "sources")
    ordering = ("key",)
    actions_detail = ("test_connection",)
    inlines = (SettingsInline,)

    @admin.display(description="status")
    def status_badge(self, connection: ProviderConnection) -> str:
        return badge(connection.status, connection.get_status_display())

    @admin.display(description="health")
    def health_badge(self, connection: ProviderConnection) -> str:
        gate = getattr(connection, "gate", None)
        return badge(gate.health, gate.get_health_display()) if gate else "not called yet"

    @admin.display(description="last message in")
    def last_in_at(self, connection: ProviderConnection):
        return getattr(getattr(connection, "gate", None), "last_in_at", None)

    @admin.display(description="last call out")
    def last_out_at(self, connection: ProviderConnection):
        return getattr(getattr(connection, "gate", None), "last_out_at", None)

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, **kwargs: Any
    ) -> type[forms.ModelForm]:
        kwargs["form"] = _form_of(obj) if obj else NewConnectionForm
        kwargs["fields"] = [*HEAD, *LIMITS] if obj else NewConnectionForm.Meta.fields
        return super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("key", "provider") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> tuple:
        if obj is None:
            return ((None, {"fields": (("name", "key"), ("provider", "channel"), "sandbox")}),)
        own = tuple(_field_name(parameter) for parameter in _parameters(obj))
        if not self.has_change_permission(request, obj):
            own = ()
        return (
            (None, {"fields": (("name", "key"), ("provider", "status"), ("channel", "sandbox"), "sources")}),
            ("Parameters", {"fields": own}),
            ("Limits", {"fields": (LIMITS[:2], LIMITS[2:])}),
        )

    def save_model(
        self, request: HttpRequest, obj: ProviderConnection, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            obj.parameters = form.plain_parameters()
        super().save_model(request, obj, form, change)
        if change:
            set_secrets(obj, form.plain_secrets())
            keep_settings(obj, actor=request.user.get_username())
            reopen(obj.pk)

    def response_add(
        self, request: HttpRequest, obj: ProviderConnection, post_url_continue: str | None = None
    ):
        return redirect("admin:providers_providerconnection_change", obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A connection is paused: what went over it stays readable."""
        return False

    @action(description="Test connection…", permissions=["change"], url_path="test", icon="network_check")
    def test_connection(self, request: HttpRequest, object_id: int) -> HttpResponse:
        connection = get_object_or_404(ProviderConnection, pk=object_id)
        if request.method != "POST":
            explanation = "Calls the provider once with the saved parameters; nothing is changed there."
            context = {
                **self.admin_site.each_context(request), "title": f"Test {connection.name}", "opts": self.opts,
                "form": forms.Form(), "explanation": explanation, "original": connection,
            }  # fmt: skip
            return TemplateResponse(request, "admin/iom/confirm.html", context)
        try:
            self.message_user(
                request, adapter(connection.provider).check(link_of(connection)), messages.SUCCESS
            )
        except ProviderError as error:
            self.message_user(request, f"{connection.name} does not work: {error}", messages.ERROR)
        return redirect("admin:providers_providerconnection_change", object_id)


def _parameters(connection: ProviderConnection) -> tuple[Parameter, ...]:
    try:
        return provider(connection.provider).parameters
    except ProviderError:  # its definition is not installed any more
        return ()


def _field_name(parameter: Parameter) -> str:
    return (SECRET if parameter.secret else PARAMETER) + parameter.key


def _form_of(connection: ProviderConnection) -> type[ConnectionForm]:
    parameters, shown = _parameters(connection), masked(connection)
    fields = {_field_name(parameter): _field(parameter, connection, shown) for parameter in parameters}
    return type("ConnectionForm", (ConnectionForm,), {**fields, "parameters_of": tuple(parameters)})


def _field(parameter: Parameter, connection: ProviderConnection, shown: dict[str, str]) -> forms.Field:
    label = parameter.label or parameter.key
    if parameter.secret:
        there = shown.get(parameter.key)
        text = (
            f"{parameter.help} Kept: {there}; leave empty to keep it."
            if there
            else parameter.help or "Not set."
        )
        return forms.CharField(
            label=label, required=False, strip=True, help_text=text.strip(), max_length=4_000,
            widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        )  # fmt: skip
    value = connection.parameters.get(parameter.key, parameter.default)
    if parameter.kind == "list":
        lines = "\n".join(map(str, value)) if isinstance(value, list | tuple) else value
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
        return forms.CharField(
            label=label,
            required=False,
            initial=lines,
            help_text=f"{parameter.help} One a line.".strip(),
            widget=widget,
        )
    kind = forms.IntegerField if parameter.kind == "number" else forms.CharField
    return kind(
        label=label,
        required=False,
        initial=value,
        help_text=parameter.help,
        widget=UnfoldAdminTextInputWidget,
    )
