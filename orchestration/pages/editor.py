"""The flow editor: the drawing, one panel beside it, and a form for every operation. Works without script."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from iom.lib.pages import page, show
from orchestration.designer import edits, history, tree
from orchestration.designer.faults import EditRefused, NoSuchBranch, NoSuchStep
from orchestration.designer.forms import BranchForm, EntryForm, StepForm
from orchestration.designer.palette import palette
from orchestration.designer.tiles import Drawing, output_events
from orchestration.models import Flow
from orchestration.pages import drafts, trial_data
from orchestration.pages.changes import CHANGES
from orchestration.pages.drafts import Known, drawn, flow_of
from orchestration.services import drafting

CHANGE = "orchestration.change_flow"
# (operation, value), symbol, word
MOVES = (
    (("move", "up"), "arrow_upward", "Up"),
    (("move", "down"), "arrow_downward", "Down"),
    (("duplicate", ""), "content_copy", "Duplicate"),
)


@page("orchestration.view_flow")
def flow_editor(request: HttpRequest, pk: int) -> HttpResponse:
    """`?step=`, `?at=`, `?flow=` and `?delete=` choose the panel; the page's own script asks for the editor alone.

    `?run=` takes the order of a run along as the data of test runs.
    """
    flow = flow_of(pk)
    trial_data.take_along(request, flow)
    return _shown(request, flow, request.GET)


@page(CHANGE)
def flow_edit(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    flow, op = flow_of(pk), request.POST.get("op", "")
    bound = None
    try:
        if op in ("undo", "redo"):
            shown = _step_back(request, flow, op)
        elif op in FORMS:
            bound, shown = FORMS[op](request, flow)
        elif op in CHANGES:
            change = CHANGES[op](flow.draft, request.POST)
            shown = _save(request, flow, change.draft, change.sentence, change.shown)
        else:
            raise EditRefused(f"“{op}” is no operation of this page.")
    except EditRefused as error:
        messages.error(request, str(error))
        return _again(request, pk, op)
    if bound is not None:
        return _shown(request, flow, {"step": request.POST.get("step", "")}, bound=bound, status=422)
    return HttpResponseRedirect(_url(pk, shown))


# -- forms of the panel -----------------------------------------------------------------------------------------


def _configure(request: HttpRequest, flow: Flow) -> tuple[StepForm | None, str]:
    key, known = request.POST.get("step", ""), Known()
    form = _step_form(flow, key, known, request.POST)
    if not form.is_valid():
        return form, ""
    fresh = edits.configure(flow.draft, key, form.settings())
    name = form.cleaned_data["name"]
    if name.strip() != form.node["name"]:
        fresh, key = edits.rename(fresh, key, name, fixed=drafts.fixed_keys(flow))
    return None, _save(request, flow, fresh, f"Changed {name}", f"step={key}")


def _branch(request: HttpRequest, flow: Flow) -> tuple[None, str]:
    key, branch, known = request.POST.get("step", ""), request.POST.get("branch", ""), Known()
    node = tree.find(tree.copy_of(flow.draft), key).node
    form = BranchForm(request.POST, branch=tree.branch_at(node, branch), options=_options(flow, known))
    if not form.is_valid():
        raise EditRefused(" ".join(text for found in form.errors.values() for text in found))
    fresh = edits.set_branch(flow.draft, key, branch, **form.cleaned_data)
    return None, _save(request, flow, fresh, f"Changed branch {form.cleaned_data['name']}", f"step={key}")


@transaction.atomic
def _flow(request: HttpRequest, flow: Flow) -> tuple[None, str]:
    form = EntryForm(request.POST, options=_options(flow, Known()), entry=flow.draft.get("entry", {}))
    if not form.is_valid():
        raise EditRefused(" ".join(text for found in form.errors.values() for text in found))
    data = form.cleaned_data
    fresh = edits.set_entry(flow.draft, data["events"], data["filters"])
    shown = _save(request, flow, fresh, "Changed the flow's settings", "flow=1")
    Flow.objects.filter(pk=flow.pk).update(
        name=data["name"], type=data["type"], description=data["description"]
    )
    return None, shown


FORMS = {"configure": _configure, "branch": _branch, "flow": _flow}


def _save(request: HttpRequest, flow: Flow, draft: Mapping[str, Any], sentence: str, shown: str) -> str:
    drafts.save(request, flow, draft, sentence, revision=request.POST.get("revision", ""))
    return shown


def _step_back(request: HttpRequest, flow: Flow, way: str) -> str:
    now = tree.copy_of(flow.draft)
    revision = drafting.revision_of(flow.draft)
    wanted, sentence = history.step(request.session, flow.pk, way, draft=now, revision=revision)
    saved = drafting.save(flow.pk, wanted, revision=revision)
    history.stepped(request.session, flow.pk, way, left=now, revision=saved)
    drafts.note(request, flow, f"{'Took back' if way == 'undo' else 'Did again'}: {sentence}")
    return ""


# -- the page ---------------------------------------------------------------------------------------------------


def _shown(
    request: HttpRequest,
    flow: Flow,
    chosen: Mapping[str, str],
    *,
    bound: StepForm | None = None,
    status: int = 200,
) -> HttpResponse:
    known = Known()
    drawing = drawn(flow, known)
    revision = drafting.revision_of(flow.draft)
    editable = request.user.has_perm(CHANGE)
    fragment = request.headers.get("X-Requested-With") == "fetch"
    context = {
        "title": flow.name,
        "flow": flow,
        "drawing": drawing,
        "editable": editable,
        "publishable": request.user.has_perm("orchestration.publish_flow"),
        "revision": revision,
        "is_live": flow.live_version is not None
        and drafting.revision_of(flow.live_version.definition) == revision,
        "undo": history.peek(request.session, flow.pk, "undo", revision),
        "redo": history.peek(request.session, flow.pk, "redo", revision),
        "saved": drafts.last_edit(flow),
        "entry": _entry(drawing),
        "moves": MOVES,
        "taken": trial_data.taken(request, flow),
        "fragment": fragment,
        **_panel(flow, drawing, known, chosen, bound),
    }
    if fragment:
        return render(request, "orchestration/designer.html", context, status=status)
    return show(request, "orchestration/editor.html", context, status=status)


def _panel(
    flow: Flow, drawing: Drawing, known: Known, chosen: Mapping[str, str], bound: StepForm | None
) -> dict[str, Any]:
    """What stands beside the drawing, and what is marked in it."""
    if (key := chosen.get("delete", "")) in drawing.by_key:
        return {"panel": "delete", "selected": key, "tile": drawing.by_key[key]}
    if (key := chosen.get("step", "")) in drawing.by_key:
        return {"panel": "step", "selected": key, **_step_panel(flow, drawing, known, key, bound)}
    if at := chosen.get("at", ""):
        words = dict(drawing.gaps)
        if at in words:
            return {"panel": "palette", "at": at, "at_words": words[at], "palette": palette()}
    if chosen.get("flow"):
        return {"panel": "flow", "form": _entry_form(flow, drawing, known)}
    return {"panel": ""}


def _step_panel(
    flow: Flow, drawing: Drawing, known: Known, key: str, bound: StepForm | None
) -> dict[str, Any]:
    node = tree.find(drawing.draft, key).node
    tile, options = drawing.by_key[key], known.options(drawing, without=key)
    inside = {f"{tile.key}/{lane.key}" for lane in tile.lanes}
    events = dict(known.events)
    return {
        "tile": tile,
        "is_live_step": flow.status != Flow.Status.UNPUBLISHED and key in drafts.fixed_keys(flow),
        "form": bound or StepForm(node=node, options=options),
        "branches": [
            {"key": branch["key"], "name": branch.get("name") or branch["key"], "steps": len(branch.get("steps", [])),
             "form": BranchForm(branch=branch, options=options)}
            for branch in node.get("branches", [])
        ],
        "outputs": [(event, events.get(event, event)) for event in output_events(node)],
        "gaps": [(at, words) for at, words in drawing.gaps if at.rpartition(":")[0] not in inside],
    }  # fmt: skip


def _entry(drawing: Drawing) -> dict[str, list[str]]:
    entry, words = drawing.draft["entry"], drawing.words
    return {
        "events": [words.events.get(key, key) for key in entry.get("events", [])],
        "filters": [words.policies.get(key, key) for key in entry.get("filters", [])],
    }


def _entry_form(flow: Flow, drawing: Drawing, known: Known) -> EntryForm:
    first = {"name": flow.name, "type": flow.type, "description": flow.description}
    return EntryForm(initial=first, options=known.options(drawing), entry=drawing.draft["entry"])


def _options(flow: Flow, known: Known, without: str = ""):
    return known.options(Drawing(flow.draft, known.words(), ()), without)


def _step_form(flow: Flow, key: str, known: Known, data: Any) -> StepForm:
    node = tree.find(tree.copy_of(flow.draft), key).node
    return StepForm(data, node=node, options=_options(flow, known, key))


def _again(request: HttpRequest, pk: int, op: str) -> HttpResponse:
    """After a refusal: the drawing as it is now, and for the settings of a step what was typed."""
    flow = flow_of(pk)
    key = request.POST.get("step", "")
    bound = None
    if op == "configure":
        try:
            bound = _step_form(flow, key, Known(), request.POST)
        except (NoSuchStep, NoSuchBranch):
            key = ""
    chosen = {"step": key} if key else {"at": request.POST.get("at", "")}
    return _shown(request, flow, chosen, bound=bound, status=409)


def _url(pk: int, shown: str) -> str:
    return reverse("flow-editor", args=[pk]) + (f"?{shown}" if shown else "")


def step_url(pk: int, key: str) -> str:
    return _url(pk, urlencode({"step": key}))
