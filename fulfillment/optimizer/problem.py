"""What a batch of orders, its sources and their costs look like to the optimizer: arrays, nothing else.

Money is integer minor units, weights integer grams, days whole days. Distances are in the unit of `earth_radius`
(kilometers unless said otherwise). Node, service, SKU, destination, order and line are named by their row number.
Sizes: N nodes, V services, Z zones, W weight steps, K SKUs, C product classes, R stock rows, D destinations, M masks,
O orders, L lines, T weight vectors, G limits of nodes together, X exclusions, E extra costs.
Source of the model: fulfillment-optimization 1.1 to 1.4.
"""

from dataclasses import dataclass

import numpy as np

from .arrays import UNLIMITED, ProblemError, column, offsets, settle, within

COMPONENTS = (
    "carrier",
    "handling",
    "units",
    "opportunity",
    "rejection",
    "lateness",
    "distance",
    "split",
    "soft",
    "overtime",
    "unfilled",
)
IN_UNITS, IN_LINES, IN_PARCELS = 0, 1, 2
FULL_WEIGHT = 1000
POUND = 453_592_370_000  # in billionths of a gram, as `Services.weight_unit`
KILOGRAM = 1_000_000_000_000
SLACKS = 6  # days of slack -2, -1, 0, 1, 2, 3


@dataclass(frozen=True, eq=False, kw_only=True)
class Nodes:
    """Sources. Uses above `cap_regular` cost `overtime_cents` each, none go above `cap_max`.

    `pick_cents` is paid for each parcel; below zero it is a subsidy. `cap_unit` says what capacity counts: IN_UNITS, IN_LINES (a line in a parcel) or IN_PARCELS.
    """

    active: np.ndarray = column(bool, "N")
    latitude: np.ndarray = column(float, "N", low=-90, high=90)
    longitude: np.ndarray = column(float, "N", low=-180, high=180)
    pick_cents: np.ndarray = column(np.int64, "N", low=-(2**31), high=2**31, fill=0)
    unit_cents: np.ndarray = column(np.int64, "N", low=0, high=2**31, fill=0)
    cap_regular: np.ndarray = column(np.int64, "N", low=0, fill=UNLIMITED)
    cap_max: np.ndarray = column(np.int64, "N", low=0, fill=UNLIMITED)
    cap_unit: np.ndarray = column(np.int8, "N", low=0, high=2, fill=IN_UNITS)
    overtime_cents: np.ndarray = column(np.int64, "N", low=0, high=2**31, fill=0)
    processing_days: np.ndarray = column(np.int64, "N", low=0, high=10_000, fill=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Services:
    """Carrier services. `rate_cents` is by zone and billable weight steps; -1 where the service is not offered.

    `zone_limits` are the upper distances (inclusive) of all zones but the last; rates hold minimum and surcharges,
    not the weight of a parcel's volume: `mm3_per_unit` says how many cubic millimeters count as one step (0: they do not).
    `late_ppm` is the chance to be late at a slack of -2 to 3 days, in millionths. A service that is no carrier
    (`carries` false) is for what lies where the customer takes it: see `Orders.taken_at`.
    """

    weight_unit: np.ndarray = column(np.int64, "V", low=1)
    max_distance: np.ndarray = column(float, "V", low=0, fill=np.inf)
    zone_limits: np.ndarray = column(float, "V", "Z-1", low=0)
    rate_cents: np.ndarray = column(np.int64, "V", "Z", "W", low=-1, high=2**31)
    transit_days: np.ndarray = column(np.int64, "V", "Z", low=0, high=10_000)
    late_ppm: np.ndarray = column(np.int64, "V", "SLACKS", low=0, high=1_000_000, fill=0)
    mm3_per_unit: np.ndarray = column(np.int64, "V", low=0, high=2**50, fill=0)
    carries: np.ndarray = column(bool, "V", fill=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class Skus:
    """Of one unit. `volume_mm3` counts where a service weighs volume."""

    grams: np.ndarray = column(np.int64, "K", low=0, high=2**31)
    class_code: np.ndarray = column(np.int64, "K", low=0, fill=0)
    volume_mm3: np.ndarray = column(np.int64, "K", low=0, high=10**12, fill=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Stock:
    """Rows sorted by (sku, node), one each. `atp`: units free now. `opportunity_cents`: what a unit is worth later."""

    sku: np.ndarray = column(np.int64, "R", low=0)
    node: np.ndarray = column(np.int64, "R", low=0)
    atp: np.ndarray = column(np.int64, "R", low=0, high=UNLIMITED)
    opportunity_cents: np.ndarray = column(np.int64, "R", low=0, high=2**31, fill=0)
    short_ppm: np.ndarray = column(np.int64, "R", low=0, high=1_000_000, fill=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Orders:
    """`lines` of order o are rows line_start[o] to line_start[o + 1]. `mask` names a row of `Problem.masks`.

    `split_cents` is paid for each parcel after the first, `sticky_cents` for each unit that leaves the node it has now.
    `taken_at`: the node where the customer takes the goods, or -1; from there no carrier brings them.
    """

    line_start: np.ndarray = column(np.int64, "O+1", low=0)
    destination: np.ndarray = column(np.int64, "O", low=0)
    days_left: np.ndarray = column(np.int64, "O", low=-10_000, high=10_000, fill=10_000)
    late_cents: np.ndarray = column(np.int64, "O", low=0, high=2**31, fill=0)
    reject_cents: np.ndarray = column(np.int64, "O", low=0, high=2**31, fill=0)
    max_parcels: np.ndarray = column(np.int64, "O", low=1, fill=8)
    complete: np.ndarray = column(bool, "O", fill=False)
    mask: np.ndarray = column(np.int64, "O", low=0, fill=0)
    max_distance: np.ndarray = column(float, "O", low=0, fill=np.inf)
    split_cents: np.ndarray = column(np.int64, "O", low=0, high=2**31, fill=0)
    sticky_cents: np.ndarray = column(np.int64, "O", low=0, high=2**31, fill=0)
    weights: np.ndarray = column(np.int64, "O", low=0, fill=0)
    taken_at: np.ndarray = column(np.int64, "O", low=-1, fill=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Lines:
    """`pinned` and `current` name a node or are -1. Extra costs are cents a unit and may not be negative."""

    sku: np.ndarray = column(np.int64, "L", low=0)
    quantity: np.ndarray = column(np.int64, "L", low=1, high=1_000_000)
    splittable: np.ndarray = column(bool, "L", fill=False)
    unfilled_cents: np.ndarray = column(np.int64, "L", low=0, high=2**31)
    pinned: np.ndarray = column(np.int64, "L", low=-1, fill=-1)
    current: np.ndarray = column(np.int64, "L", low=-1, fill=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Exclusions:
    """A line that must not ship from a node."""

    line: np.ndarray = column(np.int64, "X", low=0)
    node: np.ndarray = column(np.int64, "X", low=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Extras:
    """Cents a unit that a line costs more at a node: soft constraints, location priority. Several rows add up."""

    line: np.ndarray = column(np.int64, "E", low=0)
    node: np.ndarray = column(np.int64, "E", low=0)
    cents: np.ndarray = column(np.int64, "E", low=0, high=2**31)


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """A batch. Checked when made: raises ProblemError that names the table and the column.

    `together`: nodes that send no more than `together_lines` lines in parcels among them. Only a problem that is small
    enough to be one program is kept to it; of a larger one whoever asks looks what is above it.
    """

    nodes: Nodes
    services: Services
    skus: Skus
    stock: Stock
    orders: Orders
    lines: Lines
    exclusions: Exclusions | None = None
    extras: Extras | None = None
    latitude: np.ndarray = column(float, "D", low=-90, high=90)
    longitude: np.ndarray = column(float, "D", low=-180, high=180)
    masks: np.ndarray = column(bool, "M", "N", fill=True)
    class_allowed: np.ndarray = column(bool, "C", "N", fill=True)
    together: np.ndarray = column(bool, "G", "N", fill=True)
    together_lines: np.ndarray = column(np.int64, "G", low=0, fill=0)
    offered: np.ndarray = column(bool, "N", "V", fill=True)
    ready_days: np.ndarray = column(np.int64, "N", "V", low=0, high=10_000, fill=0)
    weights: np.ndarray = column(np.int64, "T", "COMPONENTS", low=0, high=1_000_000, fill=FULL_WEIGHT)
    distance_cents: float = 0.0
    earth_radius: float = 6371.0088

    def __post_init__(self) -> None:
        sizes = {"SLACKS": SLACKS, "COMPONENTS": len(COMPONENTS)}
        nothing = np.zeros(0, np.int64)
        for name, empty in (
            ("exclusions", Exclusions(line=nothing, node=nothing)),
            ("extras", Extras(line=nothing, node=nothing, cents=nothing)),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, empty)
        for name in ("nodes", "services", "skus", "stock", "orders", "lines", "exclusions", "extras"):
            settle(getattr(self, name), name, sizes)
        sizes.update({name: sizes.get(name, 1) for name in "MCT"})
        sizes["G"] = 0
        self._make_optional_sizes(sizes)
        settle(self, "problem", sizes)
        object.__setattr__(self, "sizes", sizes)
        self._check()

    def _make_optional_sizes(self, sizes: dict[str, int]) -> None:
        for name, dim in (("masks", "M"), ("class_allowed", "C"), ("weights", "T"), ("together", "G")):
            if getattr(self, name) is not None:
                sizes[dim] = np.shape(getattr(self, name))[0]

    def _check(self) -> None:
        size = self.sizes
        self._check_shapes()
        for name, value, limit, none in (
            ("skus.class_code", self.skus.class_code, size["C"], False),
            ("stock.sku", self.stock.sku, size["K"], False),
            ("stock.node", self.stock.node, size["N"], False),
            ("orders.destination", self.orders.destination, size["D"], False),
            ("orders.mask", self.orders.mask, size["M"], False),
            ("orders.weights", self.orders.weights, size["T"], False),
            ("orders.taken_at", self.orders.taken_at, size["N"], True),
            ("lines.sku", self.lines.sku, size["K"], False),
            ("lines.pinned", self.lines.pinned, size["N"], True),
            ("lines.current", self.lines.current, size["N"], True),
            ("exclusions.line", self.exclusions.line, size["L"], False),
            ("exclusions.node", self.exclusions.node, size["N"], False),
            ("extras.line", self.extras.line, size["L"], False),
            ("extras.node", self.extras.node, size["N"], False),
        ):
            within(value, name, limit, none=none)
        self._check_meaning()

    def _check_shapes(self) -> None:
        size = self.sizes
        if size["O+1"] != size["O"] + 1:
            raise ProblemError("orders.line_start", f"needs {size['O'] + 1} entries, one more than orders.")
        if size["Z-1"] != size["Z"] - 1:
            raise ProblemError("services.zone_limits", f"needs {size['Z'] - 1} limits for {size['Z']} zones.")
        offsets(self.orders.line_start, "orders.line_start", size["L"])

    def _check_meaning(self) -> None:
        limits = self.services.zone_limits  # several may be infinite
        if (limits[:, 1:] < limits[:, :-1]).any():
            raise ProblemError("services.zone_limits", "must not fall.")
        if (self.nodes.cap_max < self.nodes.cap_regular).any():
            raise ProblemError("nodes.cap_max", "must not be below cap_regular.")
        if (np.diff(self.stock_key()) <= 0).any():
            raise ProblemError("stock.sku", "rows must be sorted by (sku, node), one each.")
        overtime = self.weights[:, COMPONENTS.index("overtime")]
        if (overtime != overtime[0]).any():
            raise ProblemError("problem.weights", "overtime is shared by all orders and takes one weight.")

    def stock_key(self) -> np.ndarray:
        return self.stock.sku * self.sizes["N"] + self.stock.node

    def sku_start(self) -> np.ndarray:
        """Rows of SKU k are sku_start[k] to sku_start[k + 1]."""
        return np.searchsorted(self.stock.sku, np.arange(self.sizes["K"] + 1))

    def line_order(self) -> np.ndarray:
        """The order of each line."""
        return np.repeat(np.arange(self.sizes["O"]), np.diff(self.orders.line_start))

    def overtime_price(self) -> np.ndarray:
        """What a use above regular capacity adds to the objective, by node."""
        weight = self.weights[0, COMPONENTS.index("overtime")]
        return weigh(self.nodes.overtime_cents, weight)


def weigh(cents: np.ndarray, weight) -> np.ndarray:
    """Cents at an objective weight (1000: as they are), rounded half up."""
    return (cents * weight + FULL_WEIGHT // 2) // FULL_WEIGHT
