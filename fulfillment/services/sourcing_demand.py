"""What sourcing knows of the lines that want a source, read once: their orders, work, rules, methods and refusals."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from fulfillment import selectors
from fulfillment.destinations import Place, by_place
from fulfillment.errors import UnknownStrategy
from fulfillment.methods import barred_sources
from fulfillment.services.taking_back import take_back
from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Rules
from fulfillment.strategy_document import list_members
from fulfillment.types import LineDemand


class Demanded:
    """`made` names the work that the orders have had; `current` where unsent lines were to come from."""

    def __init__(
        self,
        demands: Sequence[LineDemand],
        now: datetime,
        *,
        actor: str,
        gives_back: bool,
        ahead: bool = False,
    ) -> None:
        """`gives_back`: unsent work of these lines is taken back; `ahead`: it counts as if, though nothing is written."""
        self.demands, self.now = demands, now
        self.rules = self._rules()
        line_ids = [demand.line_id for demand in demands]
        self.work = selectors.work_of({demand.order_id for demand in demands})
        self.made = {(work.order_id, work.source_id, work.fulfillment_order_id) for work in self.work}
        self.current = {work.order_line_id: work.source_id for work in self.work if work.is_unsent}
        if gives_back:
            self.work = take_back(self.work, set(line_ids), actor=actor)
        elif ahead:
            mine = set(line_ids)
            self.work = [item for item in self.work if not (item.is_unsent and item.order_line_id in mine)]
        self.sources = {source.id: source for source in selectors.source_facts()}
        self.rejections = selectors.rejections_of(line_ids)
        self.ordered = selectors.open_lines(line_ids)
        self.lists = list_members() if any(line.source_list for line in self.ordered.values()) else {}
        self.barred = barred_sources(
            {pk: line.method for pk, line in self.ordered.items()}, self.sources.values()
        )
        self.wanted = self._wanted()
        self.order_of = {demand.line_id: demand.order_id for demand in demands}

    def _rules(self) -> dict[str, Rules]:
        rules = selectors.rules_by_key()
        if unknown := {demand.strategy for demand in self.demands} - set(rules):
            raise UnknownStrategy(unknown)
        return rules

    def _wanted(self) -> dict[int, int]:
        """What is asked for, but no more than is still to come."""
        out: Counter[int] = Counter()
        for work in self.work:
            out[work.order_line_id] += work.units_out
        return {
            demand.line_id: min(
                demand.quantity,
                self._open(demand).units - out[demand.line_id],
            )
            for demand in self.demands
        }

    def stock(self) -> dict[int, dict[int, int]]:
        """Of what is asked for, as it is now."""
        products = {d.product_id for d in self.demands if d.product_id and self.wanted[d.line_id] > 0}
        return selectors.stock_of(products)

    def needs(self) -> Iterable[OrderNeed]:
        used = defaultdict(set)
        for work in self.work:
            if work.units_out:
                used[work.order_id].add(work.source_id)
        by_order = defaultdict(list)
        for demand in self.demands:
            if self.wanted[demand.line_id] > 0:
                by_order[demand.order_id, demand.strategy].append(demand)
        for (order_id, strategy), group in by_order.items():
            first = group[0]
            home = Place(first.latitude, first.longitude, first.region, first.country)
            pickups = {self._open(demand).store for demand in group} - {None}
            ends = {demand: self._open(demand).goes_to for demand in group}
            for place, demands in by_place(ends, home, self.sources).items():
                yield OrderNeed(
                    order_id,
                    [self._need(demand) for demand in demands],
                    place.latitude,
                    place.longitude,
                    place.region,
                    place.country,
                    self.rules[strategy],
                    frozenset(used[order_id] | pickups - {place.store}),
                    store=place.store,
                )

    def _need(self, demand: LineDemand) -> LineNeed:
        return LineNeed(
            demand.line_id,
            demand.product_id,
            self.wanted[demand.line_id],
            self.fixed(demand),
            self.rejections.get(demand.line_id, {}),
            self.current.get(demand.line_id) if demand.stays else None,
            *self._list(demand),
            self.barred.get(demand.line_id, {}),
            ship_class=self._open(demand).ship_class,
        )

    def _list(self, demand: LineDemand) -> tuple[str, frozenset[int] | None]:
        """The list that the line is kept to, with its members; an assigned source knows better than any list."""
        named = self._open(demand).source_list
        if not named or self.fixed(demand):
            return "", None
        return named, self.lists.get(named, frozenset())

    def fixed(self, demand: LineDemand) -> int | None:
        """The store of a pickup, else what a policy or a person assigned."""
        return self._open(demand).store or demand.fixed_source_id

    def _open(self, demand: LineDemand) -> selectors.OpenLine:
        return self.ordered.get(demand.line_id) or selectors.OpenLine(demand.quantity)
