"""How much a sender may put into the inbox: so many a second, and so many that wait. All processes agree by the rows."""

import time

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from providers.models import ConnectionGate, InboxMessage
from providers.services.connections import gate_of

MOST_A_SECOND = 500
MOST_WAITING = 20_000
LOOK_SECONDS = 1.0
_looked: dict[int, tuple[float, bool]] = {}


def refused_for(connection_id: int) -> int:
    """Seconds after which the sender may come again; 0: the message is let in, and counted."""
    if _is_full(connection_id):
        return 10
    if _counted(connection_id):
        return 0
    gate_of(connection_id)  # it may have been made by another sender a moment ago: then it counts us, too
    return 0 if _counted(connection_id) else 1


def _counted(connection_id: int) -> bool:
    """One conditional update: who is over the limit changes nothing."""
    now = timezone.now()
    second = int(now.timestamp())
    over = Q(in_second=second, in_count__gte=MOST_A_SECOND)
    count = Case(When(in_second=second, then=F("in_count") + 1), default=Value(1))
    gate = ConnectionGate.objects.filter(~over, pk=connection_id)
    return bool(gate.update(in_count=count, in_second=second, last_in_at=now))


def _is_full(connection_id: int) -> bool:
    """Looked at once a second a process: a little more than the bound may come in."""
    at, full = _looked.get(connection_id, (0.0, False))
    if time.monotonic() - at > LOOK_SECONDS:
        waiting = InboxMessage.objects.filter(connection=connection_id, state=InboxMessage.State.WAITING)
        full = waiting.order_by()[MOST_WAITING : MOST_WAITING + 1].exists()
        _looked[connection_id] = time.monotonic(), full
    return full
