"""What people change on an order: header fields, lines of a draft, notes, tags; clone and orchestrate."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from iom.lib import bulk
from orders.errors import InvalidChange, OrderNotFound, StaleEdit
from orders.models import Order, OrderLine, OrderNote, OrderTag
from orders.services import fields, intake_rows
from orders.services.amounts import added_up
from orders.services.events import apply_event, record
from orders.services.faults import MOST_LINES, fault, line_faults, text_fault
from orders.services.intake import create_orders
from orders.services.references import look_up_lines, reference_line_faults
from orders.services.states import allowed_actions, assert_editable, refusal
from orders.services.tags import MOST_TAGS, TAG_LENGTH, tag_ids
from orders.types import ChargeDraft, LineDraft, OrderDraft, Outcome, Party, Raised

NOTE_LENGTH = 5000


@transaction.atomic
def update_order(order_id: int, *, version: int, changes: Mapping[str, Any], actor: str) -> int:
    """Change header fields; returns the order's version after it.

    `changes` names fields of `fields.EDITABLE`; a mapping under `ship_to` stands for its ship-to fields. New values
    that equal the old change nothing. Another place without coordinates of its own loses the old coordinates.
    Raises OrderNotFound, InvalidChange (every bad field), ReadOnlyState, StaleEdit (both values); then nothing changed.
    """
    (order,) = Order.objects.lock([order_id])
    changes = fields.flattened(changes)
    fields.check(changes)
    assert_editable(order)
    if order.version != version:
        raise _stale(order, version, changes)
    differences = fields.differences(order, changes)
    if not differences:
        return order.version
    _write(order, {name: value for name, (_, value) in differences.items()})
    tell_changed([order], {order.pk: differences}, actor=actor)
    return order.version + 1


def tell_changed(
    orders: Sequence[Order], differences: Mapping[int, Mapping[str, Any]], *, actor: str
) -> None:
    """An edit may move a state by a transition that people made; where it has none from here, it is a fact all the same."""
    payloads = {pk: {"changed": dict(found)} for pk, found in differences.items()}
    stayed = apply_event("order.changed", orders, actor=actor, payloads=payloads).refused
    record([changed(pk, differences[pk]) for pk in stayed], actor=actor)


def _stale(order: Order, version: int, changes: Mapping[str, Any]) -> StaleEdit:
    both = {name: (getattr(order, name), value) for name, value in changes.items()}
    differing = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
    return StaleEdit(order.pk, version=version, current=order.version, fields=differing)


def _write(order: Order, values: Mapping[str, Any]) -> None:
    """The row is locked; the version in the condition has the last word where locks are none."""
    found = Order.objects.filter(pk=order.pk, version=order.version)
    if not found.update(version=F("version") + 1, **values):
        raise StaleEdit(order.pk, version=order.version, current=order.version + 1, fields={})


def changed(order_id: int, differences: Mapping[str, Any]) -> Raised:
    """`changed` maps each field to [before, after]."""
    return Raised("order.changed", "order", order_id, order_id, {"changed": dict(differences)})


# -- lines of a draft ---------------------------------------------------------------------------------------------


@transaction.atomic
def replace_lines(order_id: int, *, version: int, lines: Sequence[LineDraft], actor: str) -> int:
    """Give a draft order these lines instead of its own and add it up again; returns its version after it.

    Raises OrderNotFound, InvalidChange (every bad line, or an order that is no draft), StaleEdit; then nothing changed.
    """
    (order,) = Order.objects.lock([order_id])
    _assert_draft(order)
    if order.version != version:
        raise StaleEdit(order.pk, version=version, current=order.version, fields={})
    known = look_up_lines(lines, order.channel_id)
    charges = [ChargeDraft(*row) for row in order.charges.values_list("kind", "amount_minor", "description")]
    found = [*_count_faults(lines), *line_faults(lines)]
    amounts = None if found else added_up(lines, charges, order.currency)
    if amounts:
        found = [*amounts.faults, *reference_line_faults(lines, order.currency, known, order.channel_id)]
    if found:
        raise InvalidChange(found)
    now, before = timezone.now(), order.line_count
    order.lines.all().delete()
    pairs = zip(lines, amounts.lines, strict=True)
    rows = [intake_rows.line_row(order.pk, line, amount, known, now) for line, amount in pairs]
    bulk.insert(OrderLine, intake_rows.LINE_COLUMNS, rows)
    _write(order, intake_rows.header_amounts(lines, amounts))
    differences = {
        "lines": [before, len(lines)],
        "total_minor": [order.total_minor, amounts.total],
    }
    record([changed(order.pk, differences)], actor=actor)
    return order.version + 1


@transaction.atomic
def add_draft_lines(order_id: int, *, version: int, lines: Sequence[LineDraft], actor: str) -> int:
    """Like `replace_lines`, but the lines that are there stay."""
    Order.objects.only("id").lock([order_id])
    return replace_lines(order_id, version=version, lines=[*_line_drafts(order_id), *lines], actor=actor)


def _assert_draft(order: Order) -> None:
    if order.state != Order.State.DRAFT:
        raise InvalidChange(
            [
                fault(
                    "not_a_draft",
                    "lines",
                    refusal(order.number, order.state, "given other lines"),
                    "Clone the order and cancel this one, or cancel single lines.",
                )
            ]
        )


def _count_faults(lines: Sequence[LineDraft]) -> list[dict]:
    found = [
        row
        for position, line in enumerate(lines[:MOST_LINES])
        for name, limit in (("sku", 64), ("description", 200), ("pickup_source", 40))
        if (row := text_fault(f"lines[{position}].{name}", getattr(line, name), limit))
    ]
    if len(lines) > MOST_LINES:
        message = f"The order has {len(lines)} lines; the most is {MOST_LINES}."
        found.append(
            fault("too_many_lines", "lines", message, "Make several orders of it.", limit=MOST_LINES)
        )
    return found


def _line_drafts(order_id: int) -> list[LineDraft]:
    return [
        LineDraft(*row)
        for row in OrderLine.objects.live()
        .filter(order_id=order_id)
        .order_by("line_number")
        .values_list(
            "line_number",
            "sku",
            "quantity",
            "unit_price",
            "description",
            "discount_minor",
            "tax_minor",
            "method",
            Coalesce("pickup_source__code", Value("")),
        )
    ]


# -- notes and tags -----------------------------------------------------------------------------------------------


def add_note(order_id: int, *, text: str, actor: str) -> int:
    """A note on the timeline, in any state; returns its id. Raises OrderNotFound, InvalidChange."""
    if row := text_fault("text", text, NOTE_LENGTH):
        raise InvalidChange([row])
    if not text.strip():
        raise InvalidChange([fault("required", "text", "The note is empty.", "Write something.")])
    if not Order.objects.filter(pk=order_id).exists():
        raise OrderNotFound([order_id])
    return OrderNote.objects.create(order_id=order_id, text=text, author=actor).pk


def add_notes(texts: Mapping[int, str], *, actor: str) -> int:
    """A note on each of these orders' timelines, order id -> text, for what was done to many at once; one statement."""
    now = timezone.now()
    rows = [(pk, text[:NOTE_LENGTH], actor, now) for pk, text in texts.items()]
    bulk.insert(OrderNote, ("order", "text", "author", "at"), rows) if rows else None
    return len(rows)


@transaction.atomic
def set_tags(order_ids: Collection[int], *, names: Collection[str], actor: str) -> Outcome:
    """Give orders exactly these tags, in any state; those that have them already are not changed.

    Raises OrderNotFound, InvalidChange; then nothing changed.
    """
    wanted = sorted({name.strip() for name in names if isinstance(name, str)} - {""})
    rows = [row for name in wanted if (row := text_fault("tags", name, TAG_LENGTH))]
    if len(wanted) > MOST_TAGS:
        rows.append(
            fault("too_many_tags", "tags", f"{len(wanted)} tags are too many.", f"At most {MOST_TAGS}.")
        )
    if rows:
        raise InvalidChange(rows)
    ids = [order.pk for order in Order.objects.only("id").lock(order_ids)]
    present: dict[int, list[str]] = {pk: [] for pk in ids}
    for pk, name in (
        OrderTag.objects.filter(order_id__in=ids).order_by("tag__name").values_list("order_id", "tag__name")
    ):
        present[pk].append(name)
    differing = [pk for pk in ids if present[pk] != wanted]
    OrderTag.objects.filter(order_id__in=differing).exclude(tag__name__in=wanted).delete()
    tags = tag_ids(wanted)
    pairs = [(pk, tag) for pk in differing for tag in tags.values()]
    bulk.insert(OrderTag, ("order", "tag"), pairs, skip_conflicts=True)
    record([changed(pk, {"tags": [present[pk], wanted]}) for pk in differing], actor=actor)
    return Outcome(differing)


# -- whole orders -------------------------------------------------------------------------------------------------


@transaction.atomic
def clone_order(order_id: int, *, actor: str) -> int:
    """A draft with the mandatory header and line fields of an order; returns its id. Source: reference APP-14.

    Charges, discounts, taxes, tags, notes and canceled lines stay behind. Raises OrderNotFound; InvalidChange with
    what forbids it, such as a product that is not sold any more.
    """
    (order,) = Order.objects.lock([order_id])
    (intake,) = create_orders([_copy(order)], actor=actor)
    if intake.result != "created":
        raise InvalidChange(intake.errors)
    payload = {"changed": {"cloned_from": [None, order.number]}}
    record([Raised("order.changed", "order", intake.order_id, intake.order_id, payload)], actor=actor)
    return intake.order_id


def _copy(order: Order) -> OrderDraft:
    name = f"clone-of-{order.number}"
    count = Order.objects.filter(channel_id=order.channel_id, external_id__startswith=name).count()
    lines = [replace(line, discount_minor=0, tax_minor=0) for line in _line_drafts(order.pk)]
    return OrderDraft(
        order.channel_id,
        f"{name}-{count + 1}",
        order.currency,
        timezone.now(),
        Party(*(getattr(order, f"ship_to_{part}") for part in fields.PARTY)),
        tuple(lines),
        customer_code=order.customer.code if order.customer else "",
        customer_name=order.customer_name,
        customer_email=order.customer_email,
        customer_phone=order.customer_phone,
        sales_origin=order.sales_origin,
        priority=order.priority,
        is_manual=True,
        draft=True,
    )


@transaction.atomic
def orchestrate_orders(order_ids: Collection[int], *, actor: str) -> Outcome:
    """Push orders into the published flows: a draft is submitted as a new order, others ask to run again.

    Refuses drafts without lines and orders whose state does not allow it. Raises OrderNotFound, with nothing changed.
    Source: reference APP-8.
    """
    orders = Order.objects.lock(order_ids)
    refused = {order.pk: why for order in orders if (why := _not_ready(order))}
    ready = [order for order in orders if order.pk not in refused]
    drafts = [order for order in ready if order.state == Order.State.DRAFT]
    payloads = {
        order.pk: {
            "external_id": order.external_id,
            "total_minor": order.total_minor,
            "currency": order.currency,
        }
        for order in drafts
    }
    others = [order for order in ready if order.state != Order.State.DRAFT]
    submitted = apply_event("order.new", drafts, actor=actor, payloads=payloads)
    again = apply_event("order.orchestrate", others, actor=actor)
    return Outcome(sorted(submitted.changed + again.changed), refused | submitted.refused | again.refused)


def _not_ready(order: Order) -> str:
    if "orchestrate" not in allowed_actions(order.state):
        return refusal(order.number, order.state, "orchestrated")
    if order.state == Order.State.DRAFT and not order.line_count:
        return f"{order.number} has no lines; add one first."
    return ""
