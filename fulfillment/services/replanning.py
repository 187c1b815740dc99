"""What a source can no longer bring is planned again: a few lines at once, many by workers, some orders at a time.

Only fulfillment orders that nobody has yet move; all others stay where they are. A part is planned in one transaction
that also moves the job's cursor, so whoever is killed leaves the part as it was and nothing is planned twice.
"""

import time
from collections.abc import Callable, Collection

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Replan, SourceDay
from fulfillment.services.reoptimizing import reoptimize_lines
from inventory.models import FulfillmentSource
from iom.lib import bell, bulk, lock_order
from iom.lib.killpoints import killpoint

log = structlog.get_logger(__name__)
AT_ONCE = 300  # order lines that are planned again within the call
A_PART = 200  # orders
CAPACITY = frozenset({"capacity_unit", "capacity_per_day", "overtime_per_day"})  # fields of a source
Rows = list[tuple[int, int]]  # (order, order line)


def sources_off(source_ids: Collection[int], *, actor: str) -> None:
    """These sources bring nothing more: what they were not sent yet is planned again, now or in the background."""
    _begin(source_ids, Replan.Cause.OFF, actor)


def capacity_changed(source_ids: Collection[int], *, actor: str) -> None:
    """Where more is planned for a day than the source takes now, the last that were planned go elsewhere."""
    _begin(source_ids, Replan.Cause.CAPACITY, actor)


def _begin(source_ids: Collection[int], cause: str, actor: str) -> None:
    found = {pk: FIND[cause](pk, 0) for pk in sorted(source_ids)}
    lines = [line for rows in found.values() for _, line in rows]
    if len(lines) <= AT_ONCE:
        reoptimize_lines(lines, actor=actor)
        return
    rows = [(pk, cause, actor, timezone.now()) for pk, lost in found.items() if lost]
    bulk.insert(Replan, ("source", "cause", "actor", "created_at"), rows, skip_conflicts=True)
    bell.ring("replan")


def work(budget_seconds: float = 12.0) -> int:
    """Work on open jobs, oldest first; returns how many order lines were looked at. Several workers at once share the jobs."""
    ends, looked = time.monotonic() + budget_seconds, 0
    try:
        while time.monotonic() < ends:
            count = _part()
            if count is None:
                return looked
            looked += count
    except (OperationalError, InterfaceError) as error:
        log.warning(
            "replan_interrupted", error=str(error)[:200]
        )  # the part was rolled back; the net rings again
    if Replan.objects.filter(finished_at=None).exists():
        bell.ring("replan")
    return looked


@lock_order.unit
def _part() -> int | None:
    """The next orders of one job; None when no job is free."""
    jobs = Replan.objects.filter(finished_at=None).order_by("pk")
    job = jobs.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
    if job is None:
        return None
    rows = FIND[job.cause](job.source_id, job.cursor)
    orders = sorted({order for order, _ in rows})[:A_PART]
    lines = [line for order, line in rows if orders and order <= orders[-1]]
    moved = reoptimize_lines(lines, actor=job.actor).changed
    killpoint("replan_before_commit")
    # Capacity is looked at anew after each part: the last that were planned have gone, so the cursor stays.
    cursor = orders[-1] if orders and job.cause == Replan.Cause.OFF else job.cursor
    over = not moved if job.cause == Replan.Cause.CAPACITY else len(orders) < A_PART
    Replan.objects.filter(pk=job.pk).update(
        cursor=cursor, lines=F("lines") + len(lines), moved=F("moved") + len(moved),
        finished_at=timezone.now() if over else None,
    )  # fmt: skip
    return len(lines)


def _of_source(source_id: int, after: int) -> Rows:
    """Everything unsent of a source that is off; nothing once it is on again."""
    if FulfillmentSource.objects.filter(pk=source_id, active=True).exists():
        return []
    return _unsent(source_id, fulfillment_order__order_id__gt=after)


def _beyond_capacity(source_id: int, after: int) -> Rows:
    """The last fulfillment orders that were planned, as many as a day has too many."""
    source = FulfillmentSource.objects.filter(pk=source_id)
    regular, extra, unit = source.values_list("capacity_per_day", "overtime_per_day", "capacity_unit").get()
    if regular is None:
        return []
    rows: Rows = []
    days = SourceDay.objects.filter(
        source_id=source_id, unit=unit, day__gte=timezone.now().date(), used__gt=regular + extra
    )
    for day, used in days.order_by("day").values_list("day", "used"):
        rows += _unsent(
            source_id, fulfillment_order_id__in=_last(source_id, day, unit, used - regular - extra)
        )
    return rows


def _last(source_id: int, day, unit: str, excess: int) -> list[int]:
    waiting = FulfillmentOrder.objects.filter(
        source_id=source_id, capacity_day=day, capacity_unit__in=(unit, ""), capacity_used__gt=0, state=FulfillmentOrder.State.NEW,
        send_requested_at=None,
    )  # fmt: skip
    found = []
    for pk, used in waiting.order_by("-pk").values_list("pk", "capacity_used"):
        if excess <= 0:
            break
        found.append(pk)
        excess -= used
    return found


def _unsent(source_id: int, **narrowed) -> Rows:
    rows = FulfillmentLine.objects.filter(
        fulfillment_order__source_id=source_id, fulfillment_order__state=FulfillmentOrder.State.NEW,
        fulfillment_order__send_requested_at=None, **narrowed,
    )  # fmt: skip
    return list(
        rows.order_by("fulfillment_order__order_id", "pk").values_list(
            "fulfillment_order__order_id", "order_line_id"
        )
    )


FIND: dict[str, Callable[[int, int], Rows]] = {
    Replan.Cause.OFF: _of_source,
    Replan.Cause.CAPACITY: _beyond_capacity,
}
