"""Questions about orders and what hangs on them."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from orders.errors import LineNotFound, OrderNotFound


class OrderQuerySet(QuerySet):
    def lock(self, ids: Collection[int]) -> list:
        """The orders, locked in pk order until the transaction ends; raises OrderNotFound for a missing id.

        The order row is the mutex of its lines, holds and fulfillment orders. `.only(…)` before it keeps rows narrow.
        """
        found = list(self.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True))
        if missing := set(ids) - {order.pk for order in found}:
            raise OrderNotFound(missing)
        return found

    def open(self) -> "OrderQuerySet":
        """Submitted and neither finished nor canceled."""
        return self.filter(state__in=self.model.OPEN)

    def held(self, type: str) -> "OrderQuerySet":
        return self.filter(holds__type=type, holds__released_at__isnull=True)


class OrderLineQuerySet(QuerySet):
    def of(self, ids: Collection[int]) -> list:
        """The lines in pk order, once the caller locked their orders; raises LineNotFound for a missing id."""
        found = list(self.filter(pk__in=ids).order_by("pk"))
        if missing := set(ids) - {line.pk for line in found}:
            raise LineNotFound(missing)
        return found

    def live(self) -> "OrderLineQuerySet":
        return self.exclude(state=self.model.State.CANCELED)

    def without_source(self) -> "OrderLineQuerySet":
        """Live lines that have no source, or one that was assigned and could not bring them."""
        unable = Q(source_is_assigned=True, state_reason="not_sourced")
        return self.live().filter(Q(source=None) | unable)


class HoldQuerySet(QuerySet):
    def active(self) -> "HoldQuerySet":
        return self.filter(released_at__isnull=True)
