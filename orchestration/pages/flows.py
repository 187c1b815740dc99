"""The list of flows and what can be done with one as a whole."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from iom.lib.once import act_once
from iom.lib.pages import next_url, page, show
from orchestration.designer import tree
from orchestration.designer.forms import FlowForm
from orchestration.engine.graph import walk
from orchestration.errors import NotPublishable, OrchestrationError
from orchestration.models import Flow, FlowRun
from orchestration.pages import drafts
from orchestration.pages.drafts import actor_of, flow_of
from orchestration.services import documents, drafting, luggage, pausing, publishing

STATES = (
    ("running", FlowRun.State.ACTIVE),
    ("waiting", FlowRun.State.WAITING),
    ("failed", FlowRun.State.ATTENTION),
)


@page("orchestration.view_flow")
def flows(request: HttpRequest) -> HttpResponse:
    found = list(Flow.objects.select_related("live_version").order_by("name"))
    counts = _counts()
    for flow in found:
        flow.counts = [
            (word, counts.get((flow.pk, state), 0), _runs_url(flow, state)) for word, state in STATES
        ]
        flow.has_news = flow.live_version is not None and (
            drafting.revision_of(flow.draft) != drafting.revision_of(flow.live_version.definition)
        )
        flow.size = len(tree.keys(tree.copy_of(flow.draft)["steps"]))
    context = {
        "title": "Flows",
        "flows": found,
        "may_add": request.user.has_perm("orchestration.add_flow"),
        "may_publish": request.user.has_perm("orchestration.publish_flow"),
    }
    return show(request, "orchestration/flows.html", context)


def _counts() -> dict[tuple[int, str], int]:
    live = FlowRun.objects.exclude(state__in=FlowRun.FINAL).order_by()
    rows = live.values_list("flow_id", "state").annotate(n=Count("pk"))
    return {(flow, state): n for flow, state, n in rows}


def _runs_url(flow: Flow, state: str) -> str:
    word = {"active": "running", "attention": "failed"}.get(state, state)
    return f"{reverse('runs')}?{urlencode({'flow': flow.pk, 'state': word})}"


@page("orchestration.add_flow")
def new_flow(request: HttpRequest) -> HttpResponse:
    form = FlowForm(request.POST or None)
    if form.is_valid():
        flow = drafting.create(**form.cleaned_data)
        drafts.note(request, flow, "Made the flow")
        return redirect("flow-editor", flow.pk)
    return show(request, "orchestration/new.html", {"title": "New flow", "form": form})


class ImportForm(forms.Form):
    document = forms.FileField(label="Flow as JSON")

    def clean_document(self) -> dict[str, Any]:
        file = self.cleaned_data["document"]
        if file.size > documents.LARGEST:
            raise forms.ValidationError("The file is larger than 2 MB; a flow is never that large.")
        try:
            return documents.read(file.read())
        except NotPublishable as error:
            raise forms.ValidationError(
                [f"{where}: {sentence}" for where, sentence in error.problems]
            ) from error


@page("orchestration.add_flow")
def import_flow(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        kept = luggage.differing(form.cleaned_data["document"])
        try:
            flow = publishing.import_flow(form.cleaned_data["document"], actor=actor_of(request))
        except NotPublishable as error:
            for where, sentence in error.problems:
                form.add_error("document", f"{where}: {sentence}")
        else:
            drafts.note(request, flow, "Imported the draft")
            for sentence in kept:
                messages.warning(request, sentence)
            messages.success(request, f"{flow.name} is imported as a draft; publish it to use it.")
            return redirect("flow-editor", flow.pk)
    return show(request, "orchestration/import.html", {"title": "Import a flow", "form": form})


@page("orchestration.view_flow")
def export_flow(request: HttpRequest, pk: int) -> HttpResponse:
    flow = flow_of(pk)
    text = json.dumps(publishing.export_flow(flow), indent=2, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{flow.key}.json"'
    return response


@page("orchestration.add_flow")
def clone_flow(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    flow = flow_of(pk)
    fresh = drafting.create(
        name=f"{flow.name} (copy)"[:120], type=flow.type, description=flow.description, draft=flow.draft
    )
    drafts.note(request, fresh, f"Made as a copy of {flow.name}")
    return redirect("flow-editor", fresh.pk)


ACTS = {"pause": publishing.pause, "resume": publishing.resume, "stop": publishing.stop}


@page("orchestration.publish_flow")
@act_once(OrchestrationError)
def flow_act(request: HttpRequest, pk: int, act: str) -> None:
    flow = flow_of(pk)
    ACTS[act](flow.pk, actor=actor_of(request))
    flow = flow_of(pk)
    drafts.note(request, flow, f"{act.capitalize()}: {flow.get_status_display().lower()} now")
    messages.success(request, f"{flow.name} is {flow.get_status_display().lower()} now.")


@page("orchestration.publish_flow")
def flow_step(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause or resume one step. Resuming takes two transactions of its own; a second click finds nothing left to do."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    flow, step = flow_of(pk), request.POST.get("step", "")[:60]
    try:
        sentence = _paced(flow, step, request)
    except OrchestrationError as error:
        messages.error(request, str(error))
    else:
        drafts.note(request, flow, sentence)
        messages.success(request, sentence)
    return redirect(next_url(request, "/flows/"))


def _paced(flow: Flow, step: str, request: HttpRequest) -> str:
    name = next((node["name"] for node in walk(flow.draft.get("steps", [])) if node["key"] == step), step)
    if request.POST.get("act") == "resume":
        count = pausing.resume_step(flow.pk, step, actor=actor_of(request))
        return f"{name} goes on; {count} order{'s' * (count != 1)} stood there."
    pausing.pause_step(flow.pk, step, actor=actor_of(request), reason=request.POST.get("reason", ""))
    return f"{name} is paused: orders wait there until it is resumed."
