"""What people must see of the border: which connections work, and what waits there for longer than it should."""

from datetime import timedelta

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now

from providers.models import ProviderRequest

OPEN = (ProviderRequest.State.READY, ProviderRequest.State.SENDING, ProviderRequest.State.UNKNOWN)
STUCK_AFTER = timedelta(minutes=5)


def stuck_requests(older_than: timedelta = STUCK_AFTER) -> QuerySet[ProviderRequest]:
    """Requests without a final answer for so long, whatever holds them up; the oldest first.

    A provider that refuses connections leaves its requests ready, and they are tried again and again until the patience
    of their action is over: nothing fails meanwhile, so this is where it shows.
    """
    waiting = ProviderRequest.objects.filter(state__in=OPEN, created_at__lt=Now() - older_than)
    return waiting.select_related("connection", "connection__gate").order_by("created_at")


def stuck_by_connection(older_than: timedelta = STUCK_AFTER) -> list[dict]:
    """One row a connection: id, name, health, last error, how many requests wait and since when; the oldest first."""
    rows = (
        stuck_requests(older_than)
        .order_by()
        .values(
            "connection_id", "connection__name", "connection__gate__health", "connection__gate__last_error"
        )
    )
    found = rows.annotate(waiting=Count("pk"), since=Min("created_at")).order_by("since")
    return [
        {
            "connection_id": row["connection_id"],
            "name": row["connection__name"],
            "health": row["connection__gate__health"] or "",
            "last_error": row["connection__gate__last_error"] or "",
            "waiting": row["waiting"],
            "since": row["since"],
        }
        for row in found
    ]
