"""Decisions as they were made: who was planned together, with what at hand. A chunk at a time, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Max

from fulfillment import selectors
from fulfillment.destinations import Place, by_place
from fulfillment.loading import Facts, facts
from fulfillment.methods import AT_A_STORE, barred_sources
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    SourceRejection,
    SourcingDecision,
    SourcingRun,
    Strategy,
    StrategyVersion,
)
from fulfillment.sourcing_strategy import PARTLY, SOURCED, LineNeed, OrderNeed, Rules
from fulfillment.strategy_document import LiveStrategy, list_members
from fulfillment.what_if.past_days import OVER, PastCapacity, PastListDays
from inventory.history import Stock, StockHistory
from orders.models import BusinessEvent, OrderLine

SHORTLY = timedelta(seconds=30)  # within which a call takes back what it plans again
INACTIVE = "inactive"
COLLECTED = (SourcingRun.Mode.DEEP, SourcingRun.Mode.FAST)  # how batches are solved that a strategy collects
SWITCHED = {"fulfillment_source.activated": True, "fulfillment_source.deactivated": False}
ASSIGNED = "assigned"
State = FulfillmentOrder.State


class Made(NamedTuple):
    """A decision as it was kept."""

    pk: int
    at: datetime
    order: int
    line: int
    strategy: str
    outcome: str
    chosen: list[dict]
    candidates: list[dict]
    costs: dict[str, int] | None
    relaxed: list[str] | None
    version: int | None
    run: int | None


class Line(NamedTuple):
    """An order line with what sourcing needs of its order."""

    order: int
    product: int | None
    quantity: int
    canceled: int
    method: str
    store: int | None
    source: int | None
    assigned: bool
    latitude: float | None
    longitude: float | None
    region: str
    country: str
    strategy: str
    source_list: str


class Piece(NamedTuple):
    """A fulfillment line with its fulfillment order."""

    order: int
    line: int
    source: int
    quantity: int
    shipped: int
    state: str
    state_at: datetime
    created_at: datetime
    sent_at: datetime | None

    def was_out(self, at: datetime, planned: Collection[int]) -> bool:
        """Did it bring units at that moment. What nobody had yet was taken back if its line was planned again then."""
        if self.created_at >= at or (self.state in OVER and self.state_at <= at):
            return False
        return self.line not in planned or (self.sent_at is not None and self.sent_at <= at)

    def units_at(self, at: datetime) -> int:
        shipped = self.state in (State.SHIPPED, State.DELIVERED) and self.state_at <= at
        return self.shipped if shipped else self.quantity


@dataclass(frozen=True)
class Call:
    """What was planned in one go. `counted`: lines whose decision still stands and was the strategy's own."""

    at: datetime
    made: Sequence[Made]
    needs: Sequence[OrderNeed]
    counted: frozenset[int]
    checked: bool  # did it look at stock
    effort: str = ""  # the optimizer's mode, where it was not the usual one

    @cached_property
    def of_line(self) -> dict[int, Made]:
        return {one.line: one for one in self.made}

    @cached_property
    def order_of(self) -> dict[int, int]:
        return {one.line: one.order for one in self.made}


class Past:
    """The calls of a chunk, oldest first, with the world as each of them found it."""

    def __init__(self, chunk: Sequence[Any], strategy: str, tried: Mapping[str, Any]) -> None:
        self.strategy = strategy
        made = _made(chunk)
        line_ids = {one.line for one in made}
        self.lines = _lines(line_ids)
        self.made = [one for one in made if one.line in self.lines]
        self.calls: list[Call] = []
        if self.made:
            self._read(line_ids, tried)

    def _read(self, line_ids: Collection[int], tried: Mapping[str, Any]) -> None:
        self.orders = {one.order for one in self.made}
        self.newest = dict(
            SourcingDecision.objects.filter(order_line_id__in=line_ids)
            .order_by()
            .values_list("order_line_id")
            .annotate(newest=Max("pk"))
        )
        runs = SourcingRun.objects.filter(pk__in={one.run for one in self.made} - {None})
        self.runs = {run.pk: run for run in runs.only("cause", "mode", "components")}
        nearest = {pk for pk, run in self.runs.items() if run.mode == SourcingRun.Mode.NEAREST}
        self.made = [one._replace(run=None) if one.run in nearest else one for one in self.made]
        self.pieces = _pieces(self.orders)
        self.rejected = _rejected(line_ids)
        self.lists = list_members()
        self.sources = selectors.source_facts()
        self.ids = {source.code: source.id for source in self.sources}
        self.codes = {source.id: source.code for source in self.sources}
        opened = selectors.open_lines(line_ids)
        self.classes = {pk: line.ship_class for pk, line in opened.items()}
        methods = {pk: line.method for pk, line in opened.items()}
        self.barred = barred_sources(methods, self.sources)
        self.calls = [self._call(at, rows) for at, rows in _by_moment(self.made)]
        self.facts = self._facts()
        self.strategies = PastStrategies(self.facts.strategies)
        self.history = self._history()
        self.switches = _switches(self.since)
        documents = [tried, *self.strategies.documents()]
        self.capacity = PastCapacity(self.facts, documents, self.since, self.until)
        self.list_days = PastListDays(self.lists, self.facts, documents, self.since, self.until)

    @property
    def since(self) -> datetime:
        return self.made[0].at

    @property
    def until(self) -> datetime:
        return self.made[-1].at

    def _facts(self) -> Facts:
        return facts([need for call in self.calls for need in call.needs], self.until)

    def _history(self) -> StockHistory:
        products = {line.product for line in self.lines.values() if line.product}
        return StockHistory(products, self.since, self.until, after=SHORTLY)

    def stock(self, call: Call) -> Stock:
        """What was available when the call looked: what it took back itself first was free again."""
        stock = self.history.at(call.at)
        references = {f"order_line:{line}" for line in call.order_of}
        for move in self.history.given_back(references, SHORTLY, call.at):
            held = stock[move.product]
            held[move.source] = held.get(move.source, 0) + move.change
        return stock

    def active(self, call: Call) -> dict[int, bool]:
        """Which sources were switched on: by the events of switching, and by what the decisions say themselves."""
        found = {source.id: source.active for source in self.sources}
        for at, source, on in self.switches:
            if at > call.at and source in found:
                found[source] = not on
        for one in call.made:
            for row in one.candidates:
                if row["code"] in self.ids:
                    found[self.ids[row["code"]]] = row.get("removed_by") != INACTIVE
        return found

    # -- who was planned together, and with what ------------------------------------------------------------------
    def _call(self, at: datetime, rows: Sequence[Made]) -> Call:
        planned = {one.line for one in rows}
        counted = {one.line for one in rows if self.newest[one.line] == one.pk and self._is_ours(one)}
        checked = any(row.get("available") is not None for one in rows for row in one.candidates)
        priced = any(one.run for one in rows)
        modes = {self.runs[one.run].mode for one in rows if one.run in self.runs}
        effort = next((mode for mode in COLLECTED if mode in modes), "")
        needs = list(self._needs(at, rows, planned))
        return Call(at, rows, needs, frozenset(counted), checked or priced, effort)

    def _is_ours(self, one: Made) -> bool:
        return self._strategy_of(one) == self.strategy

    def _strategy_of(self, one: Made) -> str:
        return one.strategy if one.strategy != ASSIGNED else self.lines[one.line].strategy or self.default

    @cached_property
    def default(self) -> str:
        return Strategy.objects.filter(is_default=True).values_list("key", flat=True).first() or ""

    def _needs(self, at: datetime, rows: Sequence[Made], planned: Collection[int]) -> Iterator[OrderNeed]:
        sources = {source.id: source for source in self.sources}
        groups: dict[tuple[int, str], list[Made]] = defaultdict(list)
        for one in rows:
            groups[one.order, self._strategy_of(one)].append(one)
        for (order, strategy), group in groups.items():
            first = self.lines[group[0].line]
            home = Place(first.latitude, first.longitude, first.region, first.country)
            out = [piece for piece in self.pieces[order] if piece.was_out(at, planned)]
            pickups = {
                line.store
                for one in group
                if (line := self.lines[one.line]).method == OrderLine.Method.PICKUP
            }
            by_line = {one.line: one for one in group}
            for place, lines in by_place({pk: self._ends(pk) for pk in by_line}, home, sources).items():
                yield OrderNeed(
                    order, [self._need(at, by_line[pk], out) for pk in lines], place.latitude, place.longitude,
                    place.region, place.country, Rules(key=strategy),
                    frozenset(p.source for p in out if p.units_at(at)) | pickups - {place.store, None}, store=place.store,
                )  # fmt: skip

    def _ends(self, pk: int) -> int | None:
        return self.lines[pk].store if self.lines[pk].method in AT_A_STORE else None

    def _need(self, at: datetime, one: Made, out: Sequence[Piece]) -> LineNeed:
        line = self.lines[one.line]
        refused = {s: why for s, (why, since, until) in self.rejected[one.line].items()
                   if since < at and (until is None or until > at)}  # fmt: skip
        current = self._current(at, one) if self._was_again(one) else None
        fixed = self._fixed(one)
        listed = line.source_list if not fixed else ""
        return LineNeed(
            one.line, line.product, self._wanted(at, one, out), fixed, refused, current, listed,
            self.lists.get(listed, frozenset()) if listed else None, self.barred.get(one.line, {}),
            ship_class=self.classes.get(one.line, ""),
        )  # fmt: skip

    def _wanted(self, at: datetime, one: Made, out: Sequence[Piece]) -> int:
        """What was sourced, if all was; else what of the line was still to come, by what is canceled of it now."""
        got = sum(row["quantity"] for row in one.chosen)
        if one.outcome == SOURCED:
            return got
        line = self.lines[one.line]
        brought = sum(piece.units_at(at) for piece in out if piece.line == one.line)
        return max(got + (one.outcome == PARTLY), line.quantity - line.canceled - brought, 1)

    def _fixed(self, one: Made) -> int | None:
        if one.strategy != ASSIGNED:
            return None
        line = self.lines[one.line]
        if one.chosen:
            return one.chosen[0]["source"]
        return line.store if line.method == OrderLine.Method.PICKUP else line.source

    def _was_again(self, one: Made) -> bool:
        run = self.runs.get(one.run)
        return run is not None and run.cause == SourcingRun.Cause.REOPTIMIZE

    def _current(self, at: datetime, one: Made) -> int | None:
        """Where the line was to come from before it was planned again."""
        before = [p for p in self.pieces[one.order] if p.line == one.line and p.created_at < at
                  and not (p.state in OVER and p.state_at <= at)]  # fmt: skip
        return before[-1].source if before else None


class PastStrategies:
    """What each strategy said at a moment: the newest version that was published by then."""

    def __init__(self, now: Mapping[str, LiveStrategy]) -> None:
        self.now = now
        self.versions: dict[str, list[tuple]] = defaultdict(list)
        rows = StrategyVersion.objects.order_by("strategy_id", "number")
        for key, *rest in rows.values_list("strategy__key", "number", "document", "published_at"):
            self.versions[key].append(tuple(rest))

    def documents(self) -> Iterator[Mapping[str, Any]]:
        """Of all versions, and of drafts that work."""
        yield from (live.document for live in self.now.values())
        yield from (row[1] for rows in self.versions.values() for row in rows)

    def at(self, moment: datetime) -> dict[str, LiveStrategy]:
        return {key: self._then(live, moment) for key, live in self.now.items()}

    def _then(self, live: LiveStrategy, moment: datetime) -> LiveStrategy:
        """A draft that worked before the first version is not kept: the first version stands in for it."""
        versions = self.versions.get(live.key)
        if not versions:
            return live
        by_then = [row for row in versions if row[2] <= moment]
        number, document, _ = by_then[-1] if by_then else (0, *versions[0][1:])
        return LiveStrategy(live.key, number, live.is_default, document)


# -- rows ---------------------------------------------------------------------------------------------------------
def _made(chunk: Sequence[Any]) -> list[Made]:
    first_at, last_at, first, last = chunk
    rows = SourcingDecision.objects.filter(
        pk__range=(first, last),
        at__range=(datetime.fromisoformat(first_at), datetime.fromisoformat(last_at)),
    )
    names = (
        "pk", "at", "order_id", "order_line_id", "strategy", "outcome", "chosen", "candidates", "costs", "relaxed",
        "strategy_version", "run_id",
    )  # fmt: skip
    return [Made(*row) for row in rows.order_by("at", "pk").values_list(*names)]


def _by_moment(made: Sequence[Made]) -> list[tuple[datetime, list[Made]]]:
    calls: dict[datetime, list[Made]] = defaultdict(list)
    for one in made:
        calls[one.at].append(one)
    return sorted(calls.items())


def _lines(ids: Collection[int]) -> dict[int, Line]:
    names = (
        "pk", "order_id", "product_id", "quantity", "quantity_canceled", "method", "pickup_source_id", "source_id",
        "source_is_assigned", "order__ship_to_latitude", "order__ship_to_longitude", "order__ship_to_region",
        "order__ship_to_country", "order__strategy", "source_list",
    )  # fmt: skip
    rows = OrderLine.objects.filter(pk__in=ids).order_by()
    return {row[0]: Line(*row[1:]) for row in rows.values_list(*names)}


def _pieces(orders: Collection[int]) -> dict[int, list[Piece]]:
    names = (
        "fulfillment_order__order_id", "order_line_id", "fulfillment_order__source_id", "quantity", "quantity_shipped",
        "fulfillment_order__state", "fulfillment_order__state_at", "fulfillment_order__created_at",
        "fulfillment_order__send_requested_at", "fulfillment_order__sent_at",
    )  # fmt: skip
    found = defaultdict(list)
    rows = FulfillmentLine.objects.filter(fulfillment_order__order_id__in=orders).order_by("pk")
    for *row, asked, sent in rows.values_list(*names):
        found[row[0]].append(Piece(*row, asked or sent))
    return found


def _switches(since: datetime) -> list[tuple[datetime, int, bool]]:
    """The newest first, so that the oldest after a moment has the last word on it."""
    rows = BusinessEvent.objects.filter(
        order=None, entity="fulfillment_source", kind__in=SWITCHED, at__gt=since
    )
    rows = rows.order_by("-id").values_list("at", "record_id", "kind")
    return [(at, source, SWITCHED[kind]) for at, source, kind in rows]


def _rejected(lines: Collection[int]) -> dict[int, dict[int, tuple]]:
    found: dict[int, dict[int, tuple]] = defaultdict(dict)
    rows = SourceRejection.objects.filter(order_line_id__in=lines)
    for line, source, *rest in rows.values_list("order_line_id", "source_id", "reason", "at", "until"):
        found[line][source] = tuple(rest)
    return found
