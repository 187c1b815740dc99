"""Plans that were made without a lock, and what of them still holds once everything is locked.

An order is kept whole or planned anew whole, so that rules on orders (ship complete, sources an order) stay kept.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fulfillment.sourcing_strategy import LineNeed, LinePlan, OrderNeed, SourceFacts


@dataclass(frozen=True)
class Planned:
    """`needs`: the order of each line as it was planned for; `reports`: what the solves were like; `ms`: how long it took."""

    plans: Mapping[int, LinePlan]
    needs: Mapping[int, OrderNeed]
    reports: Sequence
    ms: int = 0


def holding(
    planned: Planned,
    needs: Sequence[OrderNeed],
    sources: Mapping[int, SourceFacts],
    stock: dict[int, dict[int, int]],
) -> dict[int, LinePlan]:
    """Plans of the orders whose lines want the same as then, at the same place, from sources that work and have it.

    Consumes `stock`.
    """
    kept: dict[int, LinePlan] = {}
    for order in needs:
        plans = {line.line_id: planned.plans.get(line.line_id) for line in order.lines}
        if None in plans.values() or not all(
            _is_as_planned(planned, order, line, sources) for line in order.lines
        ):
            continue
        wanted = _units(plans, order)
        if all(stock.get(product, {}).get(source, 0) >= n for (product, source), n in wanted.items()):
            take_stock(stock, plans, [order])
            kept |= plans
    return kept


def _is_as_planned(
    planned: Planned, order: OrderNeed, line: LineNeed, sources: Mapping[int, SourceFacts]
) -> bool:
    before = planned.needs[line.line_id]
    then = next(one for one in before.lines if one.line_id == line.line_id)
    if _place(before) != _place(order) or (then.quantity, then.fixed_source_id) != (
        line.quantity,
        line.fixed_source_id,
    ):
        return False
    places = [source for source, _, _ in planned.plans[line.line_id].allocations]
    return all(pk in sources and sources[pk].active and _may(line, pk) for pk in places)


def _place(order: OrderNeed) -> tuple:
    """Where it goes, and by whose rules."""
    return (
        order.latitude, order.longitude, order.region, order.country, order.store, order.rules.key,
    )  # fmt: skip


def _may(line: LineNeed, source: int) -> bool:
    outside = line.allowed is not None and source not in line.allowed
    return not outside and source not in line.rejected and source not in line.barred


def take_stock(
    stock: dict[int, dict[int, int]], plans: Mapping[int, LinePlan], needs: Sequence[OrderNeed]
) -> None:
    for order in needs:
        for (product, source), units in _units(plans, order).items():
            if product in stock:
                stock[product][source] = stock[product].get(source, 0) - units


def _units(plans: Mapping[int, LinePlan], order: OrderNeed) -> Counter[tuple[int, int]]:
    """(product, source) -> units that the plans of an order take; write-in lines take none."""
    found: Counter[tuple[int, int]] = Counter()
    for line in order.lines:
        if line.product_id and (plan := plans.get(line.line_id)):
            for source, units, _ in plan.allocations:
                found[line.product_id, source] += units
    return found


def by_order(plans: Mapping[int, LinePlan], orders: Mapping[int, int]) -> dict[int, dict[int, LinePlan]]:
    """In the turn of the plans; `orders`: order by line."""
    found: dict[int, dict[int, LinePlan]] = defaultdict(dict)
    for line, plan in plans.items():
        found[orders[line]][line] = plan
    return found


def within(
    kept: Mapping[int, LinePlan], orders: Mapping[int, int], full: Mapping[int, int], reports: Sequence
) -> dict[int, LinePlan]:
    """The plans that fit into what sources without room have left (`full`), orders in their turn."""
    unit = {row["pk"]: row["capacity_unit"] for row in reports[0].loaded.nodes}
    left, fitting = dict(full), {}
    for plans in by_order(kept, orders).values():
        use = _use(plans.values(), left, unit)
        if all(amount <= left[source] for source, amount in use.items()):
            left.update({source: left[source] - amount for source, amount in use.items()})
            fitting |= plans
    return fitting


def _use(plans, of: Mapping[int, int], unit: Mapping[int, str]) -> dict[int, int]:
    units, lines = Counter(), Counter()
    for plan in plans:
        for source, quantity, _ in plan.allocations if plan.report is not None else ():
            if source in of:
                units[source] += quantity
                lines[source] += 1
    each = {"units": units, "lines": lines, "orders": dict.fromkeys(units, 1)}
    return {source: each[unit[source]][source] for source in units}
