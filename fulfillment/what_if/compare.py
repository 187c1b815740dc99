"""A chunk of the past: what was recorded, what worked then planned again, and what is tried, side by side."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from fulfillment.list_limits import Bucket
from fulfillment.sourcing_strategy import LinePlan
from fulfillment.strategy_document import LiveStrategy
from fulfillment.what_if import check
from fulfillment.what_if.measure import MONEY, Outcome, outcomes, overtime, price, unfilled
from fulfillment.what_if.past import Call, Past
from fulfillment.what_if.past_days import Used
from fulfillment.what_if.play import Played, World, play
from fulfillment.what_if.totals import added, totals_of
from inventory.history import Stock

SIDES = ("recorded", "then", "tried")
WORDS = {
    "units": "unit handling",
    "opportunity": "future sale",
    "rejection": "refusals",
    "soft": "preferences",
}
TOP = 40  # orders and decisions that are kept by name


class Carried:
    """What later calls must know: where the plan that is tried took otherwise than what worked then, and each order's delta.

    A unit that it took from elsewhere is gone there for later orders, and still there where it did not take it. Capacity
    likewise. So no unit is promised twice by what is tried. That a unit came back later (a cancellation) is known of the
    place that was recorded only.
    """

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.stock: dict[tuple[int, int], int] = {_pair(k): n for k, n in kept.get("stock", {}).items()}
        self.used: dict[str, int] = dict(kept.get("used", {}))  # "source:day:unit"
        self.lists: dict[str, int] = dict(kept.get("lists", {}))  # "list:day"
        self.orders: dict[int, int | None] = {int(k): n for k, n in kept.get("orders", {}).items()}
        self.uneven: set[int] = set(kept.get("uneven", ()))

    def as_json(self) -> dict[str, Any]:
        return {
            "stock": {f"{product}:{source}": n for (product, source), n in self.stock.items() if n},
            "used": {key: n for key, n in self.used.items() if n},
            "lists": {key: n for key, n in self.lists.items() if n},
            "orders": {str(order): delta for order, delta in self.orders.items()},
            "uneven": sorted(self.uneven),
        }

    def counts(self) -> dict[str, int]:
        """Orders looked at; those that change: how many cost less, more, or get more or fewer units."""
        changed = {order: delta for order, delta in self.orders.items() if delta is not None}
        even = [delta for order, delta in changed.items() if order not in self.uneven]
        return {
            "orders": len(self.orders),
            "changed": len(changed),
            "cheaper": sum(delta < 0 for delta in even),
            "dearer": sum(delta > 0 for delta in even),
            "uneven": len(self.uneven),
        }

    @property
    def differs(self) -> bool:
        return any(self.stock.values()) or any(self.used.values()) or any(self.lists.values())

    def changed(self, stock: Stock) -> Stock:
        """Stock as what is tried would have left it."""
        for (product, source), units in self.stock.items():
            if units and product in stock:
                stock[product][source] = stock[product].get(source, 0) + units
        return stock

    def changed_use(self, used: Used) -> Used:
        found = dict(used)
        for kept, amount in self.used.items():
            source, day, unit = kept.split(":")
            key = (int(source), date.fromisoformat(day), unit)
            found[key] = max(0, found.get(key, 0) + amount)
        return found

    def changed_lists(self, used: Mapping[Bucket, int]) -> Counter[Bucket]:
        found = Counter(used)
        for kept, lines in self.lists.items():
            key, _, day = kept.partition(":")
            bucket = (key, date.fromisoformat(day))
            found[bucket] = max(0, found[bucket] + lines)
        return found

    def moved(self, call: Call, then: Played, tried: Played) -> None:
        products = {line.line_id: line.product_id for need in then.needs for line in need.lines}
        for line in call.counted:
            product = products[line]
            for plan, sign in ((then.plans[line], 1), (tried.plans[line], -1)):
                for source, units, _ in plan.allocations if product else ():
                    self.stock[product, source] = self.stock.get((product, source), 0) + sign * units
        for played, sign in ((then, -1), (tried, 1)):
            kept = replace(played, plans={pk: p for pk, p in played.plans.items() if pk in call.counted})
            for (source, day, unit), amount in kept.uses(call.order_of).items():
                key = f"{source}:{day.isoformat()}:{unit}"
                self.used[key] = self.used.get(key, 0) + sign * amount
            for (name, day), lines in tried.list_days.lines(kept.plans.values()).items():
                key = f"{name}:{day.isoformat()}"
                self.lists[key] = self.lists.get(key, 0) + sign * lines


def _pair(key: str) -> tuple[int, int]:
    first, _, second = key.partition(":")
    return int(first), int(second)


@dataclass
class Result:
    """What all chunks so far came to, as the row keeps it."""

    kept: dict[str, Any]

    def add(self, side: str, totals: dict[str, Any]) -> None:
        self.kept[side] = added(self.kept.get(side), totals)

    def count(self, name: str, by: int = 1) -> None:
        self.kept[name] = self.kept.get(name, 0) + by

    def keep(self, name: str, rows: Iterable[dict[str, Any]], key: str) -> None:
        """The rows that weigh most; of those with the same key the sum."""
        by_key = {row[key]: row for row in self.kept.get(name, ())}
        for row in rows:
            if before := by_key.get(row[key]):
                row = row | {name: before[name] + row[name] for name in ("delta", "weight")}
            by_key[row[key]] = row
        ranked = sorted(by_key.values(), key=lambda row: (-row["weight"], row[key]))
        self.kept[name] = ranked[:TOP]


def compare(
    chunk: Sequence[Any], tried: LiveStrategy, result: dict[str, Any], carried: dict[str, Any]
) -> tuple[dict, dict]:
    """Play a chunk; returns result and what is carried on, both grown. Fixed number of queries, none of them a write."""
    past, found, kept = Past(chunk, tried.key, tried.document), Result(dict(result)), Carried(carried)
    for call in past.calls:
        if call.counted:
            _Pair(past, call, tried, kept).into(found)
    return found.kept | kept.counts(), kept.as_json()


class _Pair:
    """One call, planned twice."""

    def __init__(self, past: Past, call: Call, tried: LiveStrategy, carried: Carried) -> None:
        self.past, self.call, self.carried = past, call, carried
        stock = past.stock(call)
        used, sources = past.capacity.at(call.at)
        strategies, active, lists = past.strategies.at(call.at), past.active(call), past.list_days.at(call.at)
        own = {product: dict(held) for product, held in stock.items()}
        self.then = play(past, call, World(strategies, own, used, sources, active, lists))
        if strategies[tried.key].document == tried.document and not carried.differs:
            self.tried = self.then
        else:
            other = strategies | {key: tried for key, live in strategies.items() if live.key == tried.key}
            world = World(
                other, carried.changed(stock), carried.changed_use(used), sources, active, carried.changed_lists(lists)
            )  # fmt: skip
            self.tried = play(past, call, world)
        self.sides = {
            "recorded": self._recorded(),
            "then": self._counted(outcomes(self.then)),
            "tried": self._counted(outcomes(self.tried)),
        }
        carried.moved(call, self.then, self.tried)

    def _counted(self, found: Mapping[int, Outcome]) -> dict[int, Outcome]:
        return {line: found[line] for line in sorted(self.call.counted)}

    def _recorded(self) -> dict[int, Outcome]:
        """The decisions; those that have no cost of their own are priced by what is set up now."""
        wanted = {line.line_id: line.quantity for need in self.then.needs for line in need.lines}
        found, unpriced = {}, {}
        for line in sorted(self.call.counted):
            made = self.call.of_line[line]
            places = tuple((row["source"], row["quantity"], row["distance_km"]) for row in made.chosen)
            costs = dict(made.costs or {}) if made.run is not None else None
            found[line] = Outcome(line, made.order, wanted[line], places, costs, relaxed=made.relaxed)
            if made.run is None:
                unpriced[line] = places
        price(self.then, unpriced, found)
        unfilled(self.then, found.values())
        return found

    # -- into the sums --------------------------------------------------------------------------------------------
    def into(self, result: Result) -> None:
        """Costs are summed over lines that all plans price; where what is tried stands beside what worked then, over
        orders that get as many units from both, so that not shipping is no saving."""
        recorded, then, tried = (self.sides[side] for side in SIDES)
        unpriced = {
            line for line in then if None in (recorded[line].costs, then[line].costs, tried[line].costs)
        }
        orders = {one.order for line, one in then.items() if one.units != tried[line].units}
        uneven = {line for line, one in then.items() if one.order in orders}
        used = {need.order_id: need.used_sources for need in self.then.needs}
        again = overtime(self.then, then.values())
        for name, lines, cents, left_out in (
            ("recorded", recorded, self._recorded_overtime(), unpriced),
            ("again", then, again, unpriced),
            ("then", then, again, unpriced | uneven),
            ("tried", tried, overtime(self.tried, tried.values()), unpriced | uneven),
        ):
            totals = totals_of(lines.values(), used, self.past.codes, cents, uncounted=left_out)
            result.add(name, totals)
        result.count("calls")
        result.count("unpriced_lines", len(unpriced))
        result.count("blind_calls", not self.call.checked)
        result.keep("top", self._changed(unpriced | uneven, uneven), "order")
        self._check(result)

    def _recorded_overtime(self) -> int:
        runs = {self.call.of_line[line].run for line in self.call.counted} - {None}
        found = (self.past.runs[run] for run in runs if run in self.past.runs)
        return sum(run.components.get("overtime", 0) for run in found)

    def _changed(self, uncounted: set[int], uneven: set[int]) -> list[dict[str, Any]]:
        """Orders that what is tried sources otherwise, or at another cost."""
        by_order: dict[int, list[int]] = defaultdict(list)
        for line in sorted(self.call.counted):
            by_order[self.call.order_of[line]].append(line)
        rows = []
        for order, lines in by_order.items():
            pairs = [(self.sides["then"][line], self.sides["tried"][line]) for line in lines]
            delta = sum(b.money - a.money for a, b in pairs if a.line not in uncounted)
            if uneven & set(lines):
                self.carried.uneven.add(order)
            moved = [(a, b) for a, b in pairs if a.places() != b.places()]
            before = self.carried.orders.get(order)
            if moved or delta:
                self.carried.orders[order] = (before or 0) + delta
                rows.append(self._row(order, moved or pairs, delta))
            else:
                self.carried.orders.setdefault(order, None)
        return rows

    def _row(self, order: int, pairs: Sequence[tuple[Outcome, Outcome]], delta: int) -> dict[str, Any]:
        codes = self.past.codes
        return {
            "order": order,
            "delta": delta,
            "weight": abs(delta) + sum(abs(_unfilled(b) - _unfilled(a)) for a, b in pairs),
            "before": _places([a for a, _ in pairs], codes),
            "after": _places([b for _, b in pairs], codes),
            "why": self._why(pairs),
        }

    def _why(self, pairs: Sequence[tuple[Outcome, Outcome]]) -> str:
        words = []
        for was, now in pairs:
            if was.places() != now.places():
                words.append(self._why_line(was, now))
        costs = _component_words([(was, now) for was, now in pairs if was.units == now.units])
        told = [word for word in dict.fromkeys(words) if word]
        return "; ".join([*told[:2], *([costs] if costs else [])])[:300]

    def _why_line(self, was: Outcome, now: Outcome) -> str:
        """What keeps it from where it was, or kept it from where it goes; empty where only money decided."""
        plan, before = self.tried.plans[now.line], self.then.plans[was.line]
        if not now.units:
            return plan.sentence.partition(" (")[0].rstrip(".")
        if now.units != was.units:
            return f"{now.units:,} instead of {was.units:,} units"
        codes = self.past.codes
        left = {codes[source] for source in was.places().keys() - now.places().keys()}
        new = {codes[source] for source in now.places().keys() - was.places().keys()}
        return _removed(left, plan, "is out") or _removed(new, before, "was out before")

    # -- does it decide the same again ----------------------------------------------------------------------------
    def _check(self, result: Result) -> None:
        recorded, again = self.sides["recorded"], self.sides["then"]
        different = [
            line for line in recorded
            if check.differs(self.call.of_line[line], recorded[line], again[line])
        ]  # fmt: skip
        result.count("checked", len(recorded))
        result.count("same", len(recorded) - len(different))
        kinds, rows = result.kept.setdefault("kinds", {}), []
        for line in different:
            made = self.call.of_line[line]
            kind, sentence = check.reason(
                made, recorded[line], self.then.plans[line], again[line], codes=self.past.codes,
                alone=len(different) == 1,
            )  # fmt: skip
            kinds[kind] = kinds.get(kind, 0) + 1
            rows.append(
                {
                    "line": line, "order": made.order, "kind": kind, "sentence": sentence[:200],
                    "delta": again[line].money - recorded[line].money,
                    "weight": abs(again[line].money - recorded[line].money),
                    "before": _places([recorded[line]], self.past.codes),
                    "after": _places([again[line]], self.past.codes),
                }
            )  # fmt: skip
        result.keep("differences", rows, "line")


def _unfilled(one: Outcome) -> int:
    return (one.costs or {}).get("unfilled", 0)


def _places(found: Sequence[Outcome], codes: Mapping[int, str]) -> dict[str, int]:
    """Units by source code."""
    units: dict[str, int] = defaultdict(int)
    for one in found:
        for source, count in one.places().items():
            units[codes.get(source, str(source))] += count
    return dict(units)


def _removed(codes: set[str], plan: LinePlan, words: str) -> str:
    for row in plan.candidates:
        if row["code"] in codes and row["removed_by"] and row["removed_by"] != check.DEARER:
            return f"{row['code']} {words}: {row['removed_by']}"
    return ""


def _signed(cents: int) -> str:
    return f"{cents / 100:+,.2f}".replace("-", "−")


def _component_words(pairs: Sequence[tuple[Outcome, Outcome]]) -> str:
    change: dict[str, int] = defaultdict(int)
    for was, now in pairs:
        for name, cents in (was.costs or {}).items():
            change[name] -= cents
        for name, cents in (now.costs or {}).items():
            change[name] += cents
    parts = len({s for _, now in pairs for s in now.places()}) - len(
        {s for was, _ in pairs for s in was.places()}
    )
    told = [f"{WORDS.get(name, name)} {_signed(change[name])}" for name in (*MONEY, "soft") if change[name]]
    if parts:
        told.append(f"{abs(parts)} source{'s' if abs(parts) != 1 else ''} {'more' if parts > 0 else 'fewer'}")
    return ", ".join(told)
