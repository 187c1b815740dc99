"""Cancel orders: here and not with the orders, because what is with a provider must be asked for."""

from collections.abc import Sequence
from typing import Any

from fulfillment.api import serializers as documents
from fulfillment.services.cancellation import cancel_orders
from orders.api import schema
from orders.api.views.actions import BulkOrderActionView, OrderActionView, documented
from orders.types import Outcome


class Canceling:
    def run(self, ids: Sequence[int], actor: str, values: dict[str, Any]) -> Outcome:
        return cancel_orders(ids, actor=actor, **values)


@documented("orders_cancel", "Cancel", documents.CancelSerializer, schema.ActionAnswer)
class CancelView(Canceling, OrderActionView):
    """What is with a provider waits for its answer; what has shipped is refused."""

    input = documents.CancelSerializer


@documented("orders_cancel_many", "Cancel many", documents.BulkCancelSerializer, schema.BatchOutcome)
class BulkCancelView(Canceling, BulkOrderActionView):
    input = documents.BulkCancelSerializer
