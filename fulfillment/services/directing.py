"""A person sends the open lines of orders to one source; what the source cannot do is refused, order by order."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from django.db import transaction

from fulfillment import selectors
from fulfillment.methods import barred_sources
from inventory.models import FulfillmentSource
from orders.models import Order, OrderLine
from orders.services.mending import assign_source
from orders.types import Outcome


@transaction.atomic
def send_to_source(order_ids: Collection[int], *, source: FulfillmentSource, actor: str) -> Outcome:
    """Assign the source to every line that has none yet, or whose assigned one could not bring it.

    An order is refused whole: the source is not active, the method of a line does not allow it, it refused a line before,
    or its stock does not reach. Stock is given in the order of ids and reserved only when the orders are sourced.
    The same few queries however many orders.
    """
    source.refresh_from_db(fields=["active"])
    orders = {order.pk: order for order in Order.objects.lock(order_ids)}
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in (
        OrderLine.objects.without_source()
        .select_related("source")
        .filter(order_id__in=orders)
        .order_by("order_id", "line_number")
    ):
        lines[line.order_id].append(line)
    refused = _refused(lines, source)
    chosen = [line for pk, found in lines.items() if pk not in refused for line in found]
    return Outcome(assign_source(chosen, source_id=source.pk, code=source.code, actor=actor), refused)


def _refused(lines: Mapping[int, list[OrderLine]], source: FulfillmentSource) -> dict[int, str]:
    if not source.active:
        return dict.fromkeys(lines, f"{source.code} is not active.")
    ids = [line.pk for found in lines.values() for line in found]
    known, rejected = selectors.open_lines(ids), selectors.rejections_of(ids)
    facts = [one for one in selectors.source_facts() if one.id == source.pk]
    barred = barred_sources({pk: line.method for pk, line in known.items()}, facts)
    stock = selectors.stock_of(
        {line.product_id for found in lines.values() for line in found if line.product_id}
    )
    left = Counter({product: by_source.get(source.pk, 0) for product, by_source in stock.items()})
    refused = {}
    for order, found in lines.items():
        wanted: Counter[int | None] = Counter()
        for line in found:
            wanted[line.product_id] += known[line.pk].units
            if why := _barred(line, source, known[line.pk], barred, rejected):
                refused.setdefault(order, f"{source.code} cannot bring line {line.line_number}: {why}.")
        if order not in refused and (short := [one for one in wanted if wanted[one] > left[one]]):
            line = next(line for line in found if line.product_id == short[0])
            has = max(left[short[0]], 0)
            refused[order] = (
                f"{source.code} has {has:,} of {line.sku} left for this order, which wants {wanted[short[0]]:,}."
            )
        elif order not in refused:
            left.subtract(wanted)
    return refused


def _barred(
    line: OrderLine,
    source: FulfillmentSource,
    known: selectors.OpenLine,
    barred: Mapping[int, Mapping[int, str]],
    rejected: Mapping[int, Mapping[int, str]],
) -> str:
    if known.store and known.store != source.pk:
        return "the customer picks it up at another store"
    if why := barred.get(line.pk, {}).get(source.pk):
        return why
    reason = rejected.get(line.pk, {}).get(source.pk)
    return f"it refused this line ({reason})" if reason is not None else ""
