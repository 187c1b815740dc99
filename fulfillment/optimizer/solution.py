"""What comes out: parcels, what is in them, what each costs and why a line got nothing."""

from dataclasses import dataclass, field

import numpy as np

from .problem import COMPONENTS


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """A plan and its certificate.

    Parcels come in the order of orders. `components`: cents by parcel and component (all but overtime and unfilled);
    with `overtime_cents` by node and `unfilled_cents` by line they add up to `total_cents`. `objective` is the same
    sum at the problem's weights; `lower_bound` (None: not asked for, or not claimed for so coarse a cut) is what no
    plan can be below, `gap` their distance over the bound. `stock_price` and `capacity_price` are cents a unit or use.
    """

    mode: str
    parcel_order: np.ndarray
    parcel_node: np.ndarray
    parcel_service: np.ndarray
    alloc_parcel: np.ndarray
    alloc_line: np.ndarray
    alloc_quantity: np.ndarray
    components: np.ndarray
    overtime_cents: np.ndarray
    unfilled_quantity: np.ndarray
    unfilled_cents: np.ndarray
    unfilled_reason: list[str]
    objective: int
    stock_price: np.ndarray
    capacity_price: np.ndarray
    stock_left: np.ndarray
    capacity_used: np.ndarray
    lower_bound: int | None = None
    seconds: float = 0.0
    sizes: dict = field(default_factory=dict)

    @property
    def total_cents(self) -> int:
        return int(self.components.sum() + self.overtime_cents.sum() + self.unfilled_cents.sum())

    @property
    def gap(self) -> float | None:
        if self.lower_bound is None:
            return None
        return (self.objective - self.lower_bound) / max(1, self.lower_bound)

    def by_component(self) -> dict[str, int]:
        cents = dict(zip(COMPONENTS, self.components.sum(axis=0).tolist(), strict=True))
        return cents | {
            "overtime": int(self.overtime_cents.sum()),
            "unfilled": int(self.unfilled_cents.sum()),
        }

    def by_order(self, orders: int) -> np.ndarray:
        """Components of the parcels of each order; overtime is shared and unfilled is by line, both left out."""
        total = np.zeros((orders, len(COMPONENTS)), np.int64)
        np.add.at(total, self.parcel_order, self.components)
        return total
