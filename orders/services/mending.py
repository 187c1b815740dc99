"""What a person changes on many orders at once because it stops them: wrong fields, a credit hold, where lines may come from.

Each takes a batch at the same few queries, writes the events that a single edit writes, and repeated changes nothing.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from orders.models import Customer, Order, OrderLine, StateDefinition
from orders.services import fields
from orders.services.editing import add_notes, changed, tell_changed
from orders.services.events import record
from orders.types import Outcome


@transaction.atomic
def change_orders(order_ids: Collection[int], *, changes: Mapping[str, Any], actor: str) -> Outcome:
    """Give orders the same values, as `update_order` gives them to one; refused are those whose state forbids edits.

    Raises InvalidChange (every bad field) and OrderNotFound; then nothing changed.
    """
    changes = fields.flattened(changes)
    fields.check(changes)
    locked = Order.objects.lock(order_ids)
    closed = set(StateDefinition.objects.filter(entity="order", read_only=True).values_list("key", flat=True))
    refused = {o.pk: f"{o.number} cannot be edited any more." for o in locked if o.state in closed}
    differing: dict[int, dict[str, list]] = {}
    for order in locked:
        if order.pk not in refused and (found := fields.differences(order, changes)):
            differing[order.pk] = found
            for name, (_, value) in found.items():
                setattr(order, name, value)
            order.version += 1
    orders = [order for order in locked if order.pk in differing]
    if orders:
        names = {name for found in differing.values() for name in found}
        Order.objects.bulk_update(orders, [*sorted(names), "version"], batch_size=100)
        tell_changed(orders, differing, actor=actor)
    return Outcome(sorted(differing), refused)


@transaction.atomic
def free_customers(order_ids: Collection[int], *, actor: str) -> Outcome:
    """Take the credit hold off the customers of these orders. Changed are the orders; those without a customer are refused."""
    found = dict(Order.objects.filter(pk__in=order_ids).order_by("pk").values_list("pk", "customer_id"))
    refused = {pk: "The order has no customer account." for pk, customer in found.items() if customer is None}
    held = Customer.objects.filter(pk__in=set(found.values()) - {None}, credit_hold=True)
    names = dict(held.order_by("pk").select_for_update().values_list("pk", "name"))
    Customer.objects.filter(pk__in=names).update(credit_hold=False)
    freed = {pk: names[customer] for pk, customer in found.items() if customer in names}
    add_notes({pk: f"{name} was taken off credit hold." for pk, name in freed.items()}, actor=actor)
    return Outcome(sorted(freed), refused)


@transaction.atomic
def direct_lines(order_ids: Collection[int], *, source_list: str, actor: str) -> Outcome:
    """Let the lines of these orders that have no source come from the members of one list only; "" lets them go anywhere.

    An assigned source that could not bring its line is taken off it.
    """
    Order.objects.only("id").lock(order_ids)
    lines = OrderLine.objects.without_source().filter(order_id__in=order_ids)
    lines = lines.exclude(source=None, source_list=source_list)
    found = list(
        lines.order_by("pk").values_list("pk", "order_id", "line_number", "source_list", "source__code")
    )
    OrderLine.objects.filter(pk__in=[pk for pk, *_ in found]).update(
        source_list=source_list, source=None, source_is_assigned=False
    )
    told: dict[int, dict[str, list]] = {}
    for _, order, number, before, code in found:
        differences = told.setdefault(order, {})
        if before != source_list:
            differences[f"line {number} source list"] = [before, source_list]
        if code:
            differences[f"line {number} source"] = [code, ""]
    Order.objects.filter(pk__in=told).update(version=F("version") + 1)
    record([changed(pk, differences) for pk, differences in told.items()], actor=actor)
    return Outcome(sorted(told))


@transaction.atomic
def assign_source(lines: Collection[OrderLine], *, source_id: int, code: str, actor: str) -> list[int]:
    """These lines come from one source only; returns the ids of their orders that changed. The caller has locked the orders."""
    differing = [line for line in lines if (line.source_id, line.source_is_assigned) != (source_id, True)]
    OrderLine.objects.filter(pk__in=[line.pk for line in differing]).update(
        source_id=source_id, source_is_assigned=True
    )
    told: dict[int, dict[str, list]] = {}
    for line in differing:
        told.setdefault(line.order_id, {})[f"line {line.line_number} source"] = [
            line.source.code if line.source else "",
            code,
        ]
    Order.objects.filter(pk__in=told).update(version=F("version") + 1)
    record([changed(pk, differences) for pk, differences in told.items()], actor=actor)
    return sorted(told)
