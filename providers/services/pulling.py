"""Looking for what no message told us. What is found joins the inbox, which drops what came before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from iom.lib import bell, bulk
from providers.definitions import Puller
from providers.errors import ProviderError
from providers.models import Checkpoint, ConnectionGate, ProviderConnection
from providers.models.connection import LONGEST_TIMEOUT
from providers.registry import adapter, provider
from providers.services import claims, gates, inbox, lanes
from providers.services.connections import link_of

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=LONGEST_TIMEOUT + 5)  # of one page; each page begins it anew
MOST_PAGES = 20


def ring_due() -> None:
    """Bells for what fell due while nobody rang: retries, breaks that are over, leases of the dead."""
    if claims.due_connections().exists():
        bell.ring("deliver")
    if inbox.due_connections().exists():
        bell.ring("inbox")


def pull_due() -> int:
    """Run every puller that is due; returns how many messages were new. One whose provider is slow keeps no other."""
    return sum(lanes.each("pull", _claimed()))


def _claimed() -> Iterator[tuple[int, Callable[[], int]]]:
    for connection in ProviderConnection.objects.filter(status=ProviderConnection.Status.ACTIVE):
        for puller in provider(connection.provider).pullers:
            if (checkpoint := _claim(connection, puller)) is not None:
                yield connection.pk, partial(_pull, connection, puller, checkpoint)


@transaction.atomic
def _claim(connection: ProviderConnection, puller: Puller) -> Checkpoint | None:
    """The checkpoint if it is due and ours now: the conditional update lets one process through."""
    now = timezone.now()
    due_at = now - timedelta(seconds=1)  # SQLite's clock tells no microseconds, and it is due at once
    first = (connection.pk, puller.key, "", due_at, now)
    fields = ("connection", "puller", "value", "due_at", "updated_at")
    bulk.insert(Checkpoint, fields, [first], skip_conflicts=True)
    found = Checkpoint.objects.filter(connection=connection, puller=puller.key)
    due = found.filter(Q(lease_until=None) | Q(lease_until__lte=Now()), due_at__lte=Now())
    return found.get() if due.update(lease_until=Now() + LEASE) else None


def _pull(connection: ProviderConnection, puller: Puller, checkpoint: Checkpoint) -> int:
    fresh, value = 0, checkpoint.value
    try:
        for _ in range(MOST_PAGES):
            page = adapter(connection.provider).pull(link_of(connection), puller.key, value)
            found = inbox.store_many(connection, page.messages)
            fresh += found
            if found:
                ConnectionGate.objects.filter(pk=connection.pk).update(last_in_at=timezone.now())
            value = page.checkpoint[:100]
            Checkpoint.objects.filter(pk=checkpoint.pk).update(value=value, lease_until=Now() + LEASE)
            if not page.more:
                break
    except ProviderError as error:
        log.warning("pull_failed", connection=connection.key, puller=puller.key, code=error.code)
        with transaction.atomic():
            gates.note(connection.pk, gates.Verdict(bad=1, last_error=str(error)))
    due = timezone.now() + timedelta(seconds=_rest(connection, puller))
    Checkpoint.objects.filter(pk=checkpoint.pk).update(due_at=due, lease_until=None)
    return fresh


def _rest(connection: ProviderConnection, puller: Puller) -> float:
    """Seconds until the next look: the connection's own if it has one, never less than a second."""
    own = connection.parameters.get("pull_seconds")
    try:
        return max(1.0, float(own)) if own else puller.every_seconds
    except (TypeError, ValueError):
        return puller.every_seconds


def pull_now(connection: ProviderConnection) -> None:
    """Make the pullers of a connection due, as after it was down."""
    Checkpoint.objects.filter(connection=connection).update(due_at=Now())
    ConnectionGate.objects.filter(pk=connection.pk).update(closed_until=None)
