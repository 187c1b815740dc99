"""Forms of the vocabulary: people choose by the words they see; keys and entities follow from that."""

import re
from collections import defaultdict
from typing import Any

from django import forms
from django.apps import apps
from django.db.models import Model, QuerySet
from unfold.widgets import UnfoldAdminSelectWidget

from iom.lib.words import entity_of
from orders.models import EventDefinition, StateDefinition, StateReason, StateTransition
from orders.services.transitions import built_in

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
Grouped = list[tuple[str, list[tuple[str, str]]]]


def words(entity: str) -> str:
    return entity.replace("_", " ")


def entities() -> list[tuple[str, str]]:
    """Kinds of record that have events or states."""
    found = {
        *EventDefinition.objects.values_list("entity", flat=True),
        *StateDefinition.objects.values_list("entity", flat=True),
    }
    return [(entity, words(entity).capitalize()) for entity in sorted(found)]


class VocabularyForm(forms.ModelForm):
    """A state, a reason or an event: which kind of record it is about is chosen, its key is a word for machines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "entity" in self.fields:
            choices = [("", "–"), *entities()]
            self.fields["entity"] = forms.ChoiceField(
                label="Kind of record", choices=choices, widget=UnfoldAdminSelectWidget(choices=choices)
            )
        if "key" in self.fields:
            self.fields[
                "key"
            ].help_text = (
                "A name for files and programs: small letters, digits and _, such as waits_for_photo"
            )

    def clean_key(self) -> str:
        key = self.cleaned_data["key"]
        if not KEY.fullmatch(key):
            raise forms.ValidationError("Use small letters, digits and _, and begin with a letter.")
        return key


class EventForm(VocabularyForm):
    """The key of an event begins with the kind of record that it is about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields[
                "key"
            ].help_text = "The kind of record, a dot and what happened, such as order.photo_arrived"

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        key, entity = data.get("key", ""), data.get("entity", "")
        if key and entity and key.partition(".")[0] != entity:
            self.add_error("key", f"An event about {words(entity)} records begins with “{entity}.”.")
        return data


class TransitionForm(forms.ModelForm):
    """`When “Photo arrived” is raised for an order that is On hold, it becomes In progress.`"""

    when = forms.ChoiceField(label="When this event is raised")
    source = forms.ChoiceField(label="and the record is in")
    target = forms.ChoiceField(label="it goes to")
    reason = forms.ChoiceField(label="with the reason", required=False)

    class Meta:
        model = StateTransition
        fields = ("active",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row, states = (
            self.instance,
            _grouped(StateDefinition.objects.order_by("timeline_position", "label"), "label"),
        )
        offered = {
            "when": (_grouped(EventDefinition.objects.order_by("name"), "name", full=True), row.event),
            "source": (states, f"{row.entity}/{row.source_state}"),
            "target": (states, f"{row.entity}/{row.target_state}"),
            "reason": (
                _grouped(StateReason.objects.order_by("label"), "label"),
                f"{row.entity}/{row.target_reason}",
            ),
        }
        for name, (choices, now) in offered.items():
            rows = [("", "–"), *choices]
            self.fields[name].choices = rows
            self.fields[name].widget = UnfoldAdminSelectWidget(choices=rows)
            if row.pk:
                self.initial[name] = now
        self.order_fields(["when", "source", "target", "reason", "active"])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        event = EventDefinition.objects.filter(key=data.get("when", "")).first()
        if event is None or not data.get("source") or not data.get("target"):
            return data
        keys = {
            name: self._key(name, event.entity) for name in ("source", "target", "reason") if data.get(name)
        }
        if self.errors:
            return data
        self._check_free(event, keys["source"])
        row = self.instance
        row.entity, row.event = event.entity, event.key
        row.source_state, row.target_state, row.target_reason = (
            keys["source"],
            keys["target"],
            keys.get("reason", ""),
        )
        return data

    def _key(self, name: str, entity: str) -> str:
        """The state's or reason's own key; one of another kind of record is refused."""
        other, _, key = self.cleaned_data[name].partition("/")
        if other != entity:
            self.add_error(
                name, f"This belongs to {words(other)} records; the event is about {words(entity)} records."
            )
        return key

    def _check_free(self, event: EventDefinition, source: str) -> None:
        """What ships goes first, and of two own rows one would never act: both are said, not silently kept."""
        model = _model_of(event.entity)
        move = built_in(model).get((event.key, source)) if model else None
        if move:
            self.add_error(
                "when",
                f"What ships leads from here to “{move.target.replace('_', ' ')}” on this event, and goes first.",
            )
        same = StateTransition.objects.filter(
            entity=event.entity, event=event.key, source_state=source, active=True
        )
        if self.cleaned_data.get("active") and same.exclude(pk=self.instance.pk).exists():
            self.add_error(
                "when", "Another transition of yours leads from this state on this event; change that one."
            )


def _grouped(rows: QuerySet, label: str, *, full: bool = False) -> Grouped:
    """By kind of record; `full`: the key says the kind already."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        found[row.entity].append((row.key if full else f"{row.entity}/{row.key}", getattr(row, label)))
    return [(words(entity).capitalize(), found[entity]) for entity in sorted(found)]


def _model_of(entity: str) -> type[Model] | None:
    stateful = (m for m in apps.get_models() if any(f.name == "state_reason" for f in m._meta.fields))
    return next((model for model in stateful if entity_of(model) == entity), None)
