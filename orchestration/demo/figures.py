"""What became of the demo's orders: by our rows, and by the ledger of the world outside."""

from typing import Any

from django.db.models import Count, F, Q, Sum

from fulfillment.models import FulfillmentOrder
from inventory.models import InventoryPosition
from orchestration.models import FlowRun
from orders.models import Hold, Order

ENDED = (FulfillmentOrder.State.REJECTED, FulfillmentOrder.State.CANCELED)
CHANNELS = ("web-shop", "wholesale")
DOUBLED = ("doubled_threepl", "doubled_invoices", "doubled_shop_shipments")


class Figures:
    """Counts of the orders after `after`, an order id: those of this demo run."""

    def __init__(self, after: int) -> None:
        self.orders = Order.objects.filter(pk__gt=after, channel__key__in=CHANNELS)

    def counts(self) -> dict[str, int]:
        found = self.orders.aggregate(
            **{"in": Count("pk")},
            sourced=Count("pk", filter=Q(sourced_at__isnull=False)),
            sent=Count("pk", filter=Q(sent_at__isnull=False) | Q(shipped_at__isnull=False)),
            shipped=Count("pk", filter=Q(shipped_at__isnull=False)),
            invoiced=Count("pk", filter=Q(completed_at__isnull=False)),
        )
        return {**found, "held": self._held().count(), "failed": self.failed().count()}

    def held_by_type(self) -> dict[str, int]:
        rows = Hold.objects.filter(order__in=self.orders, released_at__isnull=True)
        return dict(rows.values_list("type").annotate(n=Count("order", distinct=True)).order_by("type"))

    def moving(self) -> int:
        """Orders whose end has not come: a run neither final nor held nor stopped, or a part of a held one on its way."""
        runs = FlowRun.objects.filter(order__in=self.orders).exclude(state__in=FlowRun.FINAL)
        runs = runs.exclude(order__in=self._held()).exclude(state=FlowRun.State.ATTENTION)
        parts = FulfillmentOrder.objects.filter(order__in=self._held(), invoiced_at__isnull=True)
        return runs.count() + parts.exclude(state__in=ENDED).count()

    def failed(self):
        stopped = FlowRun.objects.filter(state=FlowRun.State.ATTENTION).values("order")
        return self.orders.filter(pk__in=stopped).exclude(pk__in=self._held())

    def split(self) -> int:
        rows = FulfillmentOrder.objects.filter(order__in=self.orders).exclude(state__in=ENDED)
        return rows.values("order").annotate(n=Count("pk")).filter(n__gt=1).count()

    def sent_ms(self) -> list[float]:
        times = self.orders.filter(sent_at__isnull=False).values_list("received_at", "sent_at")
        return sorted((sent - received).total_seconds() * 1000 for received, sent in times)

    def _held(self):
        active = Hold.objects.filter(released_at__isnull=True).values("order")
        return self.orders.filter(pk__in=active)


def oversold_units() -> int:
    """Units promised beyond what there is, over all positions."""
    over = InventoryPosition.objects.filter(reserved__gt=F("on_hand")).aggregate(
        units=Sum(F("reserved") - F("on_hand"))
    )
    below = InventoryPosition.objects.filter(on_hand__lt=0).aggregate(units=Sum("on_hand"))
    return (over["units"] or 0) - (below["units"] or 0)


def doubled_effects(ledger: dict[str, Any]) -> int:
    return sum(ledger[name] for name in DOUBLED)


def percentile(ordered: list[float], share: float) -> int:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else 0
