"""Hears of business events inside their transaction and queues what other systems must be told. A batch at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils import timezone

from fulfillment.services import execution
from iom.lib import compiled
from orders.models import Order
from orders.numbers import number_of
from orders.types import Raised
from providers.models import ProviderConnection, ProviderRequest
from providers.services import outbox, payloads
from providers.services.connections import connections_of_channels
from providers.services.outbox import RequestDraft

WRITE_BACK = {
    "order.canceled": "bigcommerce.status",
    "order.completed": "bigcommerce.status",
    "fulfillment_order.shipped": "bigcommerce.shipment",
}
Numbered = Sequence[tuple[int, Raised]]


def on_events(events: list[tuple[int, Raised]]) -> None:
    back = [(pk, event) for pk, event in events if event.kind in WRITE_BACK]
    canceling = [e.record_id for _, e in events if e.kind == "fulfillment_order.cancel_requested"]
    if back:
        _write_back(back)
    if canceling:
        _cancel(canceling)
    outbox.enqueue([draft for pk, parameters in _webhooks() for draft in _told(pk, parameters, events)])


@compiled.query
def _webhooks() -> QuerySet:
    active = ProviderConnection.objects.filter(status=ProviderConnection.Status.ACTIVE, provider="webhook")
    return active.values_list("pk", "parameters")


def _write_back(events: Numbered) -> None:
    """To the shop that the order came from, if its connection is active."""
    channels = dict(
        Order.objects.filter(pk__in={e.order_id for _, e in events}).values_list("pk", "channel_id")
    )
    connections = connections_of_channels("bigcommerce", set(channels.values()))
    groups: dict[str, list[tuple[Raised, int]]] = defaultdict(list)
    for _, event in events:
        if connection := connections.get(channels.get(event.order_id)):
            groups[WRITE_BACK[event.kind]].append((event, connection))
    drafts = []
    for action, group in groups.items():
        bodies = payloads.build(action, {event.record_id for event, _ in group})
        drafts += [_draft(event, connection, action, bodies) for event, connection in group]
    outbox.enqueue(drafts)


def _draft(event: Raised, connection: int, action: str, bodies: dict[int, dict]) -> RequestDraft:
    """The key names the fact, so that an event that is raised again tells nobody twice."""
    body = bodies[event.record_id]
    if action == "bigcommerce.status":
        body = {**body, "state": event.kind.partition(".")[2]}
    key = f"back:{connection}:{event.kind}:{event.record_id}"
    return RequestDraft(key, connection, action, body, event.entity, event.record_id, event.order_id)


def _cancel(ids: Sequence[int]) -> None:
    """What nobody has tried to send yet is taken back here; the others are for their provider to cancel."""
    free = outbox.cancel_unsent("send_to_fulfillment", ids)
    if free:
        execution.forget_send(free, actor="system")
    asked = set(ids) - set(free)
    sent = ProviderRequest.objects.filter(
        entity="fulfillment_order", record_id__in=asked, action="threepl.send"
    ).exclude(state__in=(ProviderRequest.State.FAILED, ProviderRequest.State.CANCELED))
    rows = sent.values("record_id", "order_id").annotate(connection=Max("connection_id"))
    bodies = payloads.build("threepl.cancel", asked)
    drafts = [
        RequestDraft(
            f"cancel:{row['connection']}:{row['record_id']}", row["connection"], "threepl.cancel",
            bodies[row["record_id"]], "fulfillment_order", row["record_id"], row["order_id"],
        )
        for row in rows
    ]  # fmt: skip
    outbox.enqueue(drafts)


def _told(connection_id: int, parameters: Mapping[str, Any], events: Numbered) -> list[RequestDraft]:
    kinds = parameters.get("events") or ["*"]
    return [
        RequestDraft(
            f"evt_{connection_id}_{pk}", connection_id, "webhook.event", _envelope(pk, event), "event", pk, event.order_id
        )
        for pk, event in events
        if "*" in kinds or event.kind in kinds
    ]  # fmt: skip


def _envelope(pk: int, event: Raised) -> dict[str, Any]:
    """The event in the form of CloudEvents 1.0."""
    data = {**event.payload, "order_id": event.order_id}
    if event.order_id:
        data["order_number"] = number_of(event.order_id)
    return {
        "specversion": "1.0",
        "id": str(pk),
        "source": f"{settings.IOM['PUBLIC_URL']}/",
        "type": event.kind,
        "subject": f"{event.entity}/{event.record_id}",
        "time": timezone.now().isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
