"""One order becomes several: a child for each split group of its lines. Every amount is conserved to the last minor unit.

Lines go over whole, with their prices, discounts and taxes. Charges are shared by what the lines of each child come to,
what cannot be shared evenly by largest remainder. Source: reference ORC-16.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from iom.lib import bulk
from iom.lib.shares import shares
from orders.models import Charge, Order, OrderLine, OrderSplit, OrderTag
from orders.services.events import apply_event
from orders.services.intake import create_orders
from orders.types import ChargeDraft, LineDraft, OrderDraft, Party

FREE = (OrderLine.State.NEW, OrderLine.State.IN_PROGRESS)
HEAD = (
    "channel_id", "currency", "placed_at", "customer_name", "customer_email", "customer_phone", "customer_reference",
    "requested_delivery_at", "promised_at", "sales_origin", "priority", "is_manual", "notes",
)  # fmt: skip
PARTY = ("name", "line1", "line2", "city", "region", "postal_code", "country", "latitude", "longitude")
KEPT = (
    "requested_sku", "is_substitute", "source_id", "source_is_assigned", "source_list", "split_group", "launch_date", "method",
    "pickup_source_id",
)  # fmt: skip
ID_LENGTH = 90


@dataclass(frozen=True, slots=True)
class Splits:
    """`children`: parent -> its children by group; `whole`: orders with one group; `refused`: order -> why it stays."""

    children: dict[int, dict[str, int]] = field(default_factory=dict)
    whole: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@transaction.atomic
def split_orders(order_ids: Collection[int], *, actor: str) -> Splits:
    """Split orders by the groups of their lines; lines without a group are one of their own.

    The children are new orders of the same channel (`order.new` is raised for each), the parent and its lines end with
    the reason `split`. A repeated call finds the children of the first. Refused, with nothing of it changed: an order
    whose lines are with a source already, or partly canceled. A fixed number of queries.
    """
    done = Splits()
    for parent, group, child in OrderSplit.objects.filter(parent__in=order_ids).values_list(
        "parent", "group", "child"
    ):
        done.children.setdefault(parent, {})[group] = child
    orders = {o.pk: o for o in Order.objects.lock(set(order_ids) - done.children.keys())}
    groups = _groups(orders)
    for pk in list(orders):
        if sentence := _refusal(orders[pk], groups[pk]):
            done.refused[pk] = sentence
        elif len(groups[pk]) < 2:
            done.whole.append(pk)
    going = {pk: order for pk, order in orders.items() if pk not in done.refused and pk not in done.whole}
    if going:
        _split(going, groups, done, actor)
    return done


def _groups(orders: Collection[int]) -> dict[int, dict[str, list[OrderLine]]]:
    found: dict[int, dict[str, list[OrderLine]]] = {pk: defaultdict(list) for pk in orders}
    for line in OrderLine.objects.live().filter(order__in=orders).order_by("order_id", "line_number"):
        found[line.order_id][line.split_group].append(line)
    return found


def _refusal(order: Order, groups: Mapping[str, Sequence[OrderLine]]) -> str:
    lines = [line for lines in groups.values() for line in lines]
    if order.state not in (Order.State.NEW, Order.State.IN_PROGRESS):
        return f"{order.number} is {order.state} and cannot be split."
    if any(line.state not in FREE or line.state_reason == "reserved" for line in lines):
        return f"Lines of {order.number} are with a source already."
    if any(line.quantity_canceled for line in lines):
        return f"Lines of {order.number} are partly canceled."
    return ""


def _split(orders: Mapping[int, Order], groups: Mapping, done: Splits, actor: str) -> None:
    drafts = _drafts(orders, groups)
    intakes = create_orders(list(drafts.values()), actor=actor, park_faulty=True)
    for (pk, group), intake in zip(drafts, intakes, strict=True):
        if intake.order_id is None or intake.result == "conflict":
            raise SplitFailed(pk, [str(row["message"]) for row in intake.errors])
        done.children.setdefault(pk, {})[group] = intake.order_id
    children = {key: done.children[key[0]][key[1]] for key in drafts}
    rows = [(parent, child, group) for (parent, group), child in children.items()]
    bulk.insert(OrderSplit, ("parent", "child", "group"), rows)
    _keep(children, groups)
    lines = [line for pk in orders for lines in groups[pk].values() for line in lines]
    told = {pk: {"children": sorted(done.children[pk].values())} for pk in orders}
    apply_event("order_line.split", lines, actor=actor)
    apply_event("order.split", list(orders.values()), actor=actor, payloads=told)


class SplitFailed(Exception):
    """A child could not be stored; nothing of the split remains."""

    def __init__(self, order_id: int, sentences: list[str]) -> None:
        self.order_id = order_id
        super().__init__(" ".join(sentences) or "A child with this number exists already.")


def _drafts(orders: Mapping[int, Order], groups: Mapping) -> dict[tuple[int, str], OrderDraft]:
    codes = dict(
        Order.objects.filter(pk__in=orders, customer__isnull=False).values_list("pk", "customer__code")
    )
    charges, tags = defaultdict(list), defaultdict(list)
    for charge in Charge.objects.filter(order__in=orders).order_by("pk"):
        charges[charge.order_id].append(charge)
    for pk, name in OrderTag.objects.filter(order__in=orders).values_list("order", "tag__name"):
        tags[pk].append(name)
    return {
        (pk, group): _draft(order, n, lines, parts, codes.get(pk, ""), tags[pk])
        for pk, order in orders.items()
        for n, ((group, lines), parts) in enumerate(
            zip(sorted(groups[pk].items()), _shared(charges[pk], groups[pk]), strict=True), 1
        )
    }


def _shared(charges: Sequence[Charge], groups: Mapping[str, Sequence[OrderLine]]) -> list[list[ChargeDraft]]:
    """The charges of each child, in the order of the groups' names; shares of nothing are left out."""
    weights = [sum(line.amount_minor for line in lines) for _, lines in sorted(groups.items())]
    parts: list[list[ChargeDraft]] = [[] for _ in weights]
    for charge in charges:
        for part, amount in zip(parts, shares(charge.amount_minor, weights), strict=True):
            if amount:
                part.append(ChargeDraft(charge.kind, amount, charge.description))
    return parts


def _draft(
    order: Order,
    number: int,
    lines: Sequence[OrderLine],
    charges: Sequence[ChargeDraft],
    customer: str,
    tags: Sequence[str],
) -> OrderDraft:
    bill_to = {name: value for name, value in (order.bill_to or {}).items() if name in PARTY}
    return OrderDraft(
        **{name: getattr(order, name) for name in HEAD},
        external_id=f"{order.external_id[:ID_LENGTH]}/{number}",
        ship_to=Party(*(getattr(order, f"ship_to_{part}") for part in PARTY)),
        bill_to=Party(**bill_to) if bill_to else None,
        lines=tuple(_line(line) for line in lines),
        charges=tuple(charges),
        customer_code=customer,
        tags=tuple(tags),
    )


def _line(line: OrderLine) -> LineDraft:
    return LineDraft(
        line.line_number,
        line.sku,
        line.quantity,
        line.unit_price,
        line.description,
        line.discount_minor,
        line.tax_minor,
    )


def _keep(children: Mapping[tuple[int, str], int], groups: Mapping) -> None:
    """What an intake does not take: the header's company and strategy, and what policies had decided for the lines."""
    heads = {
        pk: (company, strategy)
        for pk, company, strategy in Order.objects.filter(pk__in=groups).values_list(
            "pk", "company", "strategy"
        )
    }
    bulk.update(
        Order,
        "pk",
        ("company", "strategy"),
        [(child, *heads[parent]) for (parent, _), child in children.items()],
    )
    of_child = {child: key for key, child in children.items()}
    old = {
        (child, line.line_number): line
        for child, (parent, group) in of_child.items()
        for line in groups[parent][group]
    }
    rows = OrderLine.objects.filter(order__in=of_child).values_list("pk", "order", "line_number")
    bulk.update(OrderLine, "pk", KEPT, [(pk, *_values(old[order, n])) for pk, order, n in rows])


def _values(line: OrderLine) -> list[Any]:
    return [getattr(line, name) for name in KEPT]
