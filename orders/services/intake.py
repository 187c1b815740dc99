"""Intake: drafts of any channel become orders, once each. The hot path: rows go in as tuples, a batch at a time."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import timezone

from iom.lib.atomic import as_one
from orders.models import Order
from orders.numbers import number_of
from orders.services import intake_rows as rows
from orders.services.amounts import Amounts, amounts_of
from orders.services.events import collecting, record
from orders.services.faults import HOME, PARKABLE, fault, shape_faults
from orders.services.holds import HoldDraft, place_holds
from orders.services.references import References, look_up, reference_faults
from orders.types import Intake, LineDraft, OrderDraft, Party, Raised

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Sound:
    """A draft that can be stored, though `faults` may call for a hold."""

    index: int
    draft: OrderDraft
    content_hash: str
    faults: tuple[Mapping[str, Any], ...]

    @property
    def key(self) -> Key:
        return self.draft.channel_id, self.draft.external_id


@dataclass(frozen=True, slots=True)
class Accepted:
    """What will be stored; `faults` is what it is parked for."""

    sound: Sound
    amounts: Amounts
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def draft(self) -> OrderDraft:
        return self.sound.draft


@transaction.atomic
def create_orders(drafts: Sequence[OrderDraft], *, actor: str, park_faulty: bool = False) -> list[Intake]:
    """Create orders and raise `order.new` for each that is not a draft; one answer per draft, in their order.

    Idempotent by channel and external id, under concurrent callers too: the same content again answers `existing`,
    other content `conflict`. A faulty draft is refused with every fault named, the others go in. A trusted channel's
    (or with `park_faulty` any) is stored under a validation hold that names them, where it can be stored at all.
    The number of queries is the same for one draft and for five hundred.
    """
    answers: dict[int, Intake] = {}
    sound = _sound(drafts, answers)
    present = _present(item.key for item in sound)
    for item in sound:
        if item.key in present:
            answers[item.index] = _repeated(item, *present[item.key])
    waiting = [item for item in sound if item.key not in present]
    if waiting:
        known = look_up([item.draft for item in waiting])
        accepted = _judged(waiting, known, park_faulty, answers)
        answers |= {intake.index: intake for intake in _stored(accepted, known, actor)}
    return [answers[index] for index in range(len(drafts))]


def _sound(drafts: Sequence[OrderDraft], answers: dict[int, Intake]) -> list[Sound]:
    """What can be stored; the others are answered."""
    found = []
    for index, draft in enumerate(drafts):
        faults = tuple(shape_faults(draft))
        if PARKABLE.issuperset([row["code"] for row in faults]):
            found.append(Sound(index, draft, content_hash(draft), faults))
        else:
            answers[index] = Intake(index, "refused", errors=faults)
    return found


def _judged(
    waiting: Sequence[Sound], known: References, park_faulty: bool, answers: dict[int, Intake]
) -> list[Accepted]:
    accepted = []
    for item in waiting:
        amounts = amounts_of(item.draft)
        faults = (*item.faults, *reference_faults(item.draft, known), *amounts.faults)
        if faults and not _may_park(item.draft, faults, known, park_faulty):
            answers[item.index] = Intake(item.index, "refused", errors=faults)
        else:
            accepted.append(Accepted(item, amounts, faults))
    return accepted


def _may_park(draft: OrderDraft, found: Iterable[Mapping], known: References, park_faulty: bool) -> bool:
    """A draft that a person still edits is not parked: it is told what is wrong."""
    wanted = park_faulty or known.trusted.get(draft.channel_id, False)
    return wanted and not draft.draft and PARKABLE.issuperset(row["code"] for row in found)


def _stored(accepted: Sequence[Accepted], known: References, actor: str) -> Iterable[Intake]:
    first: dict[Key, Accepted] = {}
    for item in accepted:
        first.setdefault(item.sound.key, item)
    now = timezone.now()
    ids = rows.insert_orders(first, known, now) if first else {}
    created = [(ids[key], first[key]) for key in sorted(ids, key=ids.__getitem__)]
    rows.insert_parts(created, known, now)
    _announce(created, actor)
    mine = {item.sound.index for _, item in created}
    # What is not in `ids` was created by somebody else since we looked.
    present = _present(key for key in first if key not in ids)
    present |= {key: (pk, first[key].sound.content_hash) for key, pk in ids.items()}
    for item in (item.sound for item in accepted):
        if item.index in mine:
            yield Intake(item.index, "created", present[item.key][0])
        else:
            yield _repeated(item, *present[item.key])


def _announce(created: Sequence[tuple[int, Accepted]], actor: str) -> None:
    with as_one(), collecting():
        record([_new(pk, item) for pk, item in created if not item.draft.draft], actor=actor)
        if faulty := [_validation_hold(pk, item) for pk, item in created if item.faults]:
            place_holds(faulty, actor=actor)


def _new(order_id: int, item: Accepted) -> Raised:
    payload = {
        "external_id": item.draft.external_id,
        "total_minor": item.amounts.total,
        "currency": item.draft.currency,
        "channel_id": item.draft.channel_id,
        "line_count": len(item.draft.lines),
        "unit_count": sum([line.quantity for line in item.draft.lines]),
    }
    return Raised("order.new", "order", order_id, order_id, payload)


def _validation_hold(order_id: int, item: Accepted) -> HoldDraft:
    reason = " ".join(str(row["message"]) for row in item.faults)
    return HoldDraft(order_id, "validation", reason, payload={"errors": [dict(row) for row in item.faults]})


# -- what is there already ----------------------------------------------------------------------------------------


def _present(keys: Iterable[Key]) -> dict[Key, tuple[int, str]]:
    """(order id, content hash) of those that exist; one query for each channel, and a batch has one as a rule."""
    wanted: dict[int, list[str]] = defaultdict(list)
    for channel_id, external_id in keys:
        wanted[channel_id].append(external_id)
    return {
        (channel_id, external_id): (pk, digest)
        for channel_id, external_ids in wanted.items()
        for pk, external_id, digest in Order.objects.order_by()
        .filter(channel_id=channel_id, external_id__in=external_ids)
        .values_list("pk", "external_id", "content_hash")
    }


def _repeated(item: Sound, order_id: int, stored_hash: str) -> Intake:
    index, external_id = item.index, item.draft.external_id
    if item.content_hash == stored_hash:
        return Intake(index, "existing", order_id)
    number = number_of(order_id)
    row = fault(
        "order_exists",
        "external_id",
        f"{external_id} came before with other content; it is {number}.",
        f"Edit {number}, or send a new external id if this is another order.",
        order_id=order_id,
        number=number,
    )
    return Intake(index, "conflict", order_id, (row,))


# -- content ------------------------------------------------------------------------------------------------------


def content_hash(draft: OrderDraft) -> str:
    """SHA-256 of what the channel said: equal for equal instants and prices however they were written."""
    parts = (
        draft.currency,
        draft.placed_at,
        _party(draft.ship_to),
        draft.bill_to and _party(draft.bill_to),
        [
            (
                n.line_number,
                n.sku,
                n.quantity,
                n.unit_price,
                n.description,
                n.discount_minor,
                n.tax_minor,
                *_way(n),
            )
            for n in draft.lines
        ],
        [(charge.kind, charge.amount_minor, charge.description) for charge in draft.charges],
        draft.customer_code,
        draft.customer_name,
        draft.customer_email,
        draft.customer_phone,
        draft.customer_reference,
        draft.requested_delivery_at,
        draft.promised_at,
        draft.sales_origin,
        draft.priority,
        draft.is_manual,
        draft.draft,
        draft.total_minor,
        draft.tags,
        draft.notes,
    )
    return sha256(_encode(parts).encode()).hexdigest()


def _way(line: LineDraft) -> tuple[str, ...]:
    """Nothing for what ships to home, so that orders from before methods were taken in hash as they did."""
    return () if line.method == HOME else (line.method, line.pickup_source)


def _party(party: Party) -> tuple:
    return (
        party.name,
        party.line1,
        party.line2,
        party.city,
        party.region,
        party.postal_code,
        party.country,
        party.latitude,
        party.longitude,
    )


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
