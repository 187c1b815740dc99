"""Small random problems, and an oracle that shares no code with the optimizer: plain loops over plain numbers."""

import math
from itertools import product

import numpy as np

from fulfillment.optimizer import (
    IN_LINES,
    IN_PARCELS,
    IN_UNITS,
    Exclusions,
    Extras,
    Lines,
    Nodes,
    Orders,
    Problem,
    Services,
    Skus,
    Stock,
)

SPLITTING = ("complete", "max_parcels", "splittable", "split_cents", "same_sku")
PLACING = (
    "inactive",
    "mask",
    "class",
    "pinned",
    "excluded",
    "offered",
    "distance",
    "reach",
    "weight",
    "taken",
)
SHARING = ("capacity", "overtime", "lines_capacity", "parcels_capacity", "scarce")
PRICING = ("extras", "sticky", "late", "ready", "reject", "distance_cents", "weights", "volume")
KINDS = SPLITTING + PLACING + SHARING + PRICING


BUSY = ("complete", "max_parcels", "splittable", "split_cents", "capacity", "lines_capacity", "overtime", "scarce", "extras", "late", "reject")  # fmt: skip


def make_busy_problem(seed: int, orders: int) -> Problem:
    """A batch in which most orders could ship, and want the same stock and capacity."""
    return make_problem(seed, BUSY, orders, nodes=8, lines=3, skus=orders // 3, capacity=orders // 5)


def make_problem(
    seed: int, kinds=KINDS, orders: int = 2, nodes: int = 3, lines: int = 2, skus: int = 0, capacity: int = 3
) -> Problem:
    """A random problem in which only the constraints and costs named in `kinds` are at work.

    `capacity`: where it is at work, nodes have fewer regular uses than that, and up to as many again at a price.
    """
    random, on = np.random.default_rng(seed), set(kinds)
    counts = random.integers(1, lines + 1, orders)
    total, skus = int(counts.sum()), skus or max(2, int(counts.sum()) - 1)
    sku = _skus_of_lines(random, counts, skus, "same_sku" in on)
    quantity = random.integers(1, 3, total)
    return Problem(
        nodes=_nodes(random, nodes, on, capacity),
        services=_services(random, on),
        skus=_skus(random, skus, on),
        stock=_stock(random, nodes, skus, on),
        orders=_orders(random, counts, on, nodes),
        lines=Lines(
            sku=sku,
            quantity=quantity,
            splittable=random.random(total) < (0.6 if "splittable" in on else 0),
            unfilled_cents=random.integers(300, 2500, total),
            pinned=np.where(random.random(total) < 0.4, random.integers(0, nodes, total), -1) if "pinned" in on else None,
            current=random.integers(-1, nodes, total) if "sticky" in on else None,
        ),
        exclusions=_exclusions(random, total, nodes) if "excluded" in on else None,
        extras=_extras(random, total, nodes) if "extras" in on else None,
        latitude=random.uniform(30, 45, orders),
        longitude=random.uniform(-110, -80, orders),
        masks=random.random((2, nodes)) < 0.7 if "mask" in on else None,
        class_allowed=random.random((2, nodes)) < 0.7 if "class" in on else np.ones((2, nodes), bool),
        offered=random.random((nodes, 2)) < 0.7 if "offered" in on else None,
        ready_days=random.integers(0, 3, (nodes, 2)) if "ready" in on else None,
        weights=_weights(random) if "weights" in on else None,
        distance_cents=0.17 if "distance_cents" in on else 0.0,
    )  # fmt: skip


def _skus_of_lines(random, counts, skus: int, repeat: bool) -> np.ndarray:
    if repeat:
        return random.integers(0, skus, counts.sum())
    return np.concatenate([random.permutation(skus)[:count] for count in counts])


def _skus(random, skus: int, on: set) -> Skus:
    grams, classes = random.integers(100, 2500, skus), random.integers(0, 2, skus)
    volume = random.integers(0, 9_000_000, skus) if "volume" in on else None
    return Skus(grams=grams, class_code=classes, volume_mm3=volume)


def _nodes(random, nodes: int, on: set, capacity: int) -> Nodes:
    units = [
        kind for name, kind in (("lines_capacity", IN_LINES), ("parcels_capacity", IN_PARCELS)) if name in on
    ]
    bound = on & {"capacity", "lines_capacity", "parcels_capacity", "overtime"}
    regular = random.integers(0, capacity, nodes) if bound else np.full(nodes, 1000)
    return Nodes(
        active=random.random(nodes) < 0.75 if "inactive" in on else np.ones(nodes, bool),
        latitude=random.uniform(30, 45, nodes),
        longitude=random.uniform(-110, -80, nodes),
        pick_cents=random.integers(50, 300, nodes),
        unit_cents=random.integers(10, 90, nodes),
        cap_regular=regular,
        cap_max=regular + (random.integers(0, capacity, nodes) if "overtime" in on else 0),
        cap_unit=random.choice([*units, *([IN_UNITS] if len(units) != 1 else [])], nodes) if units else None,
        overtime_cents=random.integers(20, 300, nodes) if "overtime" in on else None,
        processing_days=random.integers(0, 2, nodes),
    )


def _services(random, on: set) -> Services:
    rate = np.cumsum(random.integers(20, 250, (2, 3, 7)), axis=2) + random.integers(300, 700, (2, 3, 1))
    rate[:, :, 0] = -1
    if "weight" in on:
        rate[0, :, 4:] = -1
        rate[1, 2, 6] = -1
    return Services(
        weight_unit=[1_000_000_000_000, 700_000_000_000],
        max_distance=[np.inf, 900.0 if "distance" in on else np.inf],
        zone_limits=[[500.0, 1500.0], [300.0, 2000.0]],
        rate_cents=rate,
        transit_days=[[1, 2, 4], [1, 1, 2]],
        late_ppm=[
            [950_000, 800_000, 90_000, 20_000, 8_000, 4_000],
            [900_000, 700_000, 30_000, 9_000, 4_000, 3_000],
        ],
        mm3_per_unit=[0, 2_278_000] if "volume" in on else None,
        carries=[True, False] if "taken" in on else None,
    )


def _stock(random, nodes: int, skus: int, on: set) -> Stock:
    held = np.argwhere(random.random((skus, nodes)) < 0.8)
    most = 2 if "scarce" in on else 5
    return Stock(
        sku=held[:, 0],
        node=held[:, 1],
        atp=random.integers(0 if most == 2 else 1, most + 1, len(held)),
        opportunity_cents=random.integers(0, 200, len(held)),
        short_ppm=random.integers(0, 200_000, len(held)) if "reject" in on else None,
    )


def _orders(random, counts, on: set, nodes: int) -> Orders:
    size = len(counts)
    return Orders(
        line_start=np.concatenate([[0], np.cumsum(counts)]),
        destination=np.arange(size),
        days_left=random.integers(0, 6, size),
        late_cents=random.integers(200, 2000, size) if "late" in on else None,
        reject_cents=random.integers(200, 2000, size),
        max_parcels=random.integers(1, 3, size) if "max_parcels" in on else np.full(size, 4),
        complete=random.random(size) < 0.5 if "complete" in on else None,
        max_distance=random.uniform(400, 2500, size) if "reach" in on else None,
        mask=random.integers(0, 2, size) if "mask" in on else None,
        split_cents=random.integers(0, 300, size) if "split_cents" in on else None,
        sticky_cents=random.integers(0, 100, size) if "sticky" in on else None,
        weights=random.integers(0, 2, size) if "weights" in on else None,
        taken_at=random.integers(-1, nodes, size) if "taken" in on else None,
    )


def _exclusions(random, lines: int, nodes: int) -> Exclusions:
    pairs = np.argwhere(random.random((lines, nodes)) < 0.3)
    return Exclusions(line=pairs[:, 0], node=pairs[:, 1])


def _extras(random, lines: int, nodes: int) -> Extras:
    pairs = np.argwhere(random.random((lines, nodes)) < 0.5)
    pairs = np.concatenate([pairs, pairs[:1]])
    return Extras(line=pairs[:, 0], node=pairs[:, 1], cents=random.integers(0, 250, len(pairs)))


def _weights(random) -> np.ndarray:
    weights = random.integers(0, 2500, (2, 11))
    weights[:, 9] = weights[0, 9]
    return weights


NAMES = ["carrier", "handling", "units", "opportunity", "rejection", "lateness", "distance", "split", "soft", "overtime", "unfilled"]  # fmt: skip


def weighed(problem, order: int, name: str, cents: int) -> int:
    weight = int(problem.weights[int(problem.orders.weights[order])][NAMES.index(name)])
    return (cents * weight + 500) // 1000


def kilometers(problem, order: int, node: int) -> float:
    place = int(problem.orders.destination[order])
    a, b = math.radians(problem.latitude[place]), math.radians(problem.nodes.latitude[node])
    turn = math.radians(problem.nodes.longitude[node] - problem.longitude[place])
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(turn / 2) ** 2
    return 2 * problem.earth_radius * math.asin(math.sqrt(half))


def row_of(problem, line: int, node: int) -> int | None:
    for row in range(len(problem.stock.sku)):
        if problem.stock.sku[row] == problem.lines.sku[line] and problem.stock.node[row] == node:
            return row
    return None


def line_refusal(problem, order: int, line: int, node: int) -> str:
    sku_class = int(problem.skus.class_code[int(problem.lines.sku[line])])
    if not problem.nodes.active[node]:
        return "inactive"
    if not problem.masks[int(problem.orders.mask[order])][node]:
        return "mask"
    if not problem.class_allowed[sku_class][node]:
        return "class"
    if problem.lines.pinned[line] not in (-1, node):
        return "pinned"
    pairs = zip(problem.exclusions.line.tolist(), problem.exclusions.node.tolist(), strict=True)
    return "excluded" if (line, node) in set(pairs) else ""


def parcel_cost(problem, order: int, node: int, service: int, goods: dict[int, int]):
    """Cents by component and weighed cents; None where the parcel may not be."""
    services = problem.services
    if bool(services.carries[service]) == (int(problem.orders.taken_at[order]) == node):
        return None  # a carrier where none is needed, or none where one is
    if not problem.offered[node][service] or any(line_refusal(problem, order, line, node) for line in goods):
        return None
    rows = {line: row_of(problem, line, node) for line in goods}
    distance = kilometers(problem, order, node)
    if None in rows.values() or distance > min(
        services.max_distance[service], problem.orders.max_distance[order]
    ):
        return None
    grams = sum(
        int(problem.skus.grams[int(problem.lines.sku[line])]) * count for line, count in goods.items()
    )
    steps = max(1, math.ceil(grams * 10**9 / int(services.weight_unit[service]) - 1e-12))
    volume = sum(
        int(problem.skus.volume_mm3[int(problem.lines.sku[line])]) * count for line, count in goods.items()
    )
    if services.mm3_per_unit[service]:
        steps = max(steps, math.ceil(volume / int(services.mm3_per_unit[service])))
    zone = sum(distance > limit for limit in services.zone_limits[service])
    if steps >= services.rate_cents.shape[2] or services.rate_cents[service, zone, steps] < 0:
        return None
    away = int(problem.nodes.processing_days[node] + problem.ready_days[node][service])
    slack = int(problem.orders.days_left[order]) - away - int(services.transit_days[service, zone])
    chance = int(services.late_ppm[service, max(-2, min(3, slack)) + 2])
    part = {
        "carrier": int(services.rate_cents[service, zone, steps]),
        "handling": int(problem.nodes.pick_cents[node]),
        "lateness": (chance * int(problem.orders.late_cents[order]) + 500_000) // 1_000_000,
        "distance": math.floor(distance * problem.distance_cents + 0.5),
    }
    objective = sum(weighed(problem, order, name, cents) for name, cents in part.items())
    for line, count in goods.items():
        for name, each in unit_costs(problem, order, line, node, rows[line]).items():
            part[name] = part.get(name, 0) + each * count
            objective += weighed(problem, order, name, each) * count
    return part, objective


def unit_costs(problem, order: int, line: int, node: int, row: int) -> dict[str, int]:
    soft = sum(
        int(cents)
        for one, place, cents in zip(
            problem.extras.line, problem.extras.node, problem.extras.cents, strict=True
        )
        if (one, place) == (line, node)
    )
    if problem.lines.current[line] not in (-1, node):
        soft += int(problem.orders.sticky_cents[order])
    reject = int(problem.stock.short_ppm[row]) * int(problem.orders.reject_cents[order])
    return {
        "units": int(problem.nodes.unit_cents[node]),
        "opportunity": int(problem.stock.opportunity_cents[row]),
        "rejection": (reject + 500_000) // 1_000_000,
        "soft": soft,
    }


def use_of(problem, node: int, goods: dict[int, int]) -> int:
    return {IN_UNITS: sum(goods.values()), IN_LINES: len(goods), IN_PARCELS: 1}[
        int(problem.nodes.cap_unit[node])
    ]


def order_plans(problem, order: int):
    """Every way to ship an order: (objective without overtime, stock by row, use by node). Slow and plain."""
    first, last = problem.orders.line_start[order : order + 2].tolist()
    lines = list(range(first, last))
    nodes, services = range(problem.sizes["N"]), range(problem.sizes["V"])
    most = int(problem.orders.max_parcels[order])
    plans = {}
    for cut in _cuts(problem, lines, most):
        for places in product(nodes, repeat=len(cut)):
            made = _cheapest(problem, order, cut, places, services)
            if made is None:
                continue
            cost = made + _left_cost(problem, order, lines, cut)
            cost += weighed(problem, order, "split", int(problem.orders.split_cents[order])) * max(
                0, len(cut) - 1
            )
            stock, use = _takes(problem, cut, places)
            key = (tuple(sorted(stock.items())), tuple(sorted(use.items())))
            if key not in plans or cost < plans[key]:
                plans[key] = cost
    return [(cost, dict(stock), dict(use)) for (stock, use), cost in plans.items()]


def _cuts(problem, lines, most: int):
    """Every list of at most `most` parcels (dict line: units), legal for split lines and ship-complete orders."""
    order = int(np.searchsorted(problem.orders.line_start, lines[0], side="right")) - 1
    seen = set()
    atoms = [(line, 1 if problem.lines.splittable[line] else int(problem.lines.quantity[line])) for line in lines
             for _ in range(int(problem.lines.quantity[line]) if problem.lines.splittable[line] else 1)]  # fmt: skip
    for slots in product(range(-1, most), repeat=len(atoms)):
        if problem.orders.complete[order] and -1 in slots and set(slots) != {-1}:
            continue
        parcels = {}
        for (line, units), slot in zip(atoms, slots, strict=True):
            if slot >= 0:
                goods = parcels.setdefault(slot, {})
                goods[line] = goods.get(line, 0) + units
        cut = tuple(sorted(tuple(sorted(goods.items())) for goods in parcels.values()))
        if cut not in seen:
            seen.add(cut)
            yield [dict(goods) for goods in cut]


def _cheapest(problem, order: int, cut, places, services):
    total = 0
    for goods, node in zip(cut, places, strict=True):
        costs = [made[1] for one in services if (made := parcel_cost(problem, order, node, one, goods))]
        if not costs:
            return None
        total += min(costs)
    return total


def _left_cost(problem, order: int, lines, cut) -> int:
    total = 0
    for line in lines:
        left = int(problem.lines.quantity[line]) - sum(goods.get(line, 0) for goods in cut)
        total += left * weighed(problem, order, "unfilled", int(problem.lines.unfilled_cents[line]))
    return total


def _takes(problem, cut, places):
    stock, use = {}, {}
    for goods, node in zip(cut, places, strict=True):
        use[node] = use.get(node, 0) + use_of(problem, node, goods)
        for line, count in goods.items():
            row = row_of(problem, line, node)
            stock[row] = stock.get(row, 0) + count
    return stock, use


def best_objective(problem) -> int:
    """The optimum by brute force over all orders together."""
    all_plans = [order_plans(problem, order) for order in range(problem.sizes["O"])]
    best = [10**18]

    def go(order: int, cost: int, stock: dict, use: dict) -> None:
        if order == len(all_plans):
            best[0] = min(best[0], cost + _overtime(problem, use))
            return
        for more, takes, uses in all_plans[order]:
            new_stock, new_use = _add(stock, takes), _add(use, uses)
            if _fits(problem, new_stock, new_use):
                go(order + 1, cost + more, new_stock, new_use)

    go(0, 0, {}, {})
    return best[0]


def _add(one: dict, other: dict) -> dict:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {*one, *other}}


def _fits(problem, stock: dict, use: dict) -> bool:
    return all(count <= problem.stock.atp[row] for row, count in stock.items()) and all(
        count <= problem.nodes.cap_max[node] for node, count in use.items()
    )


def _overtime(problem, use: dict) -> int:
    price = [
        (int(cents) * int(problem.weights[0][9]) + 500) // 1000 for cents in problem.nodes.overtime_cents
    ]
    return sum(
        max(0, count - int(problem.nodes.cap_regular[node])) * price[node] for node, count in use.items()
    )


def audit(problem, solution) -> list[str]:
    """What is wrong with a solution: rules broken, or cents that are not what the oracle counts."""
    wrong, stock, use = [], {}, {}
    sent = [0] * problem.sizes["L"]
    parcels_of_line, parcels_of_order = {}, {}
    goods_of = [{} for _ in solution.parcel_order]
    for parcel, line, count in zip(
        solution.alloc_parcel.tolist(),
        solution.alloc_line.tolist(),
        solution.alloc_quantity.tolist(),
        strict=True,
    ):
        goods_of[parcel][line] = goods_of[parcel].get(line, 0) + count
        sent[line] += count
        parcels_of_line.setdefault(line, set()).add(parcel)
    objective = 0
    for parcel, goods in enumerate(goods_of):
        order, node = int(solution.parcel_order[parcel]), int(solution.parcel_node[parcel])
        first = order not in parcels_of_order
        parcels_of_order[order] = parcels_of_order.get(order, 0) + 1
        made = parcel_cost(problem, order, node, int(solution.parcel_service[parcel]), goods)
        if made is None:
            wrong.append(f"parcel {parcel} may not be")
            continue
        part, cents = made
        part["split"] = 0 if first else int(problem.orders.split_cents[order])
        objective += cents + weighed(problem, order, "split", part["split"])
        if [part.get(name, 0) for name in NAMES] != solution.components[parcel].tolist():
            wrong.append(f"parcel {parcel} costs {part}, not {solution.components[parcel].tolist()}")
        one_stock, one_use = _takes(problem, [goods], [node])
        stock, use = _add(stock, one_stock), _add(use, one_use)
    if not _fits(problem, stock, use):
        wrong.append("stock or capacity")
    objective += _overtime(problem, use)
    wrong += _audit_lines(problem, sent, parcels_of_line, parcels_of_order, solution)
    for order in range(problem.sizes["O"]):
        first, last = problem.orders.line_start[order : order + 2].tolist()
        goods = [{line: sent[line] for line in range(first, last)}]
        objective += _left_cost(problem, order, range(first, last), goods)
    return wrong + (
        [] if objective == solution.objective else [f"objective {objective}, not {solution.objective}"]
    )


def _audit_lines(problem, sent, parcels_of_line, parcels_of_order, solution) -> list[str]:
    wrong = []
    for order in range(problem.sizes["O"]):
        lines = range(*problem.orders.line_start[order : order + 2].tolist())
        if parcels_of_order.get(order, 0) > problem.orders.max_parcels[order]:
            wrong.append(f"order {order} has too many parcels")
        for line in lines:
            quantity = int(problem.lines.quantity[line])
            if sent[line] > quantity:
                wrong.append(f"line {line} ships too much")
            if not problem.lines.splittable[line] and (
                sent[line] not in (0, quantity) or len(parcels_of_line.get(line, ())) > 1
            ):
                wrong.append(f"line {line} is split")
            if (sent[line] < quantity) != bool(solution.unfilled_reason[line]):
                wrong.append(f"line {line} lacks a reason or has one too many")
        full = all(sent[line] == problem.lines.quantity[line] for line in lines)
        if problem.orders.complete[order] and any(sent[line] for line in lines) and not full:
            wrong.append(f"order {order} is not complete")
    return wrong
