"""Versions of a flow: the list, two of them compared in words, the publish page, restore as draft."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from iom.lib.once import act_once
from iom.lib.pages import page, show
from orchestration.designer.faults import EditRefused
from orchestration.errors import NotPublishable
from orchestration.models import Flow, FlowVersion
from orchestration.pages import drafts
from orchestration.pages.drafts import Known, actor_of, drawn, flow_of
from orchestration.services import drafting, publishing
from orchestration.services.difference import Difference, differences

MOST = 100


class CommentForm(forms.Form):
    comment = forms.CharField(
        label="What is new, and why", max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


@page("orchestration.publish_flow")
def publish_flow(request: HttpRequest, pk: int) -> HttpResponse:
    """What publishing would change against the live version, and every problem; then it is done once."""
    flow, known = flow_of(pk), Known()
    form = CommentForm(request.POST or None)
    refused: list[tuple[str, str]] = []
    if form.is_valid():
        found, refused = _publish(request, flow, form.cleaned_data["comment"])
        if found:
            return found
        flow = flow_of(pk)
    context = {
        "title": f"Publish {flow.name}",
        "flow": flow,
        "form": form,
        "drawing": drawn(flow, known),
        "revision": drafting.revision_of(flow.draft),
        "changes": _against_live(flow, known),
        "golden_problems": [problem for problem in refused if problem[0].startswith("golden order ")],
        "golden_count": flow.golden_orders.count(),
        "number": (flow.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
    }
    return show(request, "orchestration/publish.html", context)


def _publish(
    request: HttpRequest, flow: Flow, comment: str
) -> tuple[HttpResponse | None, list[tuple[str, str]]]:
    """The page to go on to, or what refuses it."""
    revision = request.POST.get("revision", "")
    try:
        version = drafting.publish_seen(flow.pk, revision=revision, actor=actor_of(request), comment=comment)
    except NotPublishable as error:
        messages.error(request, "It is not published: solve the problems below first.")
        return None, error.problems
    except EditRefused as error:
        messages.error(request, str(error))
    else:
        drafts.note(request, flow, f"Published version {version.number}")
        messages.success(request, f"{flow.name} is published as version {version.number}.")
        return redirect("flow-editor", flow.pk), []
    return None, []


@page("orchestration.view_flow")
def flow_versions(request: HttpRequest, pk: int) -> HttpResponse:
    """`?from=` and `?to=` name the two that are compared: a number, or `draft`."""
    flow, known = flow_of(pk), Known()
    versions = list(
        flow.versions.order_by("-number").only("number", "comment", "published_by", "published_at", "flow")[
            :MOST
        ]
    )
    context: dict[str, Any] = {
        "title": f"Versions of {flow.name}",
        "flow": flow,
        "versions": versions,
        "editable": request.user.has_perm("orchestration.change_flow"),
        "revision": drafting.revision_of(flow.draft),
        "choices": [("draft", "Draft"), *((str(v.number), f"Version {v.number}") for v in versions)],
    }
    older, newer = _chosen(request, versions)
    if older and newer:
        context |= {"older": older, "newer": newer, "changes": _compared(flow, older, newer, known)}
    return show(request, "orchestration/versions.html", context)


@page("orchestration.change_flow")
@act_once(EditRefused)
def restore_version(request: HttpRequest, pk: int, number: int) -> None:
    flow = flow_of(pk)
    version = _version(flow, str(number))
    drafts.save(
        request,
        flow,
        version.definition,
        f"Restored version {number}",
        revision=request.POST.get("revision", ""),
    )
    messages.success(request, f"The draft is version {number} again; publish it to make it live.")


def _chosen(request: HttpRequest, versions: list[FlowVersion]) -> tuple[str, str]:
    if request.GET.get("from") and request.GET.get("to"):
        return request.GET["from"], request.GET["to"]
    return (str(versions[0].number), "draft") if versions else ("", "")


def _compared(flow: Flow, older: str, newer: str, known: Known) -> list[Difference]:
    (before, policies_before), (after, policies_after) = _side(flow, older), _side(flow, newer)
    return differences(
        before, after, policies_before=policies_before, policies_after=policies_after, names=_names(known)
    )


def _against_live(flow: Flow, known: Known) -> list[Difference] | None:
    """None: nothing is live to compare with."""
    if flow.live_version is None:
        return None
    return _compared(flow, str(flow.live_version.number), "draft", known)


def _side(flow: Flow, which: str) -> tuple[dict, dict]:
    if which == "draft":
        policies, _ = publishing.policies_of(flow.draft)
        return flow.draft, policies
    version = _version(flow, which)
    return version.definition, version.compiled.get("policies", {})


def _version(flow: Flow, number: str) -> FlowVersion:
    found = (
        flow.versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    )
    if found is None:
        raise Http404(f"There is no version {number}.")
    return found


def _names(known: Known) -> dict[str, str]:
    return dict(known.events) | {key: name for key, name, _, _ in known.policies}
