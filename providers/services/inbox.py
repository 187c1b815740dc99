"""The inbox: what comes in is stored as it came, answered at once, and worked on later, as often as it takes."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from iom.lib import bell, bulk, fencing, lock_order
from providers.definitions import Pulled
from providers.errors import (
    MessageFault,
    MessageIgnored,
    MessageWaits,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from providers.models import InboxMessage, ProviderConnection
from providers.registry import provider
from providers.services import gates, handlers, lanes, stock_feed

log = structlog.get_logger(__name__)
State = InboxMessage.State
COLUMNS = (
    "connection", "external_message_id", "topic", "headers", "body", "state", "code", "reason", "due_at", "received_at",
    "waiting_since",
)  # fmt: skip
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-request-id")
CLAIM = 100
# Longer than one round may fetch and write, shorter than a provider's patience when a worker dies with it.
LEASE_SECONDS = 30
MOST_ATTEMPTS, MOST_DEATHS = 8, 5
LONGEST_WAIT = timedelta(hours=24)
PATIENT = (MessageWaits, ProviderUnavailable, ProviderMisconfigured)
AGAIN_SECONDS = 0.05


def store(
    connection: ProviderConnection,
    external_message_id: str,
    topic: str,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[InboxMessage, bool]:
    """Keep a message; (message, whether it is new). Ten deliveries of one message make one row."""
    fresh = store_many(connection, [Pulled(external_message_id, topic, body)], headers=headers)
    found = InboxMessage.objects.get(connection=connection, external_message_id=external_message_id[:200])
    return found, bool(fresh)


@transaction.atomic
def store_many(
    connection: ProviderConnection, found: Sequence[Pulled], *, headers: Mapping[str, str] | None = None
) -> int:
    """Keep messages; returns how many are new. A topic that a rule ignores is kept and left alone."""
    kept = {k.lower(): v[:300] for k, v in (headers or {}).items() if k.lower() in KEPT_HEADERS}
    now = timezone.now()
    rows = [
        (connection.pk, m.message_id[:200], m.topic[:80], kept, m.body, *_first(connection, m.topic), now, now, now)
        for m in found
    ]  # fmt: skip
    made = bulk.insert(InboxMessage, COLUMNS, rows, returning=("pk",), skip_conflicts=True) if rows else []
    if made:
        bell.ring("inbox")
    return len(made)


def _first(connection: ProviderConnection, topic: str) -> tuple[str, str, str]:
    """State, code and reason that a message of this topic begins with."""
    for item in provider(connection.provider).topics:
        if item.key == topic:
            ignored = State.IGNORED, "ignored_topic", "Ignored by rule."
            return (State.WAITING, "", "") if item.handler else ignored
    return State.PARKED, "unknown_topic", f"Nothing here knows the topic “{topic[:80]}”."


def work(budget_seconds: float = 15) -> int:
    """Work on what is due until nothing is, or the budget is used; returns how many messages were worked on."""
    begin_until, worked, looks = time.monotonic() + budget_seconds / 2, 0, 2
    while looks and time.monotonic() < begin_until:
        count = _round()
        worked += count
        looks = 2 if count else looks - 1
        if not count and looks:
            time.sleep(AGAIN_SECONDS)
    if any(not lanes.is_busy("inbox", connection.pk) for connection in due_connections()):
        bell.ring("inbox")
    return worked


def _due():
    # A claimed message is due again only when its lease has run out.
    free = Q(lease_until=None) | Q(lease_until__lte=Now())
    return InboxMessage.objects.filter(free, state=State.WAITING, due_at__lte=Now())


def due_connections():
    active = ProviderConnection.objects.filter(status=ProviderConnection.Status.ACTIVE)
    return active.filter(pk__in=_due().values("connection"))


@transaction.atomic
def _claim(connection: ProviderConnection) -> tuple[int, list[InboxMessage]]:
    """Messages of one connection under a fresh token; their attempts are counted before anything is tried."""
    _, now = gates.lock(connection.pk)
    due = _due().filter(connection=connection).order_by("due_at", "pk")
    found = _apart(list(due.select_for_update(of=("self",), skip_locked=True)[:CLAIM]))
    token, until = fencing.draw(), now + timedelta(seconds=LEASE_SECONDS)
    rows = [(m.pk, m.attempts + 1, until, token) for m in found]
    if rows:
        bulk.update(InboxMessage, "pk", ("attempts", "lease_until", "claimed_by"), rows)
    for message in found:
        message.attempts, message.claimed_by, message.connection = message.attempts + 1, token, connection
    return token, found


def _apart(found: list[InboxMessage]) -> list[InboxMessage]:
    """A message that outlived its worker may be why it died: it is tried alone, and parked when that happens again."""
    risky = [message for message in found if message.lease_until]
    deadly = [message.pk for message in risky if message.attempts >= MOST_DEATHS]
    if deadly:
        reason = "Whoever worked on it died, several times over."
        values = {"state": State.PARKED, "code": "worker_died", "reason": reason, "lease_until": None}
        InboxMessage.objects.filter(pk__in=deadly).update(**values, due_at=None, claimed_by=0)
    alone = [message for message in risky if message.pk not in deadly]
    return alone[:1] or [message for message in found if not message.lease_until]


def _round() -> int:
    """A batch of each connection; what needs calls goes in its connection's lane, and may take its time there."""
    calling, count = [], 0
    for connection in due_connections():
        if lanes.is_busy("inbox", connection.pk):
            continue  # it answers slowly or not at all
        token, found = _claim(connection)
        count += len(found)
        for name, group in _by_handler(connection, found).items():
            job = partial(_work_group, name, connection, group, token)
            if name in handlers.FETCHED:
                calling.append((connection.pk, job))
            else:
                job()
    lanes.each("inbox", calling)
    return count


def _by_handler(
    connection: ProviderConnection, found: Sequence[InboxMessage]
) -> dict[str, list[InboxMessage]]:
    groups: dict[str, list[InboxMessage]] = {}
    for message in found:
        groups.setdefault(handlers.name_of(connection, message.topic), []).append(message)
    return groups


def _work_group(name: str, connection: ProviderConnection, group: Sequence[InboxMessage], token: int) -> None:
    """Fetch together outside any transaction, then apply together; if that fails, each in a transaction of its own."""
    known = {message.pk: message for message in group}
    ready, results = handlers.prepare(name, connection, group)
    try:
        _apply_together(name, connection, known, ready, results, token)
    except Exception:
        log.info("messages_one_by_one", connection=connection.key, count=len(group))
        for message in group:
            _work_alone(name, connection, message, ready, results, token)


@lock_order.unit
def _apply_together(name, connection, known, ready, results, token) -> None:
    mine = _still_mine(known, token)
    done = handlers.apply(name, connection, {k: v for k, v in ready.items() if k.pk in mine})
    _finish(known, {**results, **done}, mine)


def _work_alone(name, connection, message, ready, results, token) -> None:
    only = {message: ready[message]} if message in ready else {}
    try:
        _apply_together(name, connection, {message.pk: message}, only, results, token)
    except Exception as error:
        if not isinstance(error, MessageFault | MessageWaits | ProviderError):
            log.exception("message_failed", message=message.pk)
        with transaction.atomic():
            _finish({message.pk: message}, {message: error}, _still_mine([message.pk], token))


def _still_mine(ids: Collection[int], token: int) -> set[int]:
    held = InboxMessage.objects.filter(pk__in=list(ids), claimed_by=token, state=State.WAITING)
    return set(held.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))


def _finish(known: Mapping[int, InboxMessage], results: Mapping, mine: Collection[int]) -> None:
    """Results by message: an order id or None when done, an error otherwise."""
    now = timezone.now()
    rows = [
        _row(message, found, now)
        for message, found in results.items()
        if message.pk in mine and message.pk in known
    ]
    fields = (
        "state",
        "code",
        "reason",
        "order",
        "due_at",
        "lease_until",
        "claimed_by",
        "done_at",
        "attempts",
    )
    if rows:
        bulk.update(InboxMessage, "pk", fields, rows)


def _row(message: InboxMessage, found, now) -> tuple:
    if not isinstance(found, Exception):
        return message.pk, State.DONE, "", "", found, None, None, 0, now, message.attempts
    code = getattr(found, "code", "internal")[:40]
    reason = str(found)[:500] or type(found).__name__
    if isinstance(found, MessageIgnored):
        return message.pk, State.IGNORED, code, reason, None, None, None, 0, now, message.attempts
    # Waiting is nobody's fault: only what failed, or died, is counted.
    attempts = message.attempts - isinstance(found, PATIENT)
    if isinstance(found, MessageFault) or _given_up(message, found, now):
        return message.pk, State.PARKED, code, reason, None, None, None, 0, None, attempts
    due = now + timedelta(seconds=_wait(message, found, now))
    return message.pk, State.WAITING, code, reason, None, due, None, 0, None, attempts


def _wait(message: InboxMessage, found: Exception, now) -> float:
    if (told := getattr(found, "retry_after", None)) is not None:
        return told
    if isinstance(found, PATIENT):  # the older, the seldomer
        return gates.spread(min(max((now - message.waiting_since).total_seconds() / 2, 0.5), 60.0))
    return gates.backoff(message.attempts, cap=60)


def _given_up(message: InboxMessage, found: Exception, now) -> bool:
    """What waits for another message, or for a provider that is down, may wait for a day; the rest is poison."""
    if isinstance(found, PATIENT):
        return now - message.waiting_since > LONGEST_WAIT
    return message.attempts >= MOST_ATTEMPTS


@transaction.atomic
def replay(ids: Collection[int], *, actor: str) -> int:
    """Work on parked, ignored or done messages again; doing so twice changes nothing more."""
    again = InboxMessage.objects.filter(pk__in=list(ids)).exclude(state=State.WAITING)
    now = timezone.now()
    accepted = Case(When(code=stock_feed.JUMP, then=Value(stock_feed.ACCEPTED)), default=Value(""))
    values = {
        "state": State.WAITING,
        "due_at": now,
        "attempts": 0,
        "code": accepted,
        "reason": "",
        "done_at": None,
    }
    count = again.update(**values, waiting_since=now, lease_until=None, claimed_by=0)
    if count:
        bell.ring("inbox")
    return count
