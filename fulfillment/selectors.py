"""What sourcing must know, each in one query however many orders."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet
from django.utils import timezone

from fulfillment.constraint_kinds import not_kept_by_nearest
from fulfillment.list_limits import ListLimit
from fulfillment.methods import AT_A_STORE, MethodLine
from fulfillment.models import FulfillmentOrder, SourceRejection, Strategy
from fulfillment.sourcing_strategy import ClassBan, Rules, SourceFacts
from fulfillment.strategy_document import (
    LiveStrategy,
    counts_on,
    gives_way,
    is_of_list,
    list_members,
    live_strategies,
    source_ids,
)
from fulfillment.types import LineDemand
from inventory.models import FulfillmentSource
from inventory.selectors import availability
from iom.lib import compiled
from orders.models import OrderLine

SOURCE_FIELDS = (
    "pk", "code", "name", "type", "active", "latitude", "longitude", "region", "country", "time_zone", "calendar_id",
    "cutoff_time", "processing_minutes",
)  # fmt: skip
DEMAND = (
    "order_id", "pk", "product_id", "sku", "quantity", "order__ship_to_latitude", "order__ship_to_longitude",
    "order__strategy", "source_is_assigned", "source_id", "order__ship_to_region", "order__ship_to_country",
)  # fmt: skip
State = FulfillmentOrder.State
FARTHEST = 10**9
MOST_REJECTS = 3  # where the strategy says nothing


@dataclass(frozen=True, slots=True)
class Work:
    """A fulfillment line with its fulfillment order; `line_id` None: a fulfillment order without lines."""

    fulfillment_order_id: int
    order_id: int
    source_id: int
    state: str
    send_requested: bool
    line_id: int | None
    order_line_id: int | None
    quantity: int
    quantity_shipped: int
    reservation_key: str

    @property
    def is_unsent(self) -> bool:
        """Nobody has it yet, so it can be taken back."""
        return self.state == State.NEW and not self.send_requested

    @property
    def units_out(self) -> int:
        """Units that this line brings or has brought."""
        if self.state in (State.SHIPPED, State.DELIVERED):
            return self.quantity_shipped
        return self.quantity if self.state in FulfillmentOrder.OPEN else 0


def work_of(order_ids: Collection[int]) -> list[Work]:
    """All fulfillment work of these orders, in the order of creation."""
    return [
        Work(*row[:4], row[4] is not None, row[5], row[6], row[7] or 0, row[8] or 0, row[9] or "")
        for row in _work(order_ids)
    ]


@compiled.query
def _work(order_ids: Collection[int]) -> QuerySet:
    rows = FulfillmentOrder.objects.filter(order_id__in=order_ids).order_by("pk", "lines__pk")
    return rows.values_list(
        "pk", "order_id", "source_id", "state", "send_requested_at",
        "lines__pk", "lines__order_line_id", "lines__quantity", "lines__quantity_shipped", "lines__reservation_key",
    )  # fmt: skip


def rules_by_key() -> dict[str, Rules]:
    """The rules of every strategy as it works now, by its key; the default one by the empty key too.

    Of its constraints those that the nearest planner knows: distance, sources an order and a line, offline.
    """
    live, lists = live_strategies(), list_members()
    ids = dict(FulfillmentSource.objects.values_list("code", "pk"))
    return rules_of(live, lists, ids, timezone.now().date())


def rules_of(
    live: Mapping[str, LiveStrategy],
    lists: Mapping[str, frozenset[int]],
    ids: Mapping[str, int],
    today: date,
) -> dict[str, Rules]:
    """As `rules_by_key`, of these strategies on this day. `ids`: source by code."""
    rules = {key: _rules(strategy, lists, ids, today) for key, strategy in live.items()}
    return {"": Rules(), **rules}


def _rules(
    live: LiveStrategy, lists: Mapping[str, frozenset[int]], ids: Mapping[str, int], today: date
) -> Rules:
    counting = [row for row in live.document["constraints"] if counts_on(row, today)]
    firm = [row for row in counting if row["is_hard"]]
    soft = tuple(row["name"] for row in counting if gives_way(row, today) and not not_kept_by_nearest(row))
    rules = _rules_with(live, firm, lists, ids)
    limits = tuple(
        ListLimit(
            row["name"], row["source_list"], lists.get(row["source_list"], frozenset()),
            row["parameters"]["count"], row["is_hard"],
        )
        for row in counting if is_of_list(row)
    )  # fmt: skip
    rules = replace(rules, list_limits=limits)
    if not soft:
        return rules
    preferred = replace(_rules_with(live, counting, lists, ids), list_limits=limits)
    return replace(rules, preferred=preferred, soft=soft)


def _rules_with(
    live: LiveStrategy, rows: Sequence[Mapping], lists: Mapping[str, frozenset[int]], ids: Mapping[str, int]
) -> Rules:
    document, counted = live.document, defaultdict(list)
    for row in rows:
        counted[row["kind"]].append(row)
    allowed, offline = source_ids(document, lists, ids), set()
    for row in counted["offline"]:
        offline |= {ids[code] for code in row["parameters"].get("codes", ()) if code in ids}
        offline |= lists.get(row["source_list"], frozenset())
    if offline:
        allowed = (frozenset(ids.values()) if allowed is None else allowed) - offline
    limits = [row["parameters"]["km"] for row in counted["maximum_distance"] if not row["source_list"]]
    most = [row["parameters"]["count"] for row in counted["sources_per_order"]]
    per_line = [row["parameters"]["count"] for row in counted["sources_per_line"]]
    return Rules(
        live.key,
        allowed,
        min([*limits, document["max_distance_km"]], key=lambda km: km or FARTHEST),
        min([*most, document["max_sources_per_order"]]),
        document["split_lines"] and min(per_line, default=2) > 1,
        document["objective"],
        document["rest"],
        document["alternate"],
        live.version,
        tuple(
            ClassBan(
                row["name"], row["parameters"]["ship_class"], row["parameters"]["source_type"],
                lists.get(row["source_list"], frozenset()) if row["source_list"] else None,
            )
            for row in counted["class_not_from"]
        ),
    )  # fmt: skip


def batch_strategies() -> dict[str, Mapping]:
    """The documents of the strategies that plan in batches, by key; the default one by the empty key too.

    Asked by every wave that sources, and mostly there are none: then one look says so.
    """
    if not _any_batch():
        return {}
    return {key: live.document for key, live in live_strategies().items() if live.document["is_batch"]}


@compiled.query
def _any_batch() -> QuerySet:
    works = Q(live_version__document__is_batch=True) | Q(live_version__isnull=True, is_batch=True)
    return Strategy.objects.filter(works).order_by().values_list("pk")[:1]


def demands_of(order_line_ids: Collection[int], *, stays: bool = False) -> list[LineDemand]:
    """Live order lines as they want a source now, in the order of their orders; see `LineDemand.stays`."""
    return [
        LineDemand(*row[:8], row[9] if row[8] else None, row[10], row[11], stays)
        for row in _demands(order_line_ids)
    ]


@compiled.query
def _demands(order_line_ids: Collection[int]) -> QuerySet:
    rows = OrderLine.objects.live().filter(pk__in=order_line_ids).order_by("order_id", "pk")
    return rows.values_list(*DEMAND)


def source_facts() -> list[SourceFacts]:
    return [SourceFacts(*row) for row in _sources()]


@compiled.query
def _sources() -> QuerySet:
    return FulfillmentSource.objects.order_by("pk").values_list(*SOURCE_FIELDS)


def rejections_of(order_line_ids: Collection[int]) -> dict[int, dict[int, str]]:
    """Order line -> source -> why it refused the line; those whose cool-down is over are left out."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for line, source, reason in _rejections(order_line_ids, timezone.now()):
        found[line][source] = reason
    return found


@compiled.query
def _rejections(order_line_ids: Collection[int], now: datetime) -> QuerySet:
    still = Q(until__isnull=True) | Q(until__gt=now)
    rows = SourceRejection.objects.filter(still, order_line_id__in=order_line_ids)
    return rows.values_list("order_line_id", "source_id", "reason")


def most_rejects(strategies: Collection[str]) -> dict[str, int]:
    """Strategy key -> after how many refusals of a line a person is asked; the lowest of its limits that count."""
    live = live_strategies()
    return {key: _reject_limit(live[key].document) if key in live else MOST_REJECTS for key in strategies}


def _reject_limit(document: Mapping) -> int:
    today = timezone.now().date()
    counted = [row for row in document["constraints"] if row["kind"] == "maximum_rejects"]
    limits = [row["parameters"]["count"] for row in counted if counts_on(row, today)]
    return min(limits, default=MOST_REJECTS)


def stock_of(product_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Product -> source -> available."""
    stock: dict[int, dict[int, int]] = defaultdict(dict)
    for product, source, on_hand, reserved, safety in availability(product_ids):
        stock[product][source] = on_hand - reserved - safety
    return dict(stock)


class OpenLine(NamedTuple):
    """`units` ordered and not canceled; `store` of a pickup, which alone may bring them; `source_list` that a policy set.

    `goes_to`: the store where they end instead of at the order's address.
    """

    units: int
    store: int | None = None
    source_list: str = ""
    method: MethodLine = MethodLine()
    goes_to: int | None = None
    ship_class: str = ""


def open_lines(order_line_ids: Collection[int]) -> dict[int, OpenLine]:
    return {
        pk: OpenLine(
            quantity - canceled,
            store if method == OrderLine.Method.PICKUP else None,
            named,
            MethodLine(method, product, category or "", channel),
            store if method in AT_A_STORE else None,
            ship_class or "",
        )
        for pk, quantity, canceled, method, store, named, product, category, ship_class, channel in _open(
            order_line_ids
        )
    }


@compiled.query
def _open(order_line_ids: Collection[int]) -> QuerySet:
    return OrderLine.objects.filter(pk__in=order_line_ids).values_list(
        "pk", "quantity", "quantity_canceled", "method", "pickup_source_id", "source_list",
        "product_id", "product__category", "product__ship_class", "order__channel_id",
    )  # fmt: skip
