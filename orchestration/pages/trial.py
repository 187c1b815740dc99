"""The test run: choose an order or paste one, and see on the drawing how the draft would treat it."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from iom.lib.pages import page, show
from orchestration.designer.tiles import Drawing
from orchestration.engine.graph import walk
from orchestration.models import Flow, GoldenOrder
from orchestration.pages import trial_data
from orchestration.pages.drafts import Known, flow_of
from orchestration.services import publishing
from orchestration.services.simulation import Choices, Simulation, failable, outcomes, simulate
from orders.models import Order
from orders.numbers import order_id_of

NEWEST = 8
LARGEST = 500_000
KEPT = ("order", "document", "failing", "events_happen", "holds_released")
MARKS = {
    "done": ("✓", "Done"),
    "waiting": ("…", "Waits here"),
    "failed": ("✕", "Fails here"),
    "diverted": ("↩", "Failed, went on another way"),
    "skipped": ("↷", "Skipped by a filter policy"),
    "ahead": ("○", "Not reached"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    mark: str

    @property
    def symbol(self) -> str:
        return MARKS[self.mark][0]

    @property
    def word(self) -> str:
        return MARKS[self.mark][1]


class TrialForm(forms.Form):
    order = forms.CharField(label="Order number", required=False, max_length=40)
    document = forms.CharField(
        label="or an order as JSON", required=False, max_length=LARGEST,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "iom-mono"}),
    )  # fmt: skip
    events_happen = forms.BooleanField(label="Awaited events happen", required=False, initial=True)
    holds_released = forms.BooleanField(label="Holds are released", required=False)

    def __init__(self, *args: Any, failable: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        boxes = forms.CheckboxSelectMultiple
        self.fields["failing"] = forms.MultipleChoiceField(
            label="What goes wrong outside", choices=failable, required=False, widget=boxes
        )

    def clean_document(self) -> Any:
        text = self.cleaned_data["document"].strip()
        if not text:
            return None
        try:
            return json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not JSON: {error}") from error

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if bool(data.get("order")) == bool(data.get("document")) and not self.errors:
            raise forms.ValidationError("Choose an order, or paste one: either of the two.")
        if number := data.get("order"):
            data["order_id"] = order_id_of(number.strip())
            if data["order_id"] is None:
                self.add_error("order", "An order number looks like SO-1042.")
        return data


@page("orchestration.view_flow", "orders.view_order")
def flow_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Always of the draft. A POST, as it works a while and holds locks meanwhile; it writes nothing."""
    flow, known = flow_of(pk), Known()
    problems = publishing.problems_of(flow.draft)
    drawing = Drawing(flow.draft, known.words(), problems)
    kept = _golden(flow, request.POST.get("golden") or request.GET.get("golden", ""))
    trial_data.take_along(request, flow)
    can_fail = failable(walk(drawing.draft["steps"]))
    along = trial_data.taken(request, flow)
    initial = _as_form(kept) or _from_run(along, can_fail)
    form = TrialForm(request.POST or None, failable=can_fail, initial=initial)
    context: dict[str, Any] = {
        "title": f"Test run of {flow.name}",
        "flow": flow,
        "drawing": drawing,
        "form": form,
        "newest": Order.objects.order_by("-pk")[:NEWEST],
        "editable": False,
        "entry": {"events": []},
        "golden": kept,
        "may_keep": request.user.has_perm("orchestration.change_flow"),
    }
    if form.is_valid():
        stock = kept.stock if kept else None
        context["sent_fields"] = [(name, value) for name in KEPT for value in request.POST.getlist(name)]
        context |= _played(flow, drawing, form.cleaned_data, dict(known.events), stock)
    return show(request, "orchestration/trial.html", context)


def _golden(flow: Flow, text: str) -> GoldenOrder | None:
    """The golden order that fills the form, and whose stock the test run has."""
    return flow.golden_orders.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None


def _as_form(kept: GoldenOrder | None) -> dict[str, Any]:
    if kept is None:
        return {}
    return {**kept.choices, "document": json.dumps(kept.document, indent=2, ensure_ascii=False)}


def _from_run(along: trial_data.TrialData | None, can_fail: list[tuple[str, str]]) -> dict[str, Any]:
    """The order of a run that was taken along, failing outside where it did, as far as the draft still asks there."""
    if along is None:
        return {}
    known = dict(can_fail)
    return {"order": along.order, "failing": [key for key in along.failing if key in known]}


def _played(
    flow: Flow, drawing: Drawing, data: dict[str, Any], events: dict[str, str], stock: list | None
) -> dict[str, Any]:
    choices = Choices(frozenset(data["failing"]), data["events_happen"], data["holds_released"])
    story = simulate(
        flow.draft,
        order_id=data.get("order_id"),
        document=data["document"],
        choices=choices,
        stock=stock,
    )
    _mark(drawing, story)
    names = drawing.words.steps
    return {
        "story": story,
        "told": [(names.get(step.key, step.key), step) for step in story.steps],
        "standing": [(names.get(key, key), state, sentence) for key, state, sentence in story.standing],
        "sent": [(sent, json.dumps(sent.payload, indent=2, default=str)) for sent in story.sent],
        "raised": [(events.get(kind, kind), actor) for kind, actor in story.events],
    }


def _mark(drawing: Drawing, story: Simulation) -> None:
    """The path on the drawing: what was done, where it stands, which branches were taken."""
    found = outcomes(story)
    standing = {key: state for key, state, _ in story.standing}
    for key, tile in drawing.by_key.items():
        results = found.get(key, [])
        tile.mark = Mark(_word(standing.get(key, ""), [result.result for result in results]))
        taken = {branch for result in results for branch in result.branches}
        for lane in tile.lanes:
            lane.taken = 1 if lane.key in taken else None


def _word(standing: str, results: list[str]) -> str:
    if standing:
        return "failed" if standing == "failed" else "waiting"
    last = [result for result in results if result != "requested"]
    if not last:
        return "ahead"
    return {"failure": "diverted", "skipped": "skipped"}.get(last[-1], "done")
