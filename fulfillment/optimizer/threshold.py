"""What would have to change for a node to win an order: the smallest change, found by making it and solving again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from .explain import CLASS, EXCLUDED, INACTIVE, MASK, NO_SERVICE, PINNED, remaining
from .parcels import great_circle
from .part import part_of
from .problem import Problem, Stock
from .solution import Solution
from .solve import solve

UNITS, CAPACITY, CENTS, DISTANCE, RULE = "units", "capacity", "cents", "distance", "rule"
DEAREST = 2**31


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise. `amount` by kind:

    units: more stock of the line at the node; capacity: more uses a day there, at the regular price; cents: so much
    less for each parcel from there; distance: so much farther may a parcel from there go; rule: 1, and
    `rule` names the constraint that is lifted. `line` counts from the first line of the order, -1: all lines.
    """

    kind: str
    amount: float
    node: int
    line: int = -1
    rule: str = ""


def threshold(
    problem: Problem, order: int, node: int, solution: Solution | None = None
) -> list[Change] | None:
    """The smallest change that makes `node` ship something of the order; [] if it does so already.

    Mostly one change; several where no single one is enough, none of which can be left out. None: nothing helps (no
    rate for the weight, say). Others keep what they have in `solution`.
    """
    world = part_of(problem, np.array([order]), *remaining(problem, order, solution))
    if wins(world, node):
        return []
    alone = [
        found for change in _single_changes(world, node) if (found := _smallest(world, node, [], change))
    ]
    if alone:
        return [min(alone, key=_size)]
    return _several(world, node)


def wins(world: Problem, node: int) -> bool:
    """Does the node ship something of the only order."""
    return bool((solve(world, "single").parcel_node == node).any())


def apply(world: Problem, changes: Iterable[Change]) -> Problem:
    """A problem of one order with the changes made; amounts of units, capacity and cents are rounded down."""
    for change in changes:
        world = _APPLY[change.kind](world, change)
    return world


def _size(change: Change) -> tuple[int, float]:
    """Which of several single changes is told: stock and capacity before reach, money and rules."""
    return (UNITS, CAPACITY, DISTANCE, CENTS, RULE).index(change.kind), change.amount


def _single_changes(world: Problem, node: int) -> list[Change]:
    """The most that each kind could be."""
    lines = range(world.sizes["L"])
    changes = [Change(UNITS, int(world.lines.quantity[line]), node, line) for line in lines]
    changes.append(Change(CAPACITY, int(world.lines.quantity.sum()), node))
    changes += [Change(DISTANCE, most, node) for most in _missing_reaches(world, node)[-1:]]
    changes.append(Change(CENTS, DEAREST, node))
    return changes + [Change(RULE, 1, node, rule=rule) for rule in _rules(world, node)]


def _several(world: Problem, node: int) -> list[Change] | None:
    """Everything at once; then each change is left out or made as small as the others allow."""
    changes = sorted(_single_changes(world, node), key=lambda one: one.kind == CENTS)
    if not wins(apply(world, changes), node):
        return None
    needed, before = list(changes), None
    while needed != before:
        before = needed
        for change in before:
            needed = _tightened(world, node, needed, change)
    return needed


def _tightened(world: Problem, node: int, needed: list[Change], change: Change) -> list[Change]:
    """One change left out where the others are enough, else at the least that they allow."""
    others = [one for one in needed if one != change]
    if wins(apply(world, others), node):
        return others
    smaller = _smallest(world, node, others, change)
    return [smaller if one == change else one for one in needed]


def _smallest(world: Problem, node: int, others: list[Change], change: Change) -> Change | None:
    """The change at the least amount that wins, None if even all of it does not."""

    def enough(amount) -> bool:
        return wins(apply(world, [*others, replace(change, amount=amount)]), node)

    if not enough(change.amount):
        return None
    if change.kind == RULE:
        return change
    if change.kind == DISTANCE:
        return replace(change, amount=next(filter(enough, _missing_reaches(world, node))))
    return replace(change, amount=_least(enough, int(change.amount)))


def _least(enough: Callable[[int], bool], most: int) -> int:
    low, step = 0, 1
    while step < most and not enough(step):
        low, step = step, step * 4
    high = min(step, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _missing_reaches(world: Problem, node: int) -> list[float]:
    """How much farther the order and each service of the node would have to reach, rising: in between nothing new."""
    distance = float(great_circle(world, world.orders.destination, np.full(1, node))[0])
    limits = np.minimum(world.services.max_distance, world.orders.max_distance[0])
    return [distance - float(limit) + 1e-6 for limit in np.unique(limits)[::-1] if limit < distance]


def _rules(world: Problem, node: int) -> list[str]:
    classes = world.skus.class_code[world.lines.sku]
    pinned = world.lines.pinned
    found = {
        INACTIVE: not world.nodes.active[node],
        MASK: not world.masks[world.orders.mask[0], node],
        CLASS: not world.class_allowed[classes, node].all(),
        PINNED: bool(((pinned >= 0) & (pinned != node)).any()),
        EXCLUDED: bool((world.exclusions.node == node).any()),
        NO_SERVICE: not world.offered[node].all(),
    }
    return [rule for rule, broken in found.items() if broken]


def _more_units(world: Problem, change: Change) -> Problem:
    sku, size = world.lines.sku[change.line], world.sizes["N"]
    key, keys = sku * size + change.node, world.stock_key()
    at = int(np.searchsorted(keys, key))
    stock, amount = world.stock, int(change.amount)
    if at < len(keys) and keys[at] == key:
        atp = stock.atp.copy()
        atp[at] += amount
        return replace(world, stock=replace(stock, atp=atp))
    values = {"sku": sku, "node": change.node, "atp": amount, "opportunity_cents": 0, "short_ppm": 0}
    return replace(
        world,
        stock=Stock(**{name: np.insert(getattr(stock, name), at, value) for name, value in values.items()}),
    )


def _more_capacity(world: Problem, change: Change) -> Problem:
    more = np.where(np.arange(world.sizes["N"]) == change.node, int(change.amount), 0)
    nodes = world.nodes
    return replace(
        world, nodes=replace(nodes, cap_regular=nodes.cap_regular + more, cap_max=nodes.cap_max + more)
    )


def _cheaper(world: Problem, change: Change) -> Problem:
    pick = world.nodes.pick_cents.copy()
    pick[change.node] -= int(change.amount)
    return replace(world, nodes=replace(world.nodes, pick_cents=np.maximum(pick, -DEAREST)))


def _farther(world: Problem, change: Change) -> Problem:
    """For this node alone: what was out of reach elsewhere stays so."""
    services, orders, nodes = world.services, world.orders, np.arange(world.sizes["N"])
    distance = great_circle(world, np.repeat(orders.destination, len(nodes)), nodes)
    reached = distance[:, None] <= np.minimum(services.max_distance, orders.max_distance[0])
    reached[change.node] = True
    return replace(
        world,
        offered=world.offered & reached,
        services=replace(services, max_distance=services.max_distance + change.amount),
        orders=replace(orders, max_distance=orders.max_distance + change.amount),
    )


def _without_rule(world: Problem, change: Change) -> Problem:
    return _LIFT[change.rule](world, change.node) if change.amount >= 1 else world


def _with(array: np.ndarray, index, value) -> np.ndarray:
    made = array.copy()
    made[index] = value
    return made


def _without_exclusions(world: Problem, node: int) -> Problem:
    kept = world.exclusions.node != node
    rows = replace(world.exclusions, line=world.exclusions.line[kept], node=world.exclusions.node[kept])
    return replace(world, exclusions=rows)


_APPLY = {
    UNITS: _more_units,
    CAPACITY: _more_capacity,
    CENTS: _cheaper,
    DISTANCE: _farther,
    RULE: _without_rule,
}
_LIFT = {
    INACTIVE: lambda world, node: replace(
        world, nodes=replace(world.nodes, active=_with(world.nodes.active, node, True))
    ),
    MASK: lambda world, node: replace(world, masks=_with(world.masks, (slice(None), node), True)),
    CLASS: lambda world, node: replace(
        world, class_allowed=_with(world.class_allowed, (slice(None), node), True)
    ),
    PINNED: lambda world, node: replace(
        world, lines=replace(world.lines, pinned=np.where(world.lines.pinned == node, node, -1))
    ),
    EXCLUDED: _without_exclusions,
    NO_SERVICE: lambda world, node: replace(world, offered=_with(world.offered, node, True)),
}
