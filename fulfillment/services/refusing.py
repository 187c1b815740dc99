"""What follows when a source refuses lines: stock as the reason says, a cool-down, another source or a person.

The caller has locked the orders. A line looks for another source by itself, unless its reason says otherwise, it was
refused too often, or the customer comes for it to that very store: then the order is held for a person. Source: DOM-6.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Sum
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, RejectionReason, SourceRejection
from fulfillment.querysets import lines_of, order_lines_of
from fulfillment.selectors import most_rejects
from fulfillment.services.capacity import give_back
from fulfillment.services.reserving import release_lines
from inventory.services.stock import write_off
from inventory.types import StockLoss
from iom.lib import bulk, lock_order
from orders.models import Hold, OrderLine
from orders.services.events import apply_event
from orders.services.headers import settle_headers
from orders.services.holds import HoldDraft, place_holds
from orders.services.transitions import TransitionTable

Effect = RejectionReason.StockEffect
LOOKING = (OrderLine.State.NEW, OrderLine.State.IN_PROGRESS, OrderLine.State.FULFILLMENT)
LOST = {Effect.ZERO: None, Effect.LESS_ONE: 1}
# What a hold for a person stops: everything that would choose a source.
SOURCING = ("send_to_dom", "send_to_fulfillment_optimization", "send_fulfillment_process_request")
COLUMNS = ("order_line", "source", "kind", "reason", "actor", "until", "times", "at")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why: in words, and the reason that people set up, if it is one of them."""

    words: str
    kind: RejectionReason | None = None

    def until(self, now: datetime) -> datetime | None:
        days = self.kind.cooldown_days if self.kind else None
        return None if days is None else now + timedelta(days=days)


def kinds_of(words: Iterable[str]) -> dict[str, RejectionReason]:
    """The reasons by the code or label, in small letters, that a source wrote; one query."""
    wanted = {text.casefold() for text in words}
    rows = RejectionReason.objects.filter(active=True)
    named = {name.casefold(): row for row in rows for name in (row.label, row.code)}
    return {text: named[text] for text in wanted if text in named}


def reject_work(
    work: Sequence[FulfillmentOrder], *, actor: str, said: Mapping[int, Refusal], table: TransitionTable
) -> None:
    """Fulfillment orders that their source refuses as a whole; `said` by their ids."""
    if not work:
        return
    lines = lines_of(work)
    lock_stock(said)
    by_reason = defaultdict(list)
    for item in work:
        by_reason[said[item.pk].words[:40]].append(item)
    told = {item.pk: {"note": said[item.pk].words} for item in work}
    for reason, group in sorted(by_reason.items()):
        apply_event(
            "fulfillment_order.rejected", group, actor=actor, reason=reason, payloads=told, table=table
        )
    if taken := [item.pk for item in work if item.capacity_day]:
        give_back(taken)
    release_lines(lines, actor=actor, reason="rejected by the source")
    refuse_lines(lines, work, actor=actor, said=said, table=table)
    settle_headers({item.order_id for item in work}, actor=actor, table=table)


def lock_stock(said: Mapping[int, Refusal]) -> None:
    """Before the stock of refused lines is released: where some is to be written off, too, that is another lot."""
    if any(refusal.kind and refusal.kind.stock_effect in LOST for refusal in said.values()):
        lock_order.lock_alone()


def refuse_lines(
    lines: Sequence[FulfillmentLine],
    work: Sequence[FulfillmentOrder],
    *,
    actor: str,
    said: Mapping[int, Refusal],
    table: TransitionTable,
) -> None:
    """These sources refused these lines, whose stock is free again; `said` by fulfillment order."""
    if not lines:
        return
    by_id = {item.pk: item for item in work}
    _write_stock(lines, by_id, said, actor)
    keep_rejections(lines, work, actor=actor, said=said)
    told = {
        line.order_line_id: {"note": said[pk].words, "source": by_id[pk].source.code}
        for line in lines
        for pk in [line.fulfillment_order_id]
    }
    # What a policy or a person assigned has said no: from here on the strategy chooses.
    OrderLine.objects.filter(pk__in=list(told), source_is_assigned=True).update(source_is_assigned=False)
    moving = [line for line in order_lines_of(lines).values() if line.state in LOOKING]
    apply_event("order_line.rejected", moving, actor=actor, payloads=told, table=table)
    _ask_people(lines, by_id, said, actor)


def _write_stock(
    lines: Sequence[FulfillmentLine],
    work: Mapping[int, FulfillmentOrder],
    said: Mapping[int, Refusal],
    actor: str,
) -> None:
    """Not found: nothing is there. Damaged: one unit less. A movement of the ledger for each line."""
    losses = defaultdict(list)
    for line in lines:
        pk = line.fulfillment_order_id
        kind = said[pk].kind
        if line.product_id and kind and kind.stock_effect in LOST:
            reference = f"order_line:{line.order_line_id}"
            loss = StockLoss(line.product_id, work[pk].source_id, LOST[kind.stock_effect], reference)
            losses[kind.label].append(loss)
    for label, group in sorted(losses.items()):
        write_off(group, actor=actor, reason=f"rejected: {label}"[:200])


def keep_rejections(
    lines: Sequence[FulfillmentLine],
    work: Iterable[FulfillmentOrder],
    *,
    actor: str,
    said: Mapping[int, Refusal],
) -> None:
    """Sourcing does not find these sources for these lines again. A later refusal takes the place of one and counts on."""
    if not lines:
        return
    by_id = {item.pk: item for item in work}
    now, rows = timezone.now(), {}
    for line in lines:
        pk = line.fulfillment_order_id
        refusal, source = said[pk], by_id[pk].source_id
        values = (
            refusal.kind and refusal.kind.pk,
            refusal.words[:200],
            actor,
            refusal.until(now),
            1,
            now,
        )
        rows[line.order_line_id, source] = (line.order_line_id, source, *values)
    known = SourceRejection.objects.filter(order_line_id__in={line for line, _ in rows})
    again = [
        (pk, *rows[line, source][2:6], now)
        for pk, line, source in known.values_list("pk", "order_line_id", "source_id")
        if (line, source) in rows
    ]
    bulk.insert(SourceRejection, COLUMNS, list(rows.values()), skip_conflicts=True)
    if again:
        bulk.update(SourceRejection, "pk", ("kind", "reason", "actor", "until", "at"), again)
        SourceRejection.objects.filter(pk__in=[row[0] for row in again]).update(times=F("times") + 1)


def _ask_people(
    lines: Sequence[FulfillmentLine],
    work: Mapping[int, FulfillmentOrder],
    said: Mapping[int, Refusal],
    actor: str,
) -> None:
    """Hold the orders of lines that are not to be moved by themselves: the exceptions inbox lists them by reason."""
    ids = {line.order_line_id for line in lines}
    rows = OrderLine.objects.live().filter(pk__in=ids)
    facts = {row[0]: row[1:] for row in rows.values_list("pk", "order_id", "method", "order__strategy")}
    limits = most_rejects({strategy for _, _, strategy in facts.values()})
    times = _times(facts)
    drafts = []
    for line in lines:
        if line.order_line_id not in facts:
            continue
        order_id, method, strategy = facts[line.order_line_id]
        kind = said[line.fulfillment_order_id].kind
        source = work[line.fulfillment_order_id].source
        if method == OrderLine.Method.PICKUP:
            why = f"{source.name} refused a pickup: ask the customer before it is moved"
        elif kind and not kind.moves_line:
            why = f"{kind.label}: somebody decides where the line goes"
        elif times[line.order_line_id] >= limits[strategy]:
            why = f"Refused {limits[strategy]} times"
        else:
            continue
        drafts.append(HoldDraft(order_id, Hold.Type.REJECTED, why, SOURCING, {"source": source.code}))
    place_holds(drafts, actor=actor)


def _times(order_line_ids: Collection[int]) -> dict[int, int]:
    """How often each line was refused so far, wherever."""
    rows = SourceRejection.objects.filter(order_line_id__in=order_line_ids).order_by()
    return dict(rows.values_list("order_line_id").annotate(n=Sum("times")))
