"""What the pages of a draft share: the flow, its drawing, who edited it last, and saving with history."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from orchestration.designer import history, tree
from orchestration.designer.faults import StaleDraft
from orchestration.designer.forms import Options
from orchestration.designer.tiles import Drawing, Words
from orchestration.models import Flow, Policy
from orchestration.services import drafting, publishing
from orders.models import EventDefinition


def flow_of(pk: int) -> Flow:
    return get_object_or_404(Flow.objects.select_related("live_version"), pk=pk)


def actor_of(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"


class Known:
    """Events and policies, asked once a page."""

    def __init__(self) -> None:
        self.events = list(EventDefinition.objects.order_by("entity", "name").values_list("key", "name"))
        self.policies = list(Policy.objects.order_by("name").values_list("key", "name", "type", "status"))

    def words(self) -> Words:
        return Words(dict(self.events), {key: name for key, name, _, _ in self.policies})

    def options(self, drawing: Drawing, without: str = "") -> Options:
        steps = [(key, name) for key, name in drawing.words.steps.items() if key != without]
        return Options(self.events, self._policies("filter"), self._policies("execution"), steps)

    def _policies(self, kind: str) -> list[tuple[str, str]]:
        return [
            (key, name if status == "published" else f"{name} (not published)")
            for key, name, type_, status in self.policies
            if type_ == kind
        ]


def drawn(flow: Flow, known: Known) -> Drawing:
    draft = tree.copy_of(flow.draft)
    return Drawing(draft, known.words(), publishing.problems_of(draft))


def fixed_keys(flow: Flow) -> set[str]:
    """Keys that the live version knows: runs and results speak of them, so a new name leaves them."""
    return tree.keys(tree.copy_of(flow.live_version.definition)["steps"]) if flow.live_version else set()


def last_edit(flow: Flow) -> LogEntry | None:
    kind = ContentType.objects.get_for_model(Flow)
    found = LogEntry.objects.filter(content_type=kind, object_id=str(flow.pk)).select_related("user")
    return found.order_by("-action_time").first()


def save(request: HttpRequest, flow: Flow, draft: Mapping[str, Any], sentence: str, *, revision: str) -> None:
    """Save an edit of the draft that the person saw, note it in the log and for undo. Raises StaleDraft."""
    before = tree.copy_of(flow.draft)
    try:
        saved = drafting.save(flow.pk, draft, revision=revision)
    except StaleDraft:
        last = last_edit(flow)
        raise StaleDraft(last.user.get_username() if last else "") from None
    if saved != revision:
        history.remember(request.session, flow.pk, before=before, revision=saved, sentence=sentence)
        note(request, flow, sentence)


def note(request: HttpRequest, flow: Flow, sentence: str) -> None:
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(Flow),
        object_id=str(flow.pk),
        object_repr=flow.name[:200],
        action_flag=CHANGE,
        change_message=sentence,
    )
