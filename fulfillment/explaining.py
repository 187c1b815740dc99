"""Why here, why not there, and what would have to change: the record as it was kept, and a look at things as they are now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from fulfillment import list_limits, selectors, several_places
from fulfillment.destinations import Place, by_place
from fulfillment.list_limits import ListDays
from fulfillment.loading import Facts, Loaded, facts, load
from fulfillment.loading.list_days import list_days
from fulfillment.methods import barred_sources
from fulfillment.models import FulfillmentLine, FulfillmentOrder, ListDayUse, SourcingDecision
from fulfillment.optimizer import Change, Solution, candidates, solve, threshold
from fulfillment.planner_optimizer import shares
from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Problem, Rules, SourceFacts
from fulfillment.strategy_document import LiveStrategy, list_members
from inventory.models import FulfillmentSource
from orders.models import Order, OrderLine

RULES = {
    "inactive": "it were switched on", "not_in_source_list": "the strategy allowed it (list, offline, working times)",
    "class_not_allowed": "it took goods of that class", "pinned": "the line were not assigned to another source",
    "excluded": "what excludes it for a line (a refusal or a rule) were lifted", "no_service": "it offered every service",
}  # fmt: skip
REMOVED = {
    "inactive": "it is switched off", "not_in_source_list": "the strategy does not allow it now",
    "class_not_allowed": "it does not take goods of that class", "pinned": "the line is assigned to another source",
    "excluded": "a refusal or a rule excludes it", "no_stock": "it has none in stock",
    "not_enough_stock": "it has too few", "stock_taken": "what it has is held by others",
    "no_service": "it offers no carrier service", "too_far": "it is too far away", "no_rate": "no rate takes that weight",
    "capacity_full": "it takes no more today",
}  # fmt: skip
Stock = dict[int, dict[int, int]]  # product, source, units
Counted = tuple[int, date, str]  # source, day, unit of capacity
NEVER = 1_000  # changes
CAPACITY = {0: "unit", 1: "line", 2: "fulfillment order"}


@dataclass(frozen=True)
class Situation:
    """The lines of one order that end in one place, as they could be planned now: its own stock and capacity given back."""

    loaded: Loaded
    solution: Solution

    def node(self, code: str) -> int | None:
        return next((n for n, row in enumerate(self.loaded.nodes) if row["code"] == code), None)


def decisions_of(order_id: int) -> list[SourcingDecision]:
    """The newest decision of each line, by line number."""
    newest: dict[int, SourcingDecision] = {}
    rows = SourcingDecision.objects.filter(order_id=order_id, order_line__order_id=order_id)
    for decision in rows.select_related("order_line", "run").order_by("pk"):
        newest[decision.order_line_id] = decision
    return sorted(newest.values(), key=lambda decision: decision.order_line.line_number)


def situations(order: Order) -> list[Situation]:
    """One for each place where open lines of it end, the order's address first; each sees what those before it left.

    Without lines that cannot be priced (no product, or no coordinates of where they end).
    """
    lines = [line for line in OrderLine.objects.live().filter(order=order).order_by("pk") if line.product_id]
    open_ = [line for line in lines if line.quantity > line.quantity_shipped + line.quantity_canceled]
    ids = [line.pk for line in open_]
    rejected, ordered = selectors.rejections_of(ids), selectors.open_lines(ids)
    sources = {source.id: source for source in selectors.source_facts()}
    rules = selectors.rules_by_key()
    methods = {pk: line.method for pk, line in ordered.items()}
    barred = barred_sources(methods, sources.values())
    lists = list_members() if any(line.source_list for line in open_) else {}
    lines = {}
    for line in open_:
        fixed = ordered[line.pk].store or (line.source_id if line.source_is_assigned else None)
        lines[line.pk] = LineNeed(
            line.pk, line.product_id, line.quantity - line.quantity_shipped - line.quantity_canceled,
            fixed, rejected.get(line.pk, {}), None, line.source_list,
            lists.get(line.source_list, frozenset()) if line.source_list and not fixed else None,
            barred.get(line.pk, {}),
        )  # fmt: skip
    ends = {pk: ordered[pk].goes_to for pk in lines}
    needs = _needs(order, lines, ends, sources, rules.get(order.strategy, rules[""]))
    if not needs:
        return []
    needs = list_limits.without_full(needs, needs[0].rules.list_limits, _list_days(order, rules.values()))
    known = facts(needs, timezone.now())
    strategy = known.strategies.get(needs[0].rules.key) or known.strategies.get("")
    if strategy is None:
        return []
    known.used = _without_own(known.used, order)
    stock = _stock(order, lines.values())
    found = _in_turn(known, needs, stock, strategy)
    if len(found) > 1 and (bars := _scattered(needs, found, list(sources.values()), stock)):
        found = _in_turn(known, list_limits.barred(needs, bars), stock, strategy)
    return found


def _needs(
    order: Order,
    lines: Mapping[int, LineNeed],
    ends: Mapping[int, int | None],
    sources: Mapping[int, SourceFacts],
    rules: Rules,
) -> list[OrderNeed]:
    home = Place(order.ship_to_latitude, order.ship_to_longitude, order.ship_to_region, order.ship_to_country)
    places = by_place(ends, home, sources)
    pickups = {ends[pk] for pk, line in lines.items() if ends[pk] and line.fixed_source_id == ends[pk]}
    return [
        OrderNeed(
            order.pk, [lines[pk] for pk in places[place]], place.latitude, place.longitude, place.region, place.country,
            rules, frozenset(pickups - {place.store}), store=place.store,
        )
        for place in sorted(places, key=lambda one: one.store or 0)
        if None not in (place.latitude, place.longitude)
    ]  # fmt: skip


def _scattered(
    needs: Sequence[OrderNeed], found: Sequence[Situation], sources: Sequence[SourceFacts], stock: Stock
) -> list_limits.Bars:
    """What the places of the order must do without, so that all together use no more sources than it may."""
    places = {}
    for one in found:
        parts, _ = shares(one.solution)
        for row, line in enumerate(one.loaded.lines):
            places[line.line_id] = [one.loaded.nodes[node]["pk"] for node in parts.get(row, ())]
    return several_places.above(needs, places, Problem((), sources, stock), needs[0].rules.max_sources)


def _in_turn(
    known: Facts, needs: Sequence[OrderNeed], stock: Stock, strategy: LiveStrategy
) -> list[Situation]:
    """Each place with what those before it left; the stock stays as it is."""
    found: list[Situation] = []
    stock = {product: dict(by_source) for product, by_source in stock.items()}
    taken: Counter[int] = Counter()
    for need in needs:
        loaded = load(known, [need], stock, strategy, taken=taken)
        solution = solve(loaded.problem, "single")
        found.append(Situation(loaded, solution))
        parts, _ = shares(solution)
        for row, by_node in parts.items():
            for node, units in by_node.items():
                stock[loaded.lines[row].product_id][loaded.nodes[node]["pk"]] -= units
        pairs = zip(loaded.nodes, solution.capacity_used.tolist(), strict=True)
        taken.update({row["pk"]: used for row, used in pairs})
    return found


def _stock(order: Order, needs: Iterable[LineNeed]) -> Stock:
    """What is free, and what this order holds itself."""
    stock = selectors.stock_of({need.product_id for need in needs})
    own = FulfillmentLine.objects.filter(
        order_line__order=order, fulfillment_order__state__in=FulfillmentOrder.OPEN
    ).exclude(reservation_key="")
    fields = ("product_id", "fulfillment_order__source_id", "quantity", "quantity_shipped")
    for product, source, quantity, shipped in own.values_list(*fields):
        held = stock.setdefault(product, {})
        held[source] = held.get(source, 0) + quantity - shipped
    return stock


def _list_days(order: Order, rules: Iterable[Rules]) -> ListDays:
    """Without what this order counts for itself."""
    days = list_days(rules, timezone.now())
    if days.members:
        own = ListDayUse.objects.filter(fulfillment_order__order=order)
        for key, day, lines in own.values_list("list_day__source_list__key", "list_day__day", "lines"):
            days.used[key, day] -= lines
    return days


def _without_own(used: Mapping[Counted, int], order: Order) -> dict[Counted, int]:
    """What is counted of days without this order; work that names no unit counts in the one that the day has."""
    left = dict(used)
    rows = FulfillmentOrder.objects.filter(order=order, state__in=FulfillmentOrder.OPEN, capacity_used__gt=0)
    for source, day, unit, own in rows.values_list(
        "source_id", "capacity_day", "capacity_unit", "capacity_used"
    ):
        for key in [(source, day, unit)] if unit else [key for key in left if key[:2] == (source, day)]:
            if key in left:
                left[key] = max(0, left[key] - own)
    return left


def why_not(order: Order, code: str) -> dict[str, Any]:
    """Why this source does not ship the order as things are now, and the smallest change that would make it."""
    source = FulfillmentSource.objects.filter(code=code).first()
    if source is None:
        return {"source": code, "sentence": f"There is no source {code}.", "changes": [], "lines": []}
    parts = situations(order)
    node = parts[0].node(code) if parts else None
    if node is None:
        why = "it has no coordinates" if parts else "nothing of the order can be planned by cost any more"
        return {"source": code, "sentence": f"{source.name}: {why}.", "changes": [], "lines": []}
    lines = [line for part in parts for line in _lines(part, node)]
    found = [(part, threshold(part.loaded.problem, 0, node, part.solution)) for part in parts]
    now, changes = min(found, key=lambda one: NEVER if one[1] is None else len(one[1]))
    told = [change_words(now, change, source.name) for change in changes or ()]
    return {
        "source": code,
        "sentence": _sentence(source.name, lines, changes, told),
        "changes": [
            {"kind": change.kind, "amount": change.amount, "rule": change.rule, "sentence": words}
            for change, words in zip(changes or (), told, strict=True)
        ],
        "lines": lines,
    }


def _lines(now: Situation, node: int) -> list[dict[str, Any]]:
    """How the source stands for each line, beside the best of the others."""
    found = []
    lines = candidates(now.loaded.problem, 0, now.solution)
    for need, ranked in zip(now.loaded.lines, lines, strict=True):
        mine = next(one for one in ranked if one.node == node)
        best = ranked[0] if ranked and not ranked[0].removed_by else None
        found.append(
            {
                "line": need.line_id,
                "removed_by": REMOVED.get(mine.removed_by, mine.removed_by),
                "available": mine.atp,
                "distance_km": round(mine.distance),
                "rank": mine.rank or None,
                "cost_minor": mine.cost,
                "costs": {name: cents for name, cents in (mine.terms or {}).items() if cents},
                "best": now.loaded.nodes[best.node]["code"] if best else "",
                "best_cost_minor": best.cost if best else None,
            }
        )
    return found


def _sentence(name: str, lines: Sequence[dict], changes: list[Change] | None, told: Sequence[str]) -> str:
    if changes is None:
        return f"{name}: no single change, nor several of them, would make it ship this order."
    if not changes:
        return f"{name} is among the sources that would ship this order now."
    removed = {line["removed_by"] for line in lines} - {""}
    whole = all(line["removed_by"] for line in lines)
    why = " and ".join(sorted(removed)) if whole else "others cost less for the order as a whole"
    return f"{name} does not ship it: {why}. It would if {' and '.join(told)}."


def change_words(now: Situation, change: Change, name: str) -> str:
    problem = now.loaded.problem
    match change.kind:
        case "units":
            sku = now.loaded.lines[change.line].product_id
            held = OrderLine.objects.filter(product_id=sku).values_list("sku", flat=True).first()
            return f"it had {int(change.amount):,} more of {held}"
        case "capacity":
            unit = CAPACITY[int(problem.nodes.cap_unit[change.node])]
            return f"it took {int(change.amount):,} more {unit}{'s' if change.amount != 1 else ''} today"
        case "cents":
            return f"each parcel from there cost {change.amount / 100:,.2f} less"
        case "distance":
            return f"it were allowed to reach {change.amount:,.0f} km farther"
    return RULES.get(change.rule, change.rule)
