"""What must hold whatever was killed, one query or two each: counts of what breaks it, with the first few ids."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, pairwise
from operator import itemgetter

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Invoice, Shipment
from inventory.services.check import ledger_differences, oversold_positions
from orchestration.models import FlowRun, StepRun
from orders.models import BusinessEvent, Hold, Order, OrderLine
from providers.models import ExternalId, InboxMessage, ProviderRequest

EXAMPLES = 5
NO_PAYMENTS = "payments and refunds are not kept yet: none to check"
WAKING = timedelta(seconds=10)
HISTORIES = {"order": Order, "order_line": OrderLine, "fulfillment_order": FulfillmentOrder}


@dataclass(frozen=True, slots=True)
class Finding:
    id: str
    promise: str
    count: int
    examples: tuple = ()


def check_all() -> list[Finding]:
    return [
        _finding("I1", "every order has its lines and its first event", _orders_half_written()),
        _finding("I2", "no external id twice", _external_ids_twice()),
        _finding("I3", "reserved never exceeds what is there", oversold_positions()),
        _finding("I3b", "stock equals its ledger and reservations", map(str, ledger_differences())),
        _finding("I4", "no effect has two done receipts", _effects_twice()),
        _finding("I4b", "no two records of ours are one of theirs", _shared_ids()),
        _finding("I5", "shipped never exceeds ordered", _shipped_too_much()),
        # What takes the place of refunds and payments is what we ask money for.
        _finding("I6", f"nothing is invoiced that did not ship ({NO_PAYMENTS})", _invoices_unasked()),
        _finding("I6b", "an order is never invoiced beyond its total", _invoiced_too_much()),
        _finding("I7", "no run stands still unexplained", _stuck_runs()),
        _finding("I7b", "no run waits for an answer that has come", _deaf_runs()),
        _finding("I8", "every state is the end of an unbroken chain of events", _broken_histories()),
        _finding("I9", "every message is processed, parked or due", _forgotten_messages()),
        _finding("I10", "every request is final or due", _forgotten_requests()),
        _finding("F33", "nothing is both canceled and shipped", _canceled_and_shipped()),
    ]


def _finding(id: str, promise: str, broken: QuerySet | Iterable) -> Finding:
    if isinstance(broken, QuerySet):
        return Finding(id, promise, broken.count(), tuple(broken[:EXAMPLES]))
    rows = list(broken)
    return Finding(id, promise, len(rows), tuple(rows[:EXAMPLES]))


def _orders_half_written() -> QuerySet:
    """An order is written with its lines in one transaction; drafts have no event yet."""
    lines = OrderLine.objects.values("order")
    told = BusinessEvent.objects.filter(kind="order.new").values("order_id")
    whole = Q(pk__in=lines) & (Q(pk__in=told) | Q(state=Order.State.DRAFT))
    return Order.objects.exclude(whole).order_by("pk").values_list("pk", flat=True)


def _external_ids_twice() -> QuerySet:
    rows = Order.objects.order_by().values("channel", "external_id").annotate(n=Count("pk"))
    return rows.filter(n__gt=1).values_list("external_id", flat=True)


ONCE = ("threepl.send", "billing.invoice", "bigcommerce.shipment")


def _effects_twice() -> QuerySet:
    """One done request for one action on one record: the same order of ours is never with a provider twice."""
    done = ProviderRequest.objects.filter(state=ProviderRequest.State.DONE, action__in=ONCE)
    rows = done.order_by().values("action", "record_id").annotate(n=Count("pk"))
    return rows.filter(n__gt=1).values_list("action", "record_id")


def _shared_ids() -> QuerySet:
    rows = ExternalId.objects.order_by().values("connection", "entity", "external_id")
    return rows.annotate(n=Count("pk")).filter(n__gt=1).values_list("entity", "external_id")


def _shipped_too_much() -> QuerySet:
    shipped = Coalesce(Sum("fulfillment_lines__quantity_shipped"), 0)
    rows = OrderLine.objects.annotate(out=shipped).filter(
        Q(out__gt=F("quantity")) | Q(quantity_shipped__gt=F("quantity"))
    )
    return rows.order_by("pk").values_list("pk", flat=True)


def _invoices_unasked() -> QuerySet:
    """An invoice of what never shipped."""
    shipped = Shipment.objects.values("fulfillment_order")
    rows = Invoice.objects.exclude(fulfillment_order__in=shipped)
    return rows.order_by("pk").values_list("fulfillment_order", flat=True)


def _invoiced_too_much() -> QuerySet:
    rows = Invoice.objects.order_by().values("fulfillment_order__order")
    rows = rows.annotate(asked=Sum("amount_minor"), total=Max("fulfillment_order__order__total_minor"))
    return rows.filter(asked__gt=F("total")).values_list("fulfillment_order__order", flat=True)


def _stuck_runs() -> QuerySet:
    """Neither final, nor due, nor waiting for something that can come: an event, a deadline, a hold, a person, a resumed step."""
    State = StepRun.State
    waits = StepRun.objects.filter(state__in=(State.WAITING, State.FAILED, State.PAUSED)).values("run")
    held = Hold.objects.filter(released_at__isnull=True).values("order")
    runs = FlowRun.objects.exclude(state__in=FlowRun.FINAL).filter(due_at__isnull=True)
    return runs.exclude(pk__in=waits).exclude(order__in=held).order_by("pk").values_list("pk", flat=True)


def _deaf_runs() -> QuerySet:
    """Asleep over a provider's answer, though every request of their order has one; a moment is allowed for waking."""
    requests = ProviderRequest.objects.filter(order=OuterRef("order"))
    fresh = Q(done_at__gte=timezone.now() - WAKING) | ~Q(state__in=ProviderRequest.FINAL)
    asleep = StepRun.objects.filter(state=StepRun.State.WAITING, waiting_for__startswith="the provider")
    runs = FlowRun.objects.filter(pk__in=asleep.values("run"), due_at__isnull=True)
    return runs.exclude(Exists(requests.filter(fresh))).order_by("pk").values_list("pk", flat=True)


def _broken_histories() -> Iterator[str]:
    """Each change of state has one event that says from where to where; the last of them says the present state."""
    moves = BusinessEvent.objects.filter(payload__has_key="to").order_by("entity", "record_id", "id")
    rows = moves.values_list("entity", "record_id", "payload__from", "payload__to").iterator(chunk_size=5000)
    for entity, events in groupby(rows, key=itemgetter(0)):
        states = dict(HISTORIES[entity].objects.values_list("pk", "state")) if entity in HISTORIES else {}
        for pk, chain in groupby(events, key=itemgetter(1)):
            if not _is_unbroken([row[2:] for row in chain], states.get(pk)):
                yield f"{entity} {pk}"


def _is_unbroken(chain: list[tuple[str, str]], state: str | None) -> bool:
    joints = all(left[1] == right[0] for left, right in pairwise(chain))
    return joints and (state is None or chain[-1][1] == state)


def _forgotten_messages() -> QuerySet:
    rows = InboxMessage.objects.filter(state=InboxMessage.State.WAITING, due_at__isnull=True)
    return rows.order_by("pk").values_list("pk", flat=True)


def _forgotten_requests() -> QuerySet:
    """Open requests are due, leased, or have a cause that a person sees."""
    rows = ProviderRequest.objects.exclude(state__in=ProviderRequest.FINAL)
    rows = rows.filter(due_at__isnull=True, error_code="").exclude(lease_until__gte=Now())
    return rows.order_by("pk").values_list("pk", flat=True)


def _canceled_and_shipped() -> QuerySet:
    rows = FulfillmentLine.objects.filter(fulfillment_order__state=FulfillmentOrder.State.CANCELED)
    return rows.filter(quantity_shipped__gt=0).order_by("pk").values_list("fulfillment_order", flat=True)
