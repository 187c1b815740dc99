"""Orders that end at several places: each is planned by itself, but sources are counted over the whole order."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from fulfillment.cover import Offer, cheapest_cover
from fulfillment.list_limits import Bars
from fulfillment.nearest_order import OrderPlan, rankings
from fulfillment.sourcing_strategy import LineNeed, OrderNeed, Problem

TOO_MANY = "one source more than the order may use"


def parts(orders: Iterable[OrderNeed]) -> dict[int, list[OrderNeed]]:
    """By order id, those that have several."""
    found = defaultdict(list)
    for order in orders:
        found[order.order_id].append(order)
    return {pk: needs for pk, needs in found.items() if len(needs) > 1}


def above(
    needs: Sequence[OrderNeed], places: Mapping[int, Collection[int]], problem: Problem, most: int
) -> Bars:
    """What the lines must do without if these `places` (sources by line) are more than `most` in all; empty: they are not.

    Kept are the sources that the order uses anyhow, and of the others those that together have most of its lines whole,
    then the fewest, then the nearest.
    """
    lines = [line for need in needs for line in need.lines]
    free = [line for line in lines if line.fixed_source_id is None]
    used = {source for need in needs for source in need.used_sources}
    used |= {line.fixed_source_id for line in lines if line.fixed_source_id is not None}
    taken = used.union(*(places.get(line.line_id, ()) for line in free))
    if len(taken) <= max(most, len(used)):
        return {}
    kept = used | _chosen(needs, problem, used, max(most - len(used), 0))
    out = dict.fromkeys([source.id for source in problem.sources if source.id not in kept], TOO_MANY)
    return {line.line_id: out for line in free}


def _chosen(needs: Sequence[OrderNeed], problem: Problem, used: set[int], room: int) -> set[int]:
    masks: Counter[int] = Counter()
    far: Counter[int] = Counter()
    free: list[LineNeed] = []
    for need, ranked in zip(needs, rankings(needs, problem.sources), strict=True):
        plan = OrderPlan(need, ranked, problem)
        for line in (line for line in need.lines if line.fixed_source_id is None):
            removed = plan.removals(line)
            for source, _, km in ranked:
                if source.id not in removed:
                    masks[source.id] |= 1 << len(free)
                    far[source.id] += km
            free.append(line)
    offers = [Offer(pk, far[pk], pk in used, (masks[pk],)) for pk in sorted(masks, key=far.__getitem__)]
    cover = cheapest_cover(offers, len(free), room)
    chosen = cover.keys() - used
    whole = 0
    for mask in cover.values():
        whole |= mask
    return chosen | _fullest(
        [line for bit, line in enumerate(free) if not whole >> bit & 1],
        problem,
        used | chosen,
        room - len(chosen),
    )


def _fullest(lines: Sequence[LineNeed], problem: Problem, taken: set[int], room: int) -> set[int]:
    """Where most units lie of lines that nobody has whole."""
    units: Counter[int] = Counter()
    for line in lines:
        for source, have in problem.stock.get(line.product_id, {}).items():
            if have > 0 and source not in taken:
                units[source] += min(have, line.quantity)
    return {source for source, _ in units.most_common(room)}
