"""Sums of plans that stand side by side, kept as JSON that grows chunk by chunk."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fulfillment.what_if.measure import MONEY, Outcome

Totals = dict[str, Any]


def totals_of(
    lines: Iterable[Outcome],
    used: Mapping[int, Iterable[int]],
    codes: Mapping[int, str],
    overtime: int = 0,
    *,
    uncounted: Iterable[int] = (),
) -> Totals:
    """Of lines of one call. `used`: sources that bring other units of an order anyhow; `uncounted`: lines whose cost is
    in no sum, since the plans that stand side by side cannot be compared there."""
    skipped = set(uncounted)
    components: Counter[str] = Counter(overtime=overtime)
    sums: Counter[str] = Counter()
    load: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_order: dict[int, dict[int, int | None]] = defaultdict(dict)
    late: set[int] = set()
    for one in lines:
        sums["lines"] += 1
        sums["units"] += one.units
        sums["unfilled_units"] += one.wanted - one.units
        sums["unfilled_lines"] += one.units < one.wanted
        if one.costs is not None and one.line not in skipped:
            components.update(one.costs)
        for source, units, km in one.allocations:
            load[codes.get(source, str(source))][0] += units
            by_order[one.order][source] = km
        if one.late:
            late.add(one.order)
    for order, sources in by_order.items():
        new = sources.keys() - set(used.get(order, ()))
        sums["splits"] += len(new) - (0 if used.get(order) else 1) if new else 0
        sums["parcels"] += len(sources)
        for source, km in sources.items():
            load[codes.get(source, str(source))][1] += 1
            sums["located_parcels"] += km is not None
            sums["km"] += km or 0
    return {
        "components": {name: cents for name, cents in components.items() if cents},
        "load": {code: list(both) for code, both in load.items()},
        "late_orders": len(late),
        **{name: sums[name] for name in SUMS},
    }


SUMS = ("lines", "units", "unfilled_lines", "unfilled_units", "parcels", "splits", "located_parcels", "km")


def added(before: Totals | None, more: Totals) -> Totals:
    if not before:
        return more
    components, load = Counter(before["components"]), dict(before["load"])
    components.update(more["components"])
    for code, (units, parcels) in more["load"].items():
        held = load.get(code, (0, 0))
        load[code] = [held[0] + units, held[1] + parcels]
    return {
        "components": {name: cents for name, cents in components.items() if cents},
        "load": load,
        **{name: before[name] + more[name] for name in ("late_orders", *SUMS)},
    }


def money(totals: Totals) -> int:
    """Cents that are paid for what is shipped: all components but those that only steer."""
    return sum(totals["components"].get(name, 0) for name in MONEY)
