"""Taking requests of one connection: leased by the database's clock, fenced by a token, attempts counted before."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import randbits

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from iom.lib import bulk
from providers.definitions import Link, Outgoing
from providers.models import ProviderConnection, ProviderRequest
from providers.registry import action
from providers.services import gates
from providers.services.connections import link_of

State = ProviderRequest.State
OPEN = (State.READY, State.SENDING, State.UNKNOWN)
LEASE_MARGIN = 5  # seconds that a lease outlives the call it covers


@dataclass(frozen=True, slots=True)
class Claim:
    """Requests that go out in one call, ours while `token` stands in their rows."""

    connection: ProviderConnection
    link: Link
    token: int
    requests: Sequence[ProviderRequest]

    def outgoing(self) -> list[Outgoing]:
        return [Outgoing(r.key, r.action, r.payload, r.attempts) for r in self.requests]


def due_connections() -> QuerySet[ProviderConnection]:
    """Active connections that have something due and are not closed."""
    due = ProviderRequest.objects.filter(state__in=OPEN, due_at__lte=Now())
    active = ProviderConnection.objects.filter(status=ProviderConnection.Status.ACTIVE)
    return active.filter(pk__in=due.values("connection")).exclude(gate__closed_until__gt=Now())


@transaction.atomic
def claim(connection: ProviderConnection) -> list[Claim]:
    """As many calls' worth of due requests as may begin now; the oldest due first."""
    gate, now = gates.lock(connection.pk)
    mine = ProviderRequest.objects.filter(connection=connection)
    live = mine.filter(state=State.SENDING, lease_until__gt=now).values("claimed_by").distinct().count()
    if not (calls := gates.allowance(gate, connection, live, now)):
        return []
    groups = _groups(list(_due(mine, now)[: calls * _largest_batch(connection)]), connection)[:calls]
    gates.spend(gate, len(groups))
    return _leased(groups, connection, now)


def _due(mine: QuerySet, now: datetime) -> QuerySet:
    """What is due and not behind an older request for the same record: a cancellation never overtakes its order."""
    older = ProviderRequest.objects.filter(
        connection=OuterRef("connection"), entity=OuterRef("entity"), record_id=OuterRef("record_id"),
        pk__lt=OuterRef("pk"), state__in=OPEN, due_at__isnull=False,
    )  # fmt: skip
    due = mine.filter(state__in=OPEN, due_at__lte=now).filter(~Exists(older)).order_by("due_at", "pk")
    return due.select_for_update(of=("self",), skip_locked=True)


def _largest_batch(connection: ProviderConnection) -> int:
    from providers.registry import provider

    return max(item.batch_size for item in provider(connection.provider).actions)


def _groups(found: Sequence[ProviderRequest], connection: ProviderConnection) -> list[list[ProviderRequest]]:
    """One list a call: requests of one action, no more than the provider takes at once."""
    groups: list[list[ProviderRequest]] = []
    open_: dict[str, list[ProviderRequest]] = defaultdict(list)
    for request in found:
        group = open_[request.action]
        if not group:
            groups.append(group)
        group.append(request)
        if len(group) >= action(request.action).batch_size:
            del open_[request.action]
    return groups


def _leased(
    groups: Sequence[list[ProviderRequest]], connection: ProviderConnection, now: datetime
) -> list[Claim]:
    link, claims, rows = link_of(connection), [], []
    until = now + timedelta(seconds=link.timeout + LEASE_MARGIN)
    for group in groups:
        token = randbits(62) + 1
        claims.append(Claim(connection, link, token, group))
        for request in group:
            request.attempts, request.claimed_by, request.connection = request.attempts + 1, token, connection
            rows.append((request.pk, State.SENDING, request.attempts, until, until, token))
    if rows:
        fields = ("state", "attempts", "lease_until", "due_at", "claimed_by")
        bulk.update(ProviderRequest, "pk", fields, rows)
    return claims


def still_mine(claims: Sequence[Claim]) -> set[int]:
    """Ids of the claimed requests that nobody else has taken over since, locked. A late finisher finds none."""
    held = ProviderRequest.objects.filter(
        pk__in=[r.pk for claim in claims for r in claim.requests],
        claimed_by__in=[claim.token for claim in claims],
        state=State.SENDING,
    )
    return set(held.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))


def due_soon(seconds: float) -> bool:
    """Whether something of an open connection falls due within so many seconds."""
    edge = Now() + timedelta(seconds=seconds)
    found = ProviderRequest.objects.filter(
        state__in=(State.READY, State.UNKNOWN),
        due_at__lte=edge,
        connection__status=ProviderConnection.Status.ACTIVE,
    ).exclude(connection__gate__closed_until__gt=edge)
    return found.filter(connection__gate__isnull=False).exists()
