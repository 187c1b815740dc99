"""The outbox: an outside effect is a row first, with a key that goes along on every attempt, and a call second."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from iom.lib import bell, bulk, lock_order
from iom.lib.atomic import joined
from providers.errors import ProviderError
from providers.locks import GATES
from providers.models import ConnectionGate, ProviderRequest
from providers.services import effects, payloads
from providers.services.connections import gate_of

State = ProviderRequest.State
COLUMNS = (
    "key", "connection", "action", "payload", "entity", "record_id", "order", "state", "due_at", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestDraft:
    key: str
    connection_id: int
    action: str
    payload: Mapping[str, Any]
    entity: str
    record_id: int
    order_id: int | None = None
    retry: Mapping[str, Any] | None = None  # attempts, seconds, growth: instead of what the connection says


@dataclass(frozen=True, slots=True)
class RequestState:
    id: int
    state: str
    error_code: str = ""
    error: str = ""


class NotUndecided(ProviderError):
    code = "not_undecided"


@joined
def enqueue(drafts: Sequence[RequestDraft]) -> dict[str, RequestState]:
    """Write receipts for what is to be asked; a key that exists is answered, never doubled. Rings "deliver"."""
    if not drafts:
        return {}
    now = timezone.now()
    rows = {
        d.key: (d.key, d.connection_id, d.action, dict(d.payload), d.entity, d.record_id, d.order_id, State.READY, now, now)
        for d in drafts
    }  # fmt: skip
    columns = COLUMNS
    if any(draft.retry for draft in drafts):
        columns, retry = (*COLUMNS, "retry"), {d.key: d.retry for d in drafts}
        rows = {key: (*row, retry[key] and dict(retry[key])) for key, row in rows.items()}
    made = bulk.insert(
        ProviderRequest, columns, list(rows.values()), returning=("pk", "key"), skip_conflicts=True
    )
    fresh = {key: RequestState(pk, State.READY) for pk, key in made}
    if fresh:
        effects.expected([draft for draft in {d.key: d for d in drafts}.values() if draft.key in fresh])
        _make_gates({draft.connection_id for draft in drafts})
        bell.ring("deliver")
    return fresh | states(rows.keys() - fresh.keys())


def _make_gates(connection_ids: set[int]) -> None:
    known = ConnectionGate.objects.filter(pk__in=connection_ids).values_list("pk", flat=True)
    if missing := connection_ids - set(known):
        lock_order.lock(GATES)
        for connection_id in sorted(missing):
            gate_of(connection_id)


def states(keys: Collection[str]) -> dict[str, RequestState]:
    """How the requests with these keys stand; keys without a request are left out."""
    if not keys:
        return {}
    rows = ProviderRequest.objects.filter(key__in=list(keys))
    return {
        key: RequestState(*row) for key, *row in rows.values_list("key", "pk", "state", "error_code", "error")
    }


@transaction.atomic
def retry(ids: Collection[int], *, actor: str) -> int:
    """A person sends again what is parked or failed, under the same key. What is done or on its way stays.

    So does what would send twice or for nothing: work that is over, or that went elsewhere since it failed.
    What was refused says what its order says by now; what is unknown is repeated word for word, as it may have arrived.
    """
    found = ProviderRequest.objects.filter(pk__in=list(ids), state__in=(State.UNKNOWN, State.FAILED))
    barred = effects.barred(list(found.only("action", "record_id", "state").order_by("pk")), actor=actor)
    _correct(found.filter(state=State.FAILED).exclude(pk__in=barred))
    # Something was tried before: `unknown` keeps the adapter asking first where the provider can be asked.
    count = found.exclude(pk__in=barred).update(
        state=State.UNKNOWN, attempts=1, due_at=timezone.now(), error_code="", error="", done_at=None
    )
    if count:
        bell.ring("deliver")
    return count


def _correct(refused: QuerySet[ProviderRequest]) -> None:
    rows = refused.only("action", "payload", "order_id").order_by("pk").select_for_update(of=("self",))
    ProviderRequest.objects.bulk_update(payloads.corrected(rows), ["payload"], batch_size=200)


@transaction.atomic
def answer(request_id: int, result: str, *, actor: str, response: Mapping[str, Any] | None = None) -> None:
    """A person decides what became of a parked unknown: `done` or `failed`, with the same effects as if told.

    Raises NotUndecided, with nothing changed, if it is not parked any more.
    """
    if result not in (State.DONE, State.FAILED):
        raise NotUndecided(f"“{result}” is no answer; say done or failed.")
    effects.lock_orders(ProviderRequest.objects.filter(pk=request_id).only("order_id"))
    found = ProviderRequest.objects.filter(pk=request_id, state=State.UNKNOWN, due_at=None)
    error = "" if result == State.DONE else f"Decided by {actor}."
    values = {"state": result, "done_at": timezone.now(), "error": error}
    if response is not None:
        values["response"] = dict(response)
    if not found.update(**values, error_code="" if result == State.DONE else "decided"):
        raise NotUndecided("The request is not waiting for a decision.")
    request = ProviderRequest.objects.select_related("connection").get(pk=request_id)
    effects.settled([request], actor=actor)


def cancel_unsent(
    action_type: str, record_ids: Collection[int], *, entity: str = "fulfillment_order"
) -> list[int]:
    """Take back requests that nobody has tried yet. Returns the records that are free again."""
    from providers.registry import provider_actions

    actions = [item.key for item in provider_actions() if item.action_type == action_type]
    unsent = ProviderRequest.objects.filter(
        action__in=actions, entity=entity, record_id__in=record_ids, state=State.READY, attempts=0
    )
    found = list(unsent.values_list("pk", "record_id"))
    taken = [
        record
        for pk, record in found
        if ProviderRequest.objects.filter(pk=pk, state=State.READY, attempts=0).update(
            state=State.CANCELED, due_at=None, done_at=timezone.now()
        )
    ]
    return taken


def deliver(budget_seconds: float = 15) -> int:
    """Send what is due; returns how many requests got an answer."""
    from providers.services.delivery import drain

    return drain(budget_seconds)
