"""Holds: what stops an order, who put it there and who took it off."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from iom.lib import bulk
from orders.models import Hold, Order, OrderLine
from orders.querysets import HoldQuerySet
from orders.services.events import apply_event, record
from orders.services.headers import settle_headers
from orders.services.states import refusal
from orders.services.transitions import TransitionTable
from orders.types import Outcome, Raised

COLUMNS = (
    "order",
    "type",
    "reason",
    "blocks",
    "placed_by",
    "placed_at",
    "released_by",
    "release_note",
)
REASON_LENGTH = 200
BEYOND = {OrderLine.State.FULFILLMENT, OrderLine.State.SHIPPED, OrderLine.State.INVOICED}


@dataclass(frozen=True, slots=True)
class HoldDraft:
    """`blocks` names the action types that must not run; empty: every step. `payload` joins the event's."""

    order_id: int
    type: str
    reason: str = ""
    blocks: tuple[str, ...] = ()
    payload: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def hold_orders(
    order_ids: Collection[int], *, type: str, reason: str, actor: str, blocks: Sequence[str] = ()
) -> Outcome:
    """Put a hold of this type on orders; one that has it stays as it is, so a repeated call changes nothing.

    Orders move to on hold with the type as their state reason. Returns the ids that were held now, and the ids
    refused with the sentence that says why. Raises OrderNotFound, with nothing changed.
    """
    return place_holds([HoldDraft(pk, type, reason, tuple(blocks)) for pk in order_ids], actor=actor)


@transaction.atomic
def place_holds(drafts: Sequence[HoldDraft], *, actor: str) -> Outcome:
    """Like `hold_orders`, each order with its own type and reason; several holds of one order in their order."""
    if not drafts:
        return Outcome()
    orders = {order.pk: order for order in _locked({draft.order_id for draft in drafts})}
    taken = set(Hold.objects.active().filter(order_id__in=orders).values_list("order_id", "type"))
    fresh: dict[str, dict[int, HoldDraft]] = defaultdict(dict)
    for draft in drafts:
        if (draft.order_id, draft.type) not in taken:
            fresh[draft.type].setdefault(draft.order_id, draft)
    changed, refused, table = [], {}, TransitionTable() if fresh else None
    for type, group in fresh.items():
        outcome = _held(type, group, orders, table, actor)
        changed += outcome.changed
        refused |= {pk: refusal(orders[pk].number, orders[pk].state, "held") for pk in outcome.refused}
    return Outcome(sorted(set(changed)), refused)


def _held(
    type: str, group: dict[int, HoldDraft], orders: dict, table: TransitionTable, actor: str
) -> Outcome:
    payloads = {
        pk: {"hold": type, "note": draft.reason[:REASON_LENGTH]} | draft.payload
        for pk, draft in group.items()
    }
    outcome = apply_event(
        "order.held",
        [orders[pk] for pk in sorted(group)],
        actor=actor,
        payloads=payloads,
        reason=type,
        table=table,
    )
    now = timezone.now()
    rows = [
        (pk, type, group[pk].reason[:REASON_LENGTH], list(group[pk].blocks), actor, now, "", "")
        for pk in outcome.changed
    ]
    bulk.insert(Hold, COLUMNS, rows)
    return outcome


@transaction.atomic
def release_holds(
    order_ids: Collection[int], *, actor: str, type: str | None = None, note: str = ""
) -> Outcome:
    """Release the holds of one type, or all of them; an order without any stays as it is.

    When its last hold goes an order leaves the state on hold: to new when no line was validated yet, back to
    fulfillment when some line is there or further, else to in progress. Returns the ids that lost a hold.
    """
    orders = _locked(order_ids)
    active = defaultdict(list)
    for pk, order_id, kind in (
        Hold.objects.active().filter(order_id__in=order_ids).values_list("pk", "order_id", "type")
    ):
        active[order_id].append((pk, kind))
    gone = {
        order.pk: [(pk, kind) for pk, kind in active[order.pk] if type in (None, kind)] for order in orders
    }
    _close(Hold.objects.filter(pk__in=[pk for pairs in gone.values() for pk, _ in pairs]), actor, note)
    stuck = [order for order in orders if order.state == Order.State.ON_HOLD and type is None]
    freed = [order for order in orders if gone[order.pk] or order in stuck]
    _leave(freed, active, gone, actor, note)
    return Outcome([order.pk for order in freed])


def close_holds(order_ids: Collection[int], *, actor: str, note: str) -> None:
    """End the holds of orders that end themselves; no event beside theirs."""
    if order_ids:
        _close(Hold.objects.active().filter(order_id__in=order_ids), actor, note)


def _close(holds: HoldQuerySet, actor: str, note: str) -> None:
    holds.update(released_at=timezone.now(), released_by=actor, release_note=note[:REASON_LENGTH])


def _leave(freed: Sequence[Order], active: dict, gone: dict, actor: str, note: str) -> None:
    """Move those whose last hold went; for the others the release is written as a change of the order."""
    payloads = {
        order.pk: {"holds": sorted(kind for _, kind in gone[order.pk]), "note": note[:REASON_LENGTH]}
        for order in freed
    }
    last = [
        order
        for order in freed
        if order.state == Order.State.ON_HOLD and len(active[order.pk]) == len(gone[order.pk])
    ]
    ids = {order.pk for order in last}
    events = [
        Raised(
            "order.changed",
            "order",
            order.pk,
            order.pk,
            {"released": payloads[order.pk]["holds"], "note": note},
        )
        for order in freed
        if order.pk not in ids
    ]
    record(events, actor=actor)
    if not last:
        return
    table, targets = TransitionTable(), release_events(ids)
    for kind in sorted(set(targets.values())):
        group = [order for order in last if targets[order.pk] == kind]
        apply_event(kind, group, actor=actor, payloads=payloads, table=table)
    settle_headers(ids, actor=actor, table=table)


def release_events(order_ids: Iterable[int]) -> dict[int, str]:
    """The event that takes each order off hold, by its lines; one query."""
    states: dict[int, set[str]] = {pk: set() for pk in order_ids}
    for pk, state in (
        OrderLine.objects.live().filter(order_id__in=states).values_list("order_id", "state").distinct()
    ):
        states[pk].add(state)
    return {pk: release_event(found) for pk, found in states.items()}


def release_event(line_states: Collection[str]) -> str:
    if BEYOND & set(line_states):
        return "order.released_to_fulfillment"
    return "order.released_to_new" if set(line_states) <= {OrderLine.State.NEW} else "order.released"


def _locked(ids: Collection[int]) -> list[Order]:
    return Order.objects.only("id", "state", "state_reason").lock(ids)
