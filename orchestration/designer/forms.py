"""The side panel's forms: typed, made for one step, and back to settings that `edits.configure` takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from orchestration.actions import ACTIONS
from orchestration.actions.provider import ProviderStep
from orchestration.actions.source import MODES
from orchestration.designer.palette import palette
from orchestration.entities import levels
from orchestration.services.checking import FAILURES, LONGEST_SECONDS, MOST_ATTEMPTS
from orders.models import Hold
from providers.registry import provider_actions

Choices = Sequence[tuple[str, str]]
NONE = ("", "–")
GROWTH_WORDS = [("same", "Always the same"), ("doubling", "Twice as long each time")]
FAILURE_WORDS = [("unavailable", "Could not be reached"), ("rejected", "Refused, or a check failed")]


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen now: (key, name) each."""

    events: Choices
    filters: Choices
    executions: Choices
    steps: Choices


class FlowForm(forms.Form):
    name = forms.CharField(max_length=120)
    type = forms.ChoiceField(label="Orchestration type", choices=[("order", "Order orchestration")])
    description = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class EntryForm(FlowForm):
    """The flow's own settings, and what lets an order in."""

    def __init__(self, *args: Any, options: Options, entry: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["events"] = _many("Starts with", options.events, entry.get("events", []), required=True)
        self.fields["filters"] = _many("Entry filter policies", options.filters, entry.get("filters", []))
        self.initial |= {"events": entry.get("events", []), "filters": entry.get("filters", [])}


class StepForm(forms.Form):
    """One step or element. Which fields there are follows from its kind and its action."""

    name = forms.CharField(max_length=120)

    def __init__(self, *args: Any, node: Mapping[str, Any], options: Options, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.node, self.options = node, options
        self.parameters = node.get("parameters") or {}
        if node["kind"] == "action":
            self._action()
        elif node["kind"].startswith("splitter"):
            self._add(
                "level", _one("Works on", list(levels().items()), blank=False), node.get("level", "order")
            )
        if node["kind"] != "action":
            box = forms.BooleanField(label="Branches rejoin", required=False)
            self._add("rejoins", box, node["kind"].endswith("_merge"))
        notes = forms.CharField(label="Description and notes", required=False, max_length=2000)
        notes.widget = forms.Textarea(attrs={"rows": 2})
        self._add("notes", notes, node.get("notes", ""))
        self.initial["name"] = node["name"]

    @property
    def parameter_fields(self) -> list:
        return [self[name] for name in self.fields if name.startswith("p_")]

    def settings(self) -> dict[str, Any]:
        """What was filled in, as settings of the step."""
        data = {name: value for name, value in self.cleaned_data.items() if name in self.fields}
        found = {
            name: data[name]
            for name in ("level", "rejoins", "notes", "action", "provider_action")
            if name in data
        }
        if self.node["kind"] != "action":
            return found
        for name in ("input_events", "filters", "policies"):
            found[name] = _in_old_order(data[name], self.node.get(name, []))
        found["resume_on_error"] = data["resume_on_error"]
        found["on_failure"] = {"go_to": data["go_to"]} if data["go_to"] else None
        found["retry"] = _retry(data)
        minutes, event = data["deadline_minutes"], data["deadline_event"]
        found["deadline"] = {"minutes": minutes, **({"event": event} if event else {})} if minutes else None
        found["parameters"] = {name[2:]: value for name, value in data.items() if name.startswith("p_")}
        return found

    def _action(self) -> None:
        node, options = self.node, self.options
        actions = [(e.what, e.label) for _, entries in palette() for e in entries if e.what in ACTIONS]
        action = ACTIONS.get(node.get("action", ""))
        self._add(
            "action", _one("Action type", actions, node.get("action"), blank=False), node.get("action", "")
        )
        if isinstance(action, ProviderStep):
            fits = [
                (a.key, f"{a.label} ({a.key})")
                for a in provider_actions()
                if not action.problems({"provider_action": a.key})
            ]
            chosen = node.get("provider_action", "")
            self._add("provider_action", _one("Provider action", fits, chosen), chosen)
        for name, label, choices in (
            ("input_events", "Input events", options.events),
            ("filters", "Filter policies", options.filters),
            ("policies", "Execution policies", options.executions),
        ):
            self._add(name, _many(label, choices, node.get(name, [])), node.get(name, []))
        self._parameters(node.get("action", ""))
        self._failure()

    def _failure(self) -> None:
        node, options = self.node, self.options
        go_to, deadline = (node.get("on_failure") or {}).get("go_to", ""), node.get("deadline") or {}
        resume = node.get("resume_on_error", "")
        self._add("go_to", _one("On failure go to", options.steps, go_to), go_to)
        self._add("resume_on_error", _one("Resume on error: raise", options.events, resume), resume)
        self._retry(node.get("retry") or {})
        minutes = forms.IntegerField(
            label="Deadline in minutes", required=False, min_value=1, max_value=525_600
        )
        self._add("deadline_minutes", minutes, deadline.get("minutes"))
        event = deadline.get("event", "")
        self._add("deadline_event", _one("Event after the deadline", options.events, event), event)

    def _retry(self, retry: Mapping[str, Any]) -> None:
        attempts = forms.IntegerField(
            label="Attempts in all", required=False, min_value=1, max_value=MOST_ATTEMPTS
        )
        seconds = forms.IntegerField(
            label="Seconds before the next attempt", required=False, min_value=1, max_value=LONGEST_SECONDS
        )
        growth = forms.ChoiceField(label="The wait then", choices=GROWTH_WORDS, required=False)
        self._add("retry_attempts", attempts, retry.get("attempts"))
        self._add("retry_seconds", seconds, retry.get("seconds"))
        self._add("retry_growth", growth, retry.get("growth", "same"))
        chosen = retry.get("failures", [])
        self._add("retry_failures", _many("Try again after", FAILURE_WORDS, chosen), chosen)

    def _parameters(self, action: str) -> None:
        """Small typed forms; a parameter that is not known here is kept as it is."""
        if action == "hold":
            self._parameter("type", _one("Hold type", Hold.Type.choices, blank=False))
            self._parameter("reason", forms.CharField(label="Reason", required=False, max_length=200))
        if action in ("hold", "wait", "custom"):
            self._parameter("level", _one("Works on", list(levels().items())))
        if action == "wait":
            chosen = self.parameters.get("failure_events", [])
            self._parameter("failure_events", _many("Events that mean failure", self.options.events, chosen))
        if action == "custom":
            self._parameter(
                "raise_event", _one("Raise event", self.options.events, self.parameters.get("raise_event"))
            )
        if action == "send_fulfillment_process_request":
            self._parameter(
                "mode", _one("Mode", [(mode, mode.replace("_", " ").capitalize()) for mode in MODES])
            )
        go_to = self.parameters.get("go_to", "")
        if action == "hold" or go_to:
            self._parameter("go_to", _one("Then go to", self.options.steps, go_to))

    def _parameter(self, name: str, field: forms.Field) -> None:
        self._add(f"p_{name}", field, self.parameters.get(name, ""))

    def _add(self, name: str, field: forms.Field, initial: Any) -> None:
        self.fields[name] = field
        self.initial[name] = initial


def _retry(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Nothing for one attempt; what is left open is a minute, always the same, after every kind of failure."""
    attempts = data.get("retry_attempts") or 1
    if attempts < 2:
        return None
    return {
        "attempts": attempts,
        "seconds": data.get("retry_seconds") or 60,
        "growth": data.get("retry_growth") or "same",
        "failures": data.get("retry_failures") or list(FAILURES),
    }


class BranchForm(forms.Form):
    name = forms.CharField(max_length=120)
    otherwise = forms.BooleanField(label="Takes what no other branch takes", required=False)

    def __init__(self, *args: Any, branch: Mapping[str, Any], options: Options, **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"branch-{branch['key']}-%s", **kwargs)
        self.fields["filters"] = _many("Filter policies", options.filters, branch.get("filters", []))
        self.initial = {
            "name": branch.get("name") or branch["key"],
            "otherwise": branch.get("otherwise", False),
            "filters": branch.get("filters", []),
        }


def _many(label: str, choices: Choices, chosen: Sequence[str], *, required: bool = False) -> forms.Field:
    """Boxes, the chosen ones first; a chosen key that is gone from the choices stays choosable, so it is not lost."""
    known = dict(choices)
    ordered = [(key, known.get(key, key)) for key in chosen] + [(k, n) for k, n in choices if k not in chosen]
    field = forms.MultipleChoiceField(label=label, choices=ordered, required=required)
    field.widget = forms.CheckboxSelectMultiple(choices=ordered)
    return field


def _one(label: str, choices: Choices, chosen: str | None = "", *, blank: bool = True) -> forms.ChoiceField:
    rows = [*([NONE] if blank else []), *choices]
    if chosen and chosen not in dict(rows):
        rows.append((chosen, chosen))
    return forms.ChoiceField(label=label, choices=rows, required=not blank)


def _in_old_order(chosen: Sequence[str], before: Sequence[str]) -> list[str]:
    return [key for key in before if key in chosen] + [key for key in chosen if key not in before]
