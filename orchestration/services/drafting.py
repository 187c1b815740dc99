"""The draft of a flow: made, saved under an optimistic lock, published as it was seen."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from iom.lib.canonical import digest
from orchestration.designer.faults import StaleDraft
from orchestration.designer.tree import key_from
from orchestration.models import Flow, FlowVersion
from orchestration.services import publishing

EMPTY = {"entry": {"events": ["order.new", "order.orchestrate"], "filters": []}, "steps": []}


def revision_of(draft: Mapping[str, Any]) -> str:
    """Names a draft by what is in it: equal drafts have the same revision, whoever saved them."""
    return digest(draft)[:16]


@transaction.atomic
def create(*, name: str, type: str = "order", description: str = "", draft: Mapping | None = None) -> Flow:
    """A flow with an empty drawing, or with a copy of another one's."""
    taken = set(Flow.objects.values_list("key", flat=True))
    return Flow.objects.create(
        key=key_from(name, taken, kind="flow"),
        name=name,
        type=type,
        description=description,
        draft=draft or EMPTY,
    )


@transaction.atomic
def save(flow_id: int, draft: Mapping[str, Any], *, revision: str, last_editor: str = "") -> str:
    """Keep an edited draft beside the live version; returns its revision.

    Raises StaleDraft, with nothing changed, unless the draft still is the one of `revision`.
    A drawing in the making may still have problems: `publishing.publish` refuses them, this does not.
    """
    flow = Flow.objects.select_for_update().get(pk=flow_id)
    if revision_of(flow.draft) != revision:
        raise StaleDraft(last_editor)
    flow.draft = draft
    flow.save(update_fields=["draft", "updated_at"])
    return revision_of(draft)


def publish_seen(flow_id: int, *, revision: str, actor: str, comment: str = "") -> FlowVersion:
    """Publish the draft that the person looked at. Raises StaleDraft if it was changed since, or NotPublishable."""
    if revision_of(Flow.objects.get(pk=flow_id).draft) != revision:
        raise StaleDraft
    return publishing.publish(flow_id, actor=actor, comment=comment, revision=revision)


def restore(flow_id: int, number: int, *, revision: str) -> str:
    """The drawing of a version becomes the draft again; orders keep following the live one."""
    version = FlowVersion.objects.get(flow_id=flow_id, number=number)
    return save(flow_id, version.definition, revision=revision)
