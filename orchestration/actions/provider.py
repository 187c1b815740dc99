"""Steps that ask another system: each record gets a receipt (outbox row) with a stable key, then the path waits for it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from fulfillment.models import FulfillmentOrder
from orchestration.actions.base import OK, Action, Batch, Item, Result, failed, register, unavailable, waiting
from providers.definitions import Action as ProviderAction
from providers.registry import action as provider_action
from providers.registry import provider_actions
from providers.services import outbox, payloads
from providers.services.connections import connection_for, connections_of_channels

OPEN = ("ready", "sending", "unknown")
_State = FulfillmentOrder.State
THEY_HAVE_IT = Q(state__in=[*FulfillmentOrder.WORK, _State.SHIPPED, _State.DELIVERED])


class ProviderStep(Action):
    """The provider's own effect (sent, invoiced …) and its events are written with the reply, by the border."""

    level = "fulfillment_order"
    leaves_late = False  # the request is out and may still succeed: nobody else may do its work meanwhile
    action_type: str
    happened: Q  # what a fulfillment order looks like once the effect is known to have happened

    def run(self, batch: Batch) -> dict[int, Result]:
        keys = {record.pk: receipt_key(batch, item, record.pk) for item, record in batch.records()}
        states = outbox.states(list(keys.values()))
        if batch.step.get("retry"):
            states = _asked_again(batch, keys, states)
        new = {pk: key for pk, key in keys.items() if key not in states}
        told = self._told_already(
            [pk for pk, key in keys.items() if key in states and states[key].state in OPEN]
        )
        refused = self._enqueue(batch, new, states) if new else {}
        return {
            pk: OK if pk in told else refused.get(pk) or _result(states.get(key)) for pk, key in keys.items()
        }

    def _told_already(self, record_ids: list[int]) -> set[int]:
        """Records whose effect a message told of before the answer to our call came: the answer will wake nobody."""
        found = FulfillmentOrder.objects.filter(self.happened, pk__in=record_ids) if record_ids else ()
        return {record.pk for record in found}

    def _enqueue(self, batch: Batch, new: Mapping[int, str], states: dict) -> dict[int, Result]:
        action = batch.step.get("provider_action", "")
        records = {record.pk: record for _, record in batch.records() if record.pk in new}
        serving = self.connections(action, records)
        served = {pk: record for pk, record in records.items() if pk in serving}
        bodies = payloads.build(action, list(served))
        drafts = [
            outbox.RequestDraft(
                key=new[pk],
                connection_id=serving[pk],
                action=action,
                payload=bodies[pk],
                entity=self.level_at(batch.step),
                record_id=pk,
                order_id=getattr(record, "order_id", pk),
                retry=retry_of(batch.step),
            )
            for pk, record in served.items()
        ]
        states.update(outbox.enqueue(drafts))
        return {
            pk: unavailable("No active connection serves this source.", "no_connection")
            for pk in records
            if pk not in served
        }

    def connections(self, action: str, records: Mapping[int, Any]) -> dict[int, int]:
        """Record -> the active connection that serves it."""
        found = connection_for(self.action_type, [r.source_id for r in records.values()], action=action)
        return {pk: found[r.source_id] for pk, r in records.items() if r.source_id in found}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        known = {action.key for action in provider_actions() if action.action_type == self.action_type}
        chosen = step.get("provider_action")
        return (
            []
            if chosen in known
            else [f"“provider_action” must be one of {', '.join(sorted(known))}, not {chosen!r}"]
        )

    def output_events(self, step: Mapping[str, Any]) -> list[str]:
        return [
            event
            for action in provider_actions()
            if action.key == step.get("provider_action")
            for event in (action.success_event, action.failure_event)
        ]


@register
class SendToFulfillment(ProviderStep):
    key, label = "send_to_fulfillment", "Send to fulfillment"
    action_type = "send_to_fulfillment"
    happened = THEY_HAVE_IT


@register
class SendToFulfillmentErp(ProviderStep):
    """The same through an ERP's connection; interchangeable with any provider of that action type."""

    key, label = "send_to_fulfillment_erp", "Send to fulfillment (ERP)"
    action_type = "send_to_fulfillment"
    happened = THEY_HAVE_IT


@register
class SendToInvoice(ProviderStep):
    key, label = "send_to_invoice", "Send to invoice"
    action_type = "send_to_invoice"
    happened = Q(invoiced_at__isnull=False)


@register
class CustomProviderAction(ProviderStep):
    """Any action that a provider declares for orders or fulfillment orders; its outcome is the step's."""

    key, label = "provider_action", "Provider action"
    happened = Q(pk__in=[])  # only its answer tells

    def level_at(self, step: Mapping[str, Any]) -> str:
        found = _declared(step)
        return found.entity if found else "order"

    def connections(self, action: str, records: Mapping[int, Any]) -> dict[int, int]:
        found = connection_for(
            provider_action(action).action_type,
            {getattr(record, "source_id", None) for record in records.values()},
            action=action,
        )
        channels = {pk: getattr(record, "channel_id", None) for pk, record in records.items()}
        own = connections_of_channels(action.partition(".")[0], {c for c in channels.values() if c})
        served = {
            pk: own.get(channels[pk]) or found.get(getattr(r, "source_id", None)) for pk, r in records.items()
        }
        return {pk: connection for pk, connection in served.items() if connection}

    def problems(self, step: Mapping[str, Any]) -> list[str]:
        return (
            [] if _declared(step) else [f"“provider_action” must be one of {', '.join(sorted(_callable()))}"]
        )


def _callable() -> dict[str, ProviderAction]:
    able = ("order", "fulfillment_order")
    return {a.key: a for a in provider_actions() if a.entity in able and a.action_type in payloads.BUILDERS}


def _declared(step: Mapping[str, Any]) -> ProviderAction | None:
    return _callable().get(step.get("provider_action") or "")


def receipt_key(batch: Batch, item: Item, record_id: int) -> str:
    """Stable for a run, a step and a record: a step that comes again finds its receipt and never a second effect."""
    return f"run:{item.run.pk}/{batch.step['key']}/{record_id}"


def retry_of(step: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the border is to go on with a request whose provider cannot be reached; None: as its connection says."""
    retry = step.get("retry") or {}
    if "unavailable" not in retry.get("failures", ()):
        return None
    return {name: retry[name] for name in ("attempts", "seconds", "growth") if name in retry}


def _asked_again(batch: Batch, keys: Mapping[int, str], states: dict) -> dict:
    """The step is tried again: what the provider refused is sent once more, under its own key."""
    refused = [
        states[keys[record.pk]].id
        for item, record in batch.records()
        if item.arrived and item.token.attempts and keys[record.pk] in states
        and states[keys[record.pk]].state == "failed"
    ]  # fmt: skip
    if not refused:
        return states
    outbox.retry(refused, actor=batch.wave.actor)
    return outbox.states(list(keys.values()))


def _result(state) -> Result:
    if state is None or state.state in ("ready", "sending"):
        return waiting("the provider's answer")
    if state.state == "done":
        return OK
    if state.state == "unknown":
        return waiting(f"the provider: outcome unknown, asked again ({state.error or 'no answer'})")
    return failed(state.error_code or "provider_rejected", state.error or "The provider refused it.")
