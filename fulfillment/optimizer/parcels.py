"""Costs of parcels, whole families of orders at a time. What a parcel costs is said here and once more in `costing`."""

from typing import NamedTuple

import numpy as np

from .problem import COMPONENTS, IN_LINES, IN_UNITS, Problem, weigh

NONE = np.int64(2**62)
COST_BITS = 42
CELLS = 60_000


class Pairs(NamedTuple):
    """An order of the family and a node that holds something of it, sorted so. By line: stock row (-1), units there."""

    orders: np.ndarray
    order: np.ndarray
    node: np.ndarray
    row: np.ndarray
    units: np.ndarray


class Found(NamedTuple):
    """Parcels of some states: by case (state, order of the family), cheapest first."""

    case: np.ndarray
    pair: np.ndarray
    cost: np.ndarray
    service: np.ndarray


def list_pairs(problem: Problem, orders: np.ndarray) -> Pairs:
    lines = problem.orders.line_start[orders][:, None] + np.arange(_line_count(problem, orders))
    local, slot, row = _line_rows(problem, lines)
    line, node = lines[local, slot], problem.stock.node[row]
    kept = allowed(problem, orders[local], line, node) & (problem.stock.atp[row] > 0)
    local, slot, row, node, line = local[kept], slot[kept], row[kept], node[kept], line[kept]
    order, place, where = _distinct(local, node, len(orders), problem.sizes["N"])
    rows = np.full((len(order), lines.shape[1]), -1, np.int64)
    units = np.zeros((len(order), lines.shape[1]), np.int64)
    rows[where, slot] = row
    units[where, slot] = np.minimum(problem.stock.atp[row], problem.lines.quantity[line])
    return Pairs(orders, order, place, rows, units)


def _line_count(problem: Problem, orders: np.ndarray) -> int:
    return int(problem.orders.line_start[orders[0] + 1] - problem.orders.line_start[orders[0]])


def _line_rows(problem: Problem, lines: np.ndarray):
    """Each line with each stock row of its SKU: order of the family, line of the order, row."""
    sku, starts = problem.lines.sku[lines].ravel(), problem.sku_start()
    first, count = starts[sku], np.diff(starts)[sku]
    flat = np.repeat(np.arange(len(sku)), count)
    row = np.arange(len(flat)) - np.repeat(np.cumsum(count) - count, count) + first[flat]
    local, slot = np.divmod(flat, max(1, lines.shape[1]))
    return local, slot, row


def _distinct(local, node, orders: int, nodes: int):
    """The distinct (order, node) in sorted order, and which of them each entry is."""
    key = local * nodes + node
    seen = np.zeros(orders * nodes, bool)
    seen[key] = True
    keys = np.flatnonzero(seen)
    place = np.cumsum(seen) - 1
    return keys // nodes, keys % nodes, place[key]


def allowed(problem: Problem, order: np.ndarray, line: np.ndarray, node: np.ndarray) -> np.ndarray:
    """May this line ship from this node at all."""
    sku_class = problem.skus.class_code[problem.lines.sku[line]]
    good = problem.nodes.active[node] & problem.class_allowed[sku_class, node]
    good &= problem.masks[problem.orders.mask[order], node]
    pinned = problem.lines.pinned[line]
    good &= (pinned < 0) | (pinned == node)
    return good & ~excluded(problem, line, node)


def excluded(problem: Problem, line: np.ndarray, node: np.ndarray) -> np.ndarray:
    pairs = problem.exclusions
    if not len(pairs.line):
        return np.zeros(len(line), bool)
    return np.isin(line * problem.sizes["N"] + node, pairs.line * problem.sizes["N"] + pairs.node)


def extra_cents(problem: Problem, line: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Soft penalties a unit: extra costs, and stickiness where the node is not the one the line has now."""
    current = problem.lines.current[line]
    sticky = problem.orders.sticky_cents[problem.line_order()[line]] if len(line) else np.zeros(0, np.int64)
    cents = np.where((current >= 0) & (current != node), sticky, 0)
    extras = problem.extras
    if len(extras.line):
        keys, inverse = np.unique(extras.line * problem.sizes["N"] + extras.node, return_inverse=True)
        total = np.bincount(inverse, extras.cents).astype(np.int64)
        wanted = line * problem.sizes["N"] + node
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        cents = cents + np.where(keys[at] == wanted, total[at], 0)
    return cents


def great_circle(problem: Problem, destination: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Distance in the unit of the earth radius."""
    rad = np.pi / 180
    lat, lon = problem.latitude[destination], problem.longitude[destination]
    to_lat, to_lon = problem.nodes.latitude[node], problem.nodes.longitude[node]
    bend = np.cos(lat * rad) * np.cos(to_lat * rad) * (1 - np.cos((to_lon - lon) * rad)) / 2
    half = 0.5 - np.cos((to_lat - lat) * rad) / 2 + bend
    return 2 * problem.earth_radius * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


class Lane(NamedTuple):
    """One service over pairs: may it run, the zone, cents of lateness."""

    runs: np.ndarray
    zone: np.ndarray
    late_cents: np.ndarray


def usable(problem: Problem, order, node, service: int):
    """Is the service offered there, and the kind that such a parcel needs: a carrier, or none where it lies already."""
    carried = problem.orders.taken_at[order] != node
    return problem.offered[node, service] & (problem.services.carries[service] == carried)


def lane(problem: Problem, order, node, distance, service: int) -> Lane:
    services, orders = problem.services, problem.orders
    zone = np.searchsorted(services.zone_limits[service], distance, side="left")
    reach = np.minimum(services.max_distance[service], orders.max_distance[order])
    runs = usable(problem, order, node, service) & (distance <= reach)
    away = problem.nodes.processing_days[node] + problem.ready_days[node, service]
    slack = orders.days_left[order] - away - services.transit_days[service, zone]
    chance = services.late_ppm[service, np.clip(slack, -2, 3) + 2]
    return Lane(runs, zone, (chance * orders.late_cents[order] + 500_000) // 1_000_000)


def billable(problem: Problem, grams: np.ndarray, volume: np.ndarray, service: int) -> np.ndarray:
    """Weight steps of the rate table, of the weight or the volume, whichever is more; at least one."""
    services = problem.services
    steps = np.maximum(1, -(-grams * 1_000_000_000 // services.weight_unit[service]))
    mm3 = services.mm3_per_unit[service]
    return np.maximum(steps, -(-volume // mm3)) if mm3 else steps


def distance_cents(problem: Problem, distance: np.ndarray) -> np.ndarray:
    return np.floor(distance * problem.distance_cents + 0.5).astype(np.int64)


def price_states(problem: Problem, atoms, shape, pairs: Pairs, parts):
    """Yields flat states by case, and the parcels worth having; fills in what states are worth and use.

    Several states at once as long as they are few cells: the states of a single order are many and small.
    """
    family, orders = _Family(problem, atoms, shape, pairs), len(pairs.orders)
    together = max(1, CELLS // max(1, len(pairs.node), orders))
    for first in range(1, len(shape.digits), together):
        states = np.arange(first, min(first + together, len(shape.digits)))
        flat = (states[:, None] + parts.state_start[pairs.orders]).ravel()
        wanted = family.wanted(states)
        parts.value[flat] = value = family.value(wanted)
        parts.units[flat], parts.lines[flat] = wanted.sum(axis=1), (wanted > 0).sum(axis=1)
        yield flat, family.parcels(wanted, value)


class _Family:
    """Orders of one shape, and what all their states share."""

    def __init__(self, problem: Problem, atoms, shape, pairs: Pairs) -> None:
        self.problem, self.pairs, self.shape = problem, pairs, shape
        orders = pairs.orders
        self.lines = problem.orders.line_start[orders][:, None] + np.arange(pairs.row.shape[1])
        self.atom, self.unit = atoms.atom[self.lines], atoms.unit[self.lines]
        self.weights = problem.weights[problem.orders.weights[orders]]
        self.plain = bool((problem.weights == 1000).all())
        self.grams = problem.skus.grams[problem.lines.sku[self.lines]]
        self.volume = problem.skus.volume_mm3[problem.lines.sku[self.lines]]
        self.unit_cost, self.worth = self._unit_cost(), self._worth()
        self.fixed, self.zones = self._fixed()
        self.twice = self._same_sku_twice()

    def _weighed(self, cents, component: str, order=None):
        weight = self.weights[:, COMPONENTS.index(component)]
        return cents if self.plain else weigh(cents, weight if order is None else weight[order])

    def wanted(self, states: np.ndarray) -> np.ndarray:
        """Units by case and line."""
        units = self.shape.digits[states][:, self.atom] * self.unit
        return units.reshape(len(states) * len(self.unit), -1)

    def value(self, wanted: np.ndarray) -> np.ndarray:
        return (np.tile(self.worth, (len(wanted) // len(self.worth), 1)) * wanted).sum(axis=1)

    def _worth(self) -> np.ndarray:
        """What a unit left unfilled costs, by order and line."""
        cents = self.problem.lines.unfilled_cents[self.lines]
        return np.stack([self._weighed(cents[:, one], "unfilled") for one in range(cents.shape[1])], axis=1)

    def _unit_cost(self) -> np.ndarray:
        pairs, problem = self.pairs, self.problem
        cost = np.zeros(pairs.row.shape, np.int64)
        for slot in range(pairs.row.shape[1]):
            at = np.flatnonzero(pairs.row[:, slot] >= 0)
            order, node, row = pairs.order[at], pairs.node[at], pairs.row[at, slot]
            reject = problem.orders.reject_cents[pairs.orders[order]]
            rejection = (problem.stock.short_ppm[row] * reject + 500_000) // 1_000_000
            soft = extra_cents(problem, self.lines[order, slot], node)
            cost[at, slot] = (
                self._weighed(problem.nodes.unit_cents[node], "units", order)
                + self._weighed(problem.stock.opportunity_cents[row], "opportunity", order)
                + self._weighed(rejection, "rejection", order)
                + self._weighed(soft, "soft", order)
            )
        return cost

    def _fixed(self):
        """By service: what a parcel costs whatever is in it (NONE: does not run), and its zone."""
        pairs, problem, order = self.pairs, self.problem, self.pairs.orders[self.pairs.order]
        distance = great_circle(problem, problem.orders.destination[order], pairs.node)
        base = self._weighed(problem.nodes.pick_cents[pairs.node], "handling", pairs.order)
        base = base + self._weighed(distance_cents(problem, distance), "distance", pairs.order)
        services = range(problem.sizes["V"])
        fixed, zones = (np.zeros((len(services), len(order)), np.int64) for _ in range(2))
        for service in services:
            one = lane(problem, order, pairs.node, distance, service)
            late = self._weighed(one.late_cents, "lateness", pairs.order)
            fixed[service], zones[service] = np.where(one.runs, base + late, NONE), one.zone
        return fixed, zones

    def _same_sku_twice(self) -> list[tuple[int, int]]:
        sku = self.problem.lines.sku[self.lines]
        count = sku.shape[1]
        return [(a, b) for a in range(count) for b in range(a) if (sku[:, a] == sku[:, b]).any()]

    def parcels(self, wanted: np.ndarray, value: np.ndarray) -> Found:
        case, at = self._holding(wanted)
        goods = (wanted[case] * self.unit_cost[at]).sum(axis=1)
        cost, service = self._cheapest(case, at, wanted)
        total = cost + goods
        complete = self.problem.orders.complete[self.pairs.orders[self.pairs.order[at]]]
        kept = (cost < NONE) & (complete | (total < value[case]))
        case, at, total, service = case[kept], at[kept], total[kept], service[kept]
        ranked = np.argsort((case << COST_BITS) + total, kind="stable")
        return Found(case[ranked], at[ranked], total[ranked], service[ranked])

    def _holding(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Case and pair wherever the node holds the whole state and may ever take so much."""
        pairs, nodes = self.pairs, self.problem.nodes
        by_state = wanted.reshape(-1, len(pairs.orders), wanted.shape[1])
        good = np.ones((len(by_state), len(pairs.node)), bool)
        for slot in np.flatnonzero((wanted > 0).any(axis=0)):
            good &= by_state[:, pairs.order, slot] <= pairs.units[:, slot]
        state, at = np.nonzero(good)
        case = state * len(pairs.orders) + pairs.order[at]
        good = self._use(case, at, wanted) <= nodes.cap_max[pairs.node[at]]
        return self._enough_of_shared(case[good], at[good], wanted)

    def _use(self, case: np.ndarray, at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        unit = self.problem.nodes.cap_unit[self.pairs.node[at]]
        units, lines = wanted.sum(axis=1)[case], (wanted > 0).sum(axis=1)[case]
        return np.where(unit == IN_UNITS, units, np.where(unit == IN_LINES, lines, 1))

    def _enough_of_shared(self, case: np.ndarray, at: np.ndarray, wanted: np.ndarray):
        """Where two lines of an order want the same SKU, both must fit."""
        if not self.twice:
            return case, at
        row, good, need = self.pairs.row[at], np.ones(len(at), bool), wanted[case]
        for slot in range(row.shape[1]):
            both = (need * ((row == row[:, slot : slot + 1]) & (row >= 0))).sum(axis=1)
            good &= (row[:, slot] < 0) | (both <= self.problem.stock.atp[np.maximum(row[:, slot], 0)])
        return case[good], at[good]

    def _cheapest(self, case: np.ndarray, at: np.ndarray, wanted: np.ndarray):
        """The cheapest service for each parcel; the first of equals."""
        if not len(self.fixed):
            return np.full(len(at), NONE), np.zeros(len(at), np.int64)
        rates = self.problem.services.rate_cents
        step = self._steps(wanted)
        fits = step < rates.shape[2]
        service = np.arange(len(step))[:, None]
        rate = rates[service, self.zones[:, at], np.where(fits, step, 0)[:, case]]
        fixed = self.fixed[:, at]
        runs = fits[:, case] & (rate >= 0) & (fixed < NONE)
        cost = np.where(runs, fixed + self._weighed(rate, "carrier", self.pairs.order[at]), NONE)
        best = cost.argmin(axis=0)
        return cost[best, np.arange(len(at))], best

    def _steps(self, wanted: np.ndarray) -> np.ndarray:
        """Billable steps by service and case."""
        states = len(wanted) // len(self.grams)
        grams = (np.tile(self.grams, (states, 1)) * wanted).sum(axis=1)
        volume = (np.tile(self.volume, (states, 1)) * wanted).sum(axis=1)
        return np.stack([billable(self.problem, grams, volume, one) for one in range(len(self.fixed))])
