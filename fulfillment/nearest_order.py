"""One order on its way to the nearest sources: whole to the fewest of them, else its lines in parts."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from fulfillment.cover import Offer, cheapest_cover, fewest_parts, most_units
from fulfillment.distance import kilometers
from fulfillment.nearest_words import NearestWords
from fulfillment.sourcing_strategy import (
    NOT_SOURCED,
    PARTLY,
    SOURCED,
    LineNeed,
    LinePlan,
    OrderNeed,
    Problem,
    SourceFacts,
)

UNKNOWN_KM = 30_000.0  # behind every known place
RIVALS = 6  # more lines than this that want one product are fitted in their order
CANDIDATES = 10

Ranked = list[tuple[SourceFacts, int | None, float]]  # source, km, cost; nearest first
Removal = tuple[str, str]  # kind to count by, words


def rankings(orders: Sequence[OrderNeed], sources: Sequence[SourceFacts]) -> Iterable[Ranked]:
    """For each order the sources, nearest first; equal ones by id."""
    sources = sorted(sources, key=lambda source: source.id)
    table = kilometers(
        [(order.latitude, order.longitude) for order in orders],
        [(source.latitude, source.longitude) for source in sources],
    )
    for order, costs in zip(orders, np.nan_to_num(table, nan=UNKNOWN_KM).tolist(), strict=True):
        if order.latitude is None or order.longitude is None:
            costs = [_closeness(order, source) for source in sources]
            kms: list[int | None] = [None] * len(sources)
        else:
            kms = [round(cost) if cost < UNKNOWN_KM else None for cost in costs]
        turns = sorted(range(len(costs)), key=costs.__getitem__)
        yield [(sources[turn], kms[turn], costs[turn]) for turn in turns]


def _closeness(order: OrderNeed, source: SourceFacts) -> float:
    same_country = not order.country or not source.country or order.country == source.country
    if same_country and order.region and order.region == source.region:
        return 0.0
    return 1.0 if same_country else 2.0


class OrderPlan:
    """One order on its way: what is closed to it, what it took so far."""

    def __init__(self, order: OrderNeed, ranked: Ranked, problem: Problem) -> None:
        self.order, self.ranked, self.problem = order, ranked, problem
        self.closed = _closed(order, ranked)
        self.used = set(order.used_sources)
        self.words = NearestWords(order, ranked)
        self.plans: dict[int, LinePlan] = {}

    def run(self) -> dict[int, LinePlan]:
        free = [line for line in self.order.lines if line.fixed_source_id is None]
        for line in self.order.lines:
            if line.fixed_source_id is not None:
                self._plan_fixed(line)
        views = {line.line_id: self.removals(line) for line in free}
        left = self._plan_whole(free, views)
        for line in left:
            self._plan_parts(line)
        return self.plans

    def removals(self, line: LineNeed) -> dict[int, Removal]:
        """What takes each source out for this line, with the stock as it is now."""
        stock = self._stock(line)
        removed = dict(self.closed)
        for pk, removal in self._no_source_of(line).items():
            removed.setdefault(pk, removal)
        if line.allowed is not None:
            for source, _, _ in self.ranked:
                if source.id not in line.allowed:
                    removed.setdefault(source.id, ("not in the line's list", line.outside()))
        if stock is None:
            return removed
        quantity, get = line.quantity, stock.get
        for source, _, _ in self.ranked:
            pk = source.id
            if pk not in removed and (have := get(pk, 0)) < quantity:
                removed[pk] = _out_of_stock(have, quantity)
        return removed

    def _no_source_of(self, line: LineNeed) -> dict[int, Removal]:
        """Sources that are none for this line, whatever they have; of several reasons the first."""
        removed = {
            pk: ("rejected before", f"rejected by this source before: {reason}")
            for pk, reason in line.rejected.items()
        }
        for pk, reason in line.barred.items():
            removed.setdefault(pk, ("method not allowed", reason))
        for ban in self.order.rules.bans:
            for source, _, _ in self.ranked:
                if ban.holds(line, source):
                    removed.setdefault(source.id, ("class not allowed", ban.name))
        for pk, reason in line.full.items():
            removed.setdefault(pk, ("no capacity left", reason))
        return removed

    def _stock(self, line: LineNeed) -> dict[int, int] | None:
        """Available by source; None: nothing to check, every source has it."""
        if line.product_id is None or not self.problem.check_stock:
            return None
        return self.problem.stock.setdefault(line.product_id, {})

    def _plan_fixed(self, line: LineNeed) -> None:
        """An assignment by policy is checked at its source; distance and source list are the policy's affair."""
        pk, stock = line.fixed_source_id, self._stock(line)
        source, _ = self.words.place(pk)
        removal, units = self._no_source_of(line).get(pk), line.quantity
        if source is None or not source.active:
            removal = ("inactive", "inactive")
        elif removal is None and stock is not None and (have := stock.get(pk, 0)) < line.quantity:
            units = max(have, 0) if self.order.rules.split_lines else 0
            removal = None if units else _out_of_stock(have, line.quantity)
        shown = self._candidates(line, [pk], {pk: removal} if removal else {})
        sentence = self.words.assigned(line, removal, units, checked=stock is not None)
        self._settle(line, {} if removal else {pk: units}, shown, Counter(), sentence, removal)

    def _plan_whole(self, lines: Sequence[LineNeed], views: dict[int, dict]) -> list[LineNeed]:
        """Give lines whole to the fewest sources; returns the lines that found none."""
        offers = self._offers(lines, views)
        room = max(self.order.rules.max_sources - len(self.used), 0)
        cover = cheapest_cover(offers, len(lines), room) if lines else {}
        everything = (1 << len(lines)) - 1
        able = {offer.source_id for offer in offers if everything in offer.masks}
        before = frozenset(self.used)
        chosen = {
            lines[bit].line_id: pk
            for pk, mask in cover.items()
            for bit in range(len(lines))
            if mask >> bit & 1
        }
        for line in lines:
            if pk := chosen.get(line.line_id):
                mine = cover[pk].bit_count()
                sentence = self.words.whole(
                    pk, mine, len(self.order.lines), len(able), len(cover), is_used=pk in before
                )
                self._choose(line, {pk: line.quantity}, views[line.line_id], sentence, able, before)
        return [line for line in lines if line.line_id not in chosen]

    def _offers(self, lines: Sequence[LineNeed], views: dict[int, dict]) -> list[Offer]:
        rivals = _rivals(lines) if self.problem.check_stock else []
        removed = [(1 << place, views[line.line_id]) for place, line in enumerate(lines)]
        offers = []
        for source, _, cost in self.ranked:
            pk, mask = source.id, 0
            for bit, view in removed:
                if pk not in view:
                    mask |= bit
            if mask:
                masks = self._fitting(lines, mask, rivals, pk) if rivals else (mask,)
                offers.append(Offer(pk, cost, pk in self.used, masks))
        return offers

    def _fitting(
        self, lines: Sequence[LineNeed], mask: int, rivals: list[list[int]], source: int
    ) -> tuple[int, ...]:
        """The largest sets of lines that the source can bring at once, where lines want the same product."""
        masks = [mask]
        for group in rivals:
            bits = [bit for bit in group if mask >> bit & 1]
            have = self.problem.stock[lines[group[0]].product_id].get(source, 0)
            sets = _largest_sets({bit: lines[bit].quantity for bit in bits}, have)
            cleared = ~sum(1 << bit for bit in bits)
            masks = [kept & cleared | fitting for kept in masks for fitting in sets]
        return tuple(masks)

    def _plan_parts(self, line: LineNeed) -> None:
        """A line that found no source of its own: in parts if no source has it whole, as far as the units go."""
        view, stock = self.removals(line), self._stock(line) or {}
        whole = [source.id for source, _, _ in self.ranked if source.id not in view]
        if whole:
            return self._choose(line, {}, view, self.words.no_room())
        open_ = {s.id for s, _, _ in self.ranked if view[s.id][0] == "out of stock"}
        have = {s.id: stock[s.id] for s, _, _ in self.ranked if s.id in open_ and stock.get(s.id, 0) > 0}
        total = sum(have.values())
        if not total or not self.order.rules.split_lines:
            return self._choose(line, {}, view, self.words.missing(line, view, have))
        room = max(self.order.rules.max_sources - len(self.used), 0)
        used = frozenset(self.used)
        wanted = line.quantity if total >= line.quantity else most_units(have, used, room)
        parts = fewest_parts(have, wanted, used, room) if wanted else {}
        sentence = self.words.parts(line, parts) if parts else self.words.no_room()
        return self._choose(line, parts, view, sentence)

    def _choose(
        self, line: LineNeed, taken: dict[int, int], view: dict[int, Removal], sentence: str,
        able: Collection[int] = (), used: Collection[int] = (),
    ) -> None:  # fmt: skip
        """`able`: sources that could bring all lines; `used`: those that came anyway."""
        view = {pk: removal for pk, removal in view.items() if pk not in taken} if taken else view
        known = [s.id for s, _, _ in self.ranked[:CANDIDATES]]
        known += [s.id for s, _, _ in self.ranked[CANDIDATES:] if s.id in taken]
        shown = self._candidates(line, known, view)
        self._passed_over(shown, taken, able, used)
        removed = Counter(kind for kind, _ in view.values())
        self._settle(line, taken, shown, removed, sentence)

    def _candidates(self, line: LineNeed, pks: Sequence[int], view: dict[int, Removal]) -> list[dict]:
        stock, shown = self._stock(line), []
        for pk in pks:
            source, km = self.words.place(pk)
            removal = view.get(pk)
            shown.append({
                "code": source.code if source else "",
                "available": None if stock is None else stock.get(pk, 0),
                "distance_km": km,
                "removed_by": removal[1] if removal else "",
            })  # fmt: skip
        return shown

    def _passed_over(
        self, shown: list[dict], taken: dict[int, int], able: Collection[int], used: Collection[int]
    ) -> None:
        """Sources that could have brought the line but were not chosen say why too."""
        chosen, nearer = {self.words.place(pk)[0].code for pk in taken}, True
        codes = {self.words.place(pk)[0].code for pk in able}
        for candidate in shown:
            nearer = nearer and candidate["code"] not in chosen
            if candidate["code"] in chosen or candidate["removed_by"]:
                continue
            if not taken:
                candidate["removed_by"] = "one source more than the order may use"
            elif able and candidate["code"] not in codes:
                candidate["removed_by"] = "not all lines of the order there"
            elif nearer and used & taken.keys():
                candidate["removed_by"] = "the order comes from another source already"
            elif nearer:
                candidate["removed_by"] = "not all lines of the order there"
            else:
                candidate["removed_by"] = "farther than the chosen source"

    def _settle(
        self,
        line: LineNeed,
        taken: dict[int, int],
        shown: list[dict],
        removed: Counter,
        sentence: str,
        removal: Removal | None = None,
    ) -> None:
        """Keep the plan and take the units, so that the next line does not see them."""
        if removal:
            removed[removal[0]] += 1
        stock = self._stock(line)
        allocations = tuple((pk, units, self.words.place(pk)[1]) for pk, units in taken.items())
        for pk, units in taken.items():
            self.used.add(pk)
            if stock is not None:
                stock[pk] -= units
        outcome = SOURCED if sum(taken.values()) >= line.quantity else PARTLY if taken else NOT_SOURCED
        self.plans[line.line_id] = LinePlan(
            line.line_id, outcome, allocations, shown, dict(removed), sentence[:300]
        )


@lru_cache(4096)
def _out_of_stock(have: int, wanted: int) -> Removal:
    return "out of stock", f"out of stock: {max(have, 0):,} of {wanted:,}"


def _closed(order: OrderNeed, ranked: Ranked) -> dict[int, Removal]:
    """Sources that serve no line of this order, whatever their stock."""
    rules, closed = order.rules, {}
    for source, km, _ in ranked:
        if not source.active:
            closed[source.id] = ("inactive", "inactive")
        elif rules.source_ids is not None and source.id not in rules.source_ids:
            closed[source.id] = ("not in the source list", "not in the source list of the strategy")
        elif rules.max_distance_km is not None and km is not None and km > rules.max_distance_km:
            closed[source.id] = ("too far", f"farther than {rules.max_distance_km:,} km: {km:,} km")
    return closed


def _rivals(lines: Sequence[LineNeed]) -> list[list[int]]:
    """The places of lines that want the same product."""
    groups = defaultdict(list)
    for place, line in enumerate(lines):
        if line.product_id is not None:
            groups[line.product_id].append(place)
    return [group for group in groups.values() if len(group) > 1]


def _largest_sets(wanted: dict[int, int], have: int) -> list[int]:
    """Masks of the sets of lines that fit into `have` and into which no other line fits."""
    if sum(wanted.values()) <= have:
        return [sum(1 << bit for bit in wanted)]
    if len(wanted) > RIVALS:
        return [_first_fit(wanted, have)]
    found: list[int] = []
    for size in range(len(wanted) - 1, 0, -1):
        for group in combinations(wanted, size):
            mask = sum(1 << bit for bit in group)
            if sum(wanted[bit] for bit in group) <= have and not any(mask & ~other == 0 for other in found):
                found.append(mask)
    return found or [0]


def _first_fit(wanted: dict[int, int], have: int) -> int:
    mask = 0
    for bit, quantity in wanted.items():
        if quantity <= have:
            mask, have = mask | 1 << bit, have - quantity
    return mask
