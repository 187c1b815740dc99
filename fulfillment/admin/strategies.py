"""Strategies: what one says in words, what would change, what contradicts itself; publish, restore, choose the default."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from fulfillment import constraint_kinds, strategy_costs, strategy_words, what_if_pages
from fulfillment.errors import StrategyNotPublishable
from fulfillment.models import Replan, SourcingRun, Strategy, StrategyConstraint, StrategyVersion
from fulfillment.models.strategy import COMPONENTS
from fulfillment.services import strategies
from fulfillment.strategy_document import RELATED, document_of
from iom.lib.admin.base import HouseAdmin, MachineAdmin, actor_of
from iom.lib.badges import badge

SHOWN_VERSIONS = 20
PARAMETERS = "; ".join(
    f"{StrategyConstraint.Kind(kind.key).label}: {', '.join(p.name for p in kind.parameters)}"
    for kind in constraint_kinds.KINDS.values()
    if kind.parameters
)


class ConstraintForm(forms.ModelForm):
    """Parameters are read as their kind says; what is wrong is named."""

    class Meta:
        model = StrategyConstraint
        fields = (
            "name", "kind", "parameters", "is_hard", "enabled", "valid_from", "valid_until", "source_list", "category",
            "products", "description",
        )  # fmt: skip
        help_texts = {"parameters": f'As JSON, such as {{"km": 800}}. {PARAMETERS}.'}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "kind" in cleaned and "parameters" in cleaned:
            checked = constraint_kinds.check(cleaned["kind"], cleaned["parameters"] or {})
            for fault in checked.faults:
                self.add_error("parameters", fault.sentence)
            cleaned["parameters"] = checked.values
        return cleaned


class ConstraintInline(StackedInline):
    model = StrategyConstraint
    form = ConstraintForm
    extra = 0
    autocomplete_fields = ("source_list", "products")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "kind"), "parameters", ("is_hard", "enabled"), ("valid_from", "valid_until"),
                    "source_list", "category", "products", "description",
                )
            },
        ),
    )  # fmt: skip


class StrategyForm(forms.ModelForm):
    """Weights are a number for each component of the cost; 1 is money."""

    class Meta:
        model = Strategy
        fields = (
            "key", "name", "description", "objective", "rest", "alternate", "source_list", "sources", "max_distance_km",
            "max_sources_per_order", "split_lines", "is_batch", "batch_minutes", "batch_mode", *strategy_costs.FIELDS,
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in COMPONENTS:
            self.fields[f"weight_{name}"].initial = (self.instance.weights or {}).get(name, 1)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("alternate") and cleaned["alternate"].pk == self.instance.pk:
            self.add_error("alternate", "A strategy is not its own alternate.")
        return cleaned

    def save(self, commit: bool = True) -> Strategy:
        given = {name: self.cleaned_data.get(f"weight_{name}") for name in COMPONENTS}
        self.instance.weights = {
            name: float(weight) for name, weight in given.items() if weight is not None and weight != 1
        }
        return super().save(commit)


for _name in COMPONENTS:
    StrategyForm.declared_fields[f"weight_{_name}"] = forms.DecimalField(
        label=_name.replace("_", " ").capitalize(),
        required=False,
        min_value=0,
        max_value=1000,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
    )

StrategyForm.base_fields |= StrategyForm.declared_fields


class CommentForm(forms.Form):
    comment = forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)


@admin.register(Strategy)
class StrategyAdmin(HouseAdmin):
    form = StrategyForm
    list_display = ("name", "key", "default_badge", "objective", "rest", "version_text")
    list_select_related = ("live_version",)
    list_filter = ("is_default", "objective", "rest", "is_batch")
    search_fields = ("key__istartswith", "name__icontains")
    autocomplete_fields = ("source_list", "sources", "alternate")
    ordering = ("key",)
    inlines = (ConstraintInline,)
    actions_detail = ("publish", "make_default", "what_if")
    readonly_fields = ("state_text", "check_text", "changes_text", "versions_text")
    fieldsets = (
        ("How it stands", {"fields": ("state_text", "check_text", "changes_text")}),
        (None, {"fields": (("name", "key"), "description", ("objective", "rest"), "alternate")}),
        ("Sources", {"fields": ("source_list", "sources", ("max_distance_km", "max_sources_per_order"), "split_lines")}),
        ("Weights of the cost", {"fields": (
            ("weight_carrier", "weight_handling"), ("weight_distance", "weight_lateness"), ("weight_split", "weight_rejection"),
            ("weight_future_sale", "weight_overtime"),
        )}),
        ("What goes wrong costs", {
            "fields": (("late_minor", "late_percent"), ("reject_minor", "reject_percent"), ("unfilled_minor", "unfilled_percent")),
            "description": "Sourcing weighs these against carrier and handling: a dearer source wins where its parcels are less often late or refused.",
        }),
        ("Batch", {"fields": ("is_batch", ("batch_minutes", "batch_mode"),)}),
        ("Versions", {"fields": ("versions_text",)}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Strategy | None = None):
        return self.fieldsets if obj else self.fieldsets[1:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Strategy | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(("key",) if obj else ()))

    def get_urls(self) -> list:
        restored = self.admin_site.admin_view(self.restore)
        return [
            path("<int:object_id>/restore/<int:version_id>/", restored, name="fulfillment_strategy_restore"),
            path("<int:object_id>/try/", what_if_pages.ask, name="fulfillment_strategy_try"),
            path(
                "<int:object_id>/try/<int:what_if_id>/",
                what_if_pages.result,
                name="fulfillment_strategy_try_result",
            ),
            path(
                "<int:object_id>/try/<int:what_if_id>/stop/",
                what_if_pages.halt,
                name="fulfillment_strategy_try_stop",
            ),
            *super().get_urls(),
        ]

    def has_publish_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("fulfillment.publish_strategy")

    def has_what_if_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(what_if_pages.LOOK)

    # -- in words -------------------------------------------------------------------------------------------------
    @admin.display(description="default")
    def default_badge(self, strategy: Strategy) -> str:
        return badge("", "Default", tone="success") if strategy.is_default else "–"

    @admin.display(description="live")
    def version_text(self, strategy: Strategy) -> str:
        live = strategy.live_version
        return f"version {live.number}" if live else "never published: the draft works"

    @admin.display(description="live")
    def state_text(self, strategy: Strategy) -> str:
        default = " It is the default: orders that name no strategy use it." if strategy.is_default else ""
        return format_html(
            "{}.{} {}", self.version_text(strategy).capitalize(), default, _try(strategy, "live")
        )

    @admin.display(description="check")
    def check_text(self, strategy: Strategy) -> SafeString | str:
        found = strategies.problems_of(_full(strategy))
        rows = [
            (badge("", one.level.capitalize(), tone="danger" if one.level == "error" else "warning"),
             f"{one.where}: {one.sentence}" if one.where else one.sentence)
            for one in found
        ]  # fmt: skip
        return format_html_join("", '<p class="mb-1">{} {}</p>', rows) or "Nothing contradicts itself."

    @admin.display(description="publishing would change")
    def changes_text(self, strategy: Strategy) -> SafeString | str:
        changes = _lines(strategies.changes_of(_full(strategy)))
        return changes + _try(strategy, "draft") if changes else "Nothing: the draft says what works."

    @admin.display(description="versions")
    def versions_text(self, strategy: Strategy) -> SafeString | str:
        rows = [
            (v.number, v.published_at.strftime("%-d %b %Y %H:%M UTC"), v.published_by.removeprefix("user:"),
             v.comment or "no comment", reverse("admin:fulfillment_strategy_restore", args=[strategy.pk, v.pk]))
            for v in strategy.versions.order_by("-number").defer("document")[:SHOWN_VERSIONS]
        ]  # fmt: skip
        line = '<p class="mb-1">Version {}, {}, {}: {}. <a class="text-primary-600 dark:text-primary-500 underline" href="{}">Look and restore</a></p>'
        return format_html_join("", line, rows) or "None yet."

    # -- buttons: each asks first, and acts on POST only -----------------------------------------------------------
    @action(description="Publish…", permissions=["publish"], url_path="publish", icon="publish")
    def publish(self, request: HttpRequest, object_id: int) -> HttpResponse:
        strategy = get_object_or_404(Strategy, pk=object_id)
        form = CommentForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            text = _lines(strategies.changes_of(_full(strategy))) or "Nothing changed since the live version."
            return self._page(request, f"Publish {strategy.name}", form, text, strategy)
        try:
            version = strategies.publish(
                strategy.pk, actor=actor_of(request), comment=form.cleaned_data["comment"]
            )
            self.log_change(request, strategy, f"Published version {version.number}")
            self.message_user(
                request, f"{strategy.name} works as version {version.number}.", messages.SUCCESS
            )
        except StrategyNotPublishable as error:
            for one in error.findings:
                self.message_user(
                    request, f"{one.where}: {one.sentence}" if one.where else one.sentence, messages.ERROR
                )
        return redirect("admin:fulfillment_strategy_change", object_id)

    @action(description="Make default…", permissions=["publish"], url_path="default", icon="star")
    def make_default(self, request: HttpRequest, object_id: int) -> HttpResponse:
        strategy = get_object_or_404(Strategy, pk=object_id)
        if request.method != "POST":
            text = "Orders that name no strategy use it from now on; the present default no longer is."
            return self._page(request, f"Make {strategy.name} the default", forms.Form(), text, strategy)
        strategies.make_default(strategy.pk, actor=actor_of(request))
        self.log_change(request, strategy, "Made the default")
        self.message_user(request, f"{strategy.name} is the default now.", messages.SUCCESS)
        return redirect("admin:fulfillment_strategy_change", object_id)

    @action(description="What if…", permissions=["what_if"], url_path="what-if", icon="compare_arrows")
    def what_if(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """To the form: the draft, or what works now, on the orders of the last days."""
        return redirect("admin:fulfillment_strategy_try", object_id)

    def restore(self, request: HttpRequest, object_id: int, version_id: int) -> HttpResponse:
        """Show what a version says and how the draft would change; on POST put it into the draft."""
        strategy = get_object_or_404(Strategy, pk=object_id)
        version = get_object_or_404(StrategyVersion, pk=version_id, strategy=strategy)
        if request.method == "POST":
            if not self.has_change_permission(request, strategy):
                return HttpResponse(status=403)
            strategies.restore(version.pk, actor=actor_of(request))
            self.log_change(request, strategy, f"Restored version {version.number} into the draft")
            self.message_user(
                request,
                f"The draft says what version {version.number} said; publish it to use it.",
                messages.SUCCESS,
            )
            return redirect("admin:fulfillment_strategy_change", object_id)
        if not self.has_view_permission(request, strategy):
            return HttpResponse(status=403)
        changed = strategy_words.differences(document_of(_full(strategy)), version.document)
        text = format_html(
            "{}<p class='mt-3 font-semibold'>The draft would change:</p>{}",
            _lines(strategy_words.summary(version.document)), _lines(changed) or "Nothing.",
        )  # fmt: skip
        return self._page(
            request, f"Restore version {version.number} of {strategy.name}", forms.Form(), text, strategy
        )

    def _page(self, request: HttpRequest, title: str, form: forms.Form, text: str, strategy: Strategy):
        context = {
            **self.admin_site.each_context(request),
            "title": title, "opts": self.opts, "form": form, "explanation": text, "original": strategy,
        }  # fmt: skip
        return TemplateResponse(request, "admin/iom/confirm.html", context)


def _full(strategy: Strategy) -> Strategy:
    found = Strategy.objects.select_related("source_list", "alternate", "live_version")
    return found.prefetch_related(*RELATED).get(pk=strategy.pk)


def _try(strategy: Strategy, against: str) -> SafeString:
    address = reverse("admin:fulfillment_strategy_try", args=[strategy.pk])
    link = '<a class="text-primary-600 dark:text-primary-500 underline" href="{}?against={}">What if…</a>'
    return format_html(link, address, against)


def _lines(sentences: list[str]) -> SafeString:
    return format_html_join("", '<span class="block mb-1">{}</span>', ((one,) for one in sentences))


@admin.register(SourcingRun)
class SourcingRunAdmin(MachineAdmin):
    list_display = ("started_at", "mode", "cause", "orders", "lines", "parcels", "cost_minor", "gap_ppm")
    list_filter = ("mode", "cause")


@admin.register(Replan)
class ReplanAdmin(MachineAdmin):
    list_display = ("created_at", "source", "cause", "actor", "lines", "moved", "finished_at")
    list_filter = ("cause",)
    list_select_related = ("source",)
