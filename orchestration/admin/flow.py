"""Flows: the draft as JSON with every problem named, and the buttons that publish, stop, pause and carry it along."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from iom.lib.admin.base import HouseAdmin, MachineAdmin, actor_of, pretty_json
from iom.lib.badges import badge
from orchestration.errors import NotPublishable, OrchestrationError
from orchestration.models import Flow, FlowVersion, GoldenOrder
from orchestration.services import publishing
from orchestration.services.checking import flow_problems

LARGEST_FILE = 2 * 1024 * 1024


class DraftField(forms.JSONField):
    """The drawing as people read it: two spaces, keys in their own order."""

    widget = UnfoldAdminTextareaWidget(
        attrs={"rows": 32, "spellcheck": "false", "class": "font-mono text-xs"}
    )

    def prepare_value(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


class FlowForm(forms.ModelForm):
    draft = DraftField(required=False)

    class Meta:
        model = Flow
        fields = ("key", "name", "description", "type", "draft")

    def clean_draft(self) -> dict:
        draft = self.cleaned_data["draft"] or {}
        if draft and (problems := flow_problems(draft, None)):
            raise forms.ValidationError([f"{where}: {sentence}" for where, sentence in problems])
        return draft


class CommentForm(forms.Form):
    comment = forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)


class ImportForm(forms.Form):
    document = forms.FileField(label="Flow as JSON", widget=UnfoldAdminFileFieldWidget)

    def clean_document(self) -> dict:
        file = self.cleaned_data["document"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError("The file is larger than 2 MB; a flow is never that large.")
        try:
            return json.loads(file.read().decode("utf-8-sig"))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not a JSON file: {error}") from error


@admin.register(Flow)
class FlowAdmin(HouseAdmin):
    form = FlowForm
    list_display = ("name", "key", "status_badge", "live_version", "updated_at")
    list_select_related = ("live_version__flow",)
    list_filter = ("status",)
    search_fields = ("name__icontains", "key__istartswith")
    ordering = ("key",)
    actions_list = ("import_json",)
    actions_detail = ("publish", "pause", "resume", "stop", "export_json")
    fieldsets = (
        (None, {"fields": (("name", "key"), ("type", "status"), "live_version", "description")}),
        ("Draft", {"fields": ("draft",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Flow | None = None) -> tuple[str, ...]:
        return ("key", "status", "live_version") if obj else ("status", "live_version")

    @admin.display(description="status")
    def status_badge(self, flow: Flow) -> str:
        return badge(flow.status, flow.get_status_display())

    def has_delete_permission(self, request: HttpRequest, obj: Flow | None = None) -> bool:
        return obj is not None and obj.live_version_id is None and super().has_delete_permission(request, obj)

    def has_publish_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("orchestration.publish_flow")

    # -- buttons: each asks first, and acts on POST only ---------------------------------------------------------
    @action(description="Publish…", permissions=["publish"], url_path="publish", icon="publish")
    def publish(self, request: HttpRequest, object_id: int) -> HttpResponse:
        explanation = "The draft becomes the next version; orders under way stay on theirs."
        return self._confirmed(request, object_id, "Publish", explanation, _publish, CommentForm)

    @action(description="Pause…", permissions=["publish"], url_path="pause", icon="pause")
    def pause(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirmed(
            request,
            object_id,
            "Pause",
            "Orders wait before their next step until it is resumed.",
            _called(publishing.pause),
        )

    @action(description="Resume…", permissions=["publish"], url_path="resume", icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirmed(
            request, object_id, "Resume", "Waiting orders go on.", _called(publishing.resume)
        )

    @action(description="Stop…", permissions=["publish"], url_path="stop", icon="stop")
    def stop(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return self._confirmed(
            request,
            object_id,
            "Stop",
            "No new order starts; those under way end on their version.",
            _called(publishing.stop),
        )

    @action(description="Export JSON", permissions=["view"], url_path="export", icon="download")
    def export_json(self, request: HttpRequest, object_id: int) -> HttpResponse:
        flow = get_object_or_404(Flow, pk=object_id)
        text = json.dumps(publishing.export_flow(flow), indent=2, ensure_ascii=False)
        response = HttpResponse(text, content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="{flow.key}.json"'
        return response

    @action(description="Import JSON…", permissions=["add"], url_path="import", icon="upload")
    def import_json(self, request: HttpRequest) -> HttpResponse:
        form = ImportForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            try:
                flow = publishing.import_flow(form.cleaned_data["document"], actor=actor_of(request))
            except (OrchestrationError, KeyError, TypeError, AttributeError, ValueError) as error:
                for sentence in _sentences(error):
                    form.add_error("document", sentence)
            else:
                self.message_user(
                    request, f"{flow.name} is imported as a draft; publish it to use it.", messages.SUCCESS
                )
                return redirect("admin:orchestration_flow_change", flow.pk)
        return self._page(
            request, "Import a flow", form, "Its policies come along and are published at once."
        )

    def _confirmed(
        self,
        request: HttpRequest,
        object_id: int,
        title: str,
        explanation: str,
        act: Callable,
        form_class=forms.Form,
    ) -> HttpResponse:
        flow = get_object_or_404(Flow, pk=object_id)
        form = form_class(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(request, f"{title} {flow.name}", form, explanation, flow)
        try:
            text = act(flow, actor=actor_of(request), **form.cleaned_data)
            self.log_change(request, flow, f"{title}: {text}")
            self.message_user(request, text, messages.SUCCESS)
        except OrchestrationError as error:
            for sentence in _sentences(error):
                self.message_user(request, sentence, messages.ERROR)
        return redirect("admin:orchestration_flow_change", object_id)

    def _page(
        self, request: HttpRequest, title: str, form: forms.Form, explanation: str, flow: Flow | None = None
    ):
        context = {
            **self.admin_site.each_context(request),
            "title": title, "opts": self.opts, "form": form, "explanation": explanation, "original": flow,
        }  # fmt: skip
        return TemplateResponse(request, "admin/iom/confirm.html", context)


@admin.register(FlowVersion)
class FlowVersionAdmin(MachineAdmin):
    list_display = ("flow", "number", "comment", "published_by", "published_at")
    list_select_related = ("flow",)
    fields = ("flow", "number", "comment", "published_by", "published_at", "definition_text", "compiled_text")
    readonly_fields = ("definition_text", "compiled_text")

    @admin.display(description="definition")
    def definition_text(self, version: FlowVersion) -> str:
        return pretty_json(version.definition)

    @admin.display(description="compiled")
    def compiled_text(self, version: FlowVersion) -> str:
        return pretty_json(version.compiled)


@admin.register(GoldenOrder)
class GoldenOrderAdmin(MachineAdmin):
    list_display = ("name", "flow", "made_by", "made_at")
    list_select_related = ("flow",)
    fields = ("flow", "name", "key", "made_by", "made_at", "document_text", "expected_text")
    readonly_fields = ("document_text", "expected_text")

    @admin.display(description="document")
    def document_text(self, golden: GoldenOrder) -> str:
        return pretty_json(golden.document)

    @admin.display(description="expected")
    def expected_text(self, golden: GoldenOrder) -> str:
        return pretty_json(golden.expected)


def _publish(flow: Flow, *, actor: str, comment: str) -> str:
    version = publishing.publish(flow.pk, actor=actor, comment=comment)
    return f"{flow.name} is published as version {version.number}."


def _called(service: Callable) -> Callable:
    def act(flow: Flow, *, actor: str) -> str:
        service(flow.pk, actor=actor)
        flow.refresh_from_db(fields=["status"])
        return f"{flow.name} is {flow.get_status_display().lower()} now."

    return act


def _sentences(error: Exception) -> list[str]:
    if isinstance(error, NotPublishable):
        return [f"{where}: {sentence}" for where, sentence in error.problems]
    if isinstance(error, KeyError):
        return [f"{error} is missing in the document."]
    return [str(error) or "The document is not a flow."]
