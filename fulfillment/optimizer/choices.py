"""Every parcel that an order could be part of: node, set of atoms, cheapest service, cost before prices.

The parcels of one state of one order stand together, cheapest first, so that a search at prices of zero or more may
stop at the first one that costs more than the best found.
"""

from typing import NamedTuple

import numpy as np

from .atoms import cut
from .parcels import Pairs, list_pairs, price_states
from .problem import COMPONENTS, Problem, weigh
from .shapes import shape_of

SLICE = 400_000


class Table(NamedTuple):
    """Flat arrays for the kernels. A flat state is state_start[order] + state; column: one priced parcel.

    stock row of column c for line l of order o:
    pair_row[row_start[o] + (col_pair[c] - pair_start[o]) * lines of o + l - line_start[o]], -1 where there is none.
    """

    line_start: np.ndarray
    line_atom: np.ndarray
    line_unit: np.ndarray
    line_sku: np.ndarray
    line_quantity: np.ndarray
    order_shape: np.ndarray
    order_parcels: np.ndarray
    order_complete: np.ndarray
    order_split: np.ndarray
    shape_atoms: np.ndarray
    shape_digit: np.ndarray
    shape_state: np.ndarray
    digit: np.ndarray
    part_start: np.ndarray
    part: np.ndarray
    state_start: np.ndarray
    state_value: np.ndarray
    state_units: np.ndarray
    state_lines: np.ndarray
    col_start: np.ndarray
    col_end: np.ndarray
    col_pair: np.ndarray
    col_cost: np.ndarray
    col_service: np.ndarray
    pair_start: np.ndarray
    row_start: np.ndarray
    pair_node: np.ndarray
    pair_row: np.ndarray
    node_unit: np.ndarray
    node_regular: np.ndarray
    node_max: np.ndarray
    node_overtime: np.ndarray
    row_sku: np.ndarray
    row_node: np.ndarray
    row_atp: np.ndarray
    sku_start: np.ndarray


def build(problem: Problem) -> tuple[Table, np.ndarray]:
    """The table of a problem, and which orders are cut coarser than the model (no proof for them)."""
    atoms = cut(problem)
    families = _families(problem, atoms)
    shapes = _Shapes(atoms.radices)
    state_start = _state_starts(shapes, atoms.radices)
    parts = _Parts(problem, state_start)
    for orders in families:
        _fill(problem, atoms, shape_of(atoms.radices[orders[0]]), orders, parts)
    return parts.table(problem, atoms, shapes), atoms.coarse


class _Shapes:
    """The distinct shapes, side by side in flat arrays."""

    def __init__(self, radices: list[tuple[int, ...]]) -> None:
        known: dict[tuple[int, ...], int] = {}
        self.of_order = np.array([known.setdefault(one, len(known)) for one in radices], np.int64)
        self.all = [shape_of(one) for one in known]
        self.atoms = np.array([shape.digits.shape[1] for shape in self.all], np.int64)
        self.states = np.array([len(shape.digits) for shape in self.all], np.int64)
        self.digit_start = _starts(self.atoms * self.states)[:-1]
        self.state_start = _starts(self.states + 1)[:-1]
        parts = _starts(np.array([len(shape.part) for shape in self.all], np.int64))
        self.digit = _joined([shape.digits.ravel() for shape in self.all])
        self.part_start = _joined([shape.part_start + at for shape, at in zip(self.all, parts, strict=False)])
        self.part = _joined([shape.part for shape in self.all])


def _state_starts(shapes: _Shapes, radices) -> np.ndarray:
    return _starts(shapes.states[shapes.of_order] if len(radices) else np.zeros(0, np.int64))


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _joined(arrays: list[np.ndarray], dtype=np.int64) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.zeros(0, dtype)


def _families(problem: Problem, atoms) -> list[np.ndarray]:
    """Orders with the same shape, number of lines and cut of lines into atoms, in pieces that fit in memory."""
    start, weight = problem.orders.line_start, _row_counts(problem)
    known: dict[tuple, list[int]] = {}
    atom, plain = atoms.atom.tolist(), ~atoms.coarse
    for order, radices in enumerate(atoms.radices):
        first, last = start[order], start[order + 1]
        own = () if plain[order] else tuple(atom[first:last])
        known.setdefault((last - first, radices, own), []).append(order)
    return [piece for orders in known.values() for piece in _pieces(np.array(orders), weight)]


def _row_counts(problem: Problem) -> np.ndarray:
    """Stock rows that the lines of each order have."""
    held = np.diff(problem.sku_start())[problem.lines.sku]
    total = np.concatenate([[0], np.cumsum(held)])
    return total[problem.orders.line_start[1:]] - total[problem.orders.line_start[:-1]]


def _pieces(orders: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
    slot = np.cumsum(weight[orders]) // SLICE
    return np.split(orders, np.flatnonzero(np.diff(slot)) + 1)


def _fill(problem: Problem, atoms, shape, orders: np.ndarray, parts: "_Parts") -> None:
    pairs = list_pairs(problem, orders)
    at = parts.add_pairs(orders, pairs)
    for flat, found in price_states(problem, atoms, shape, pairs, parts):
        parts.add_columns(flat, found, at)


class _Parts:
    """What grows while families are priced."""

    def __init__(self, problem: Problem, state_start: np.ndarray) -> None:
        orders, states = problem.sizes["O"], int(state_start[-1])
        self.state_start = state_start
        self.value, self.units, self.lines = (np.zeros(states, np.int64) for _ in range(3))
        self.col_start, self.col_end = np.zeros(states, np.int64), np.zeros(states, np.int64)
        self.pair_start, self.row_start = np.zeros(orders, np.int64), np.zeros(orders, np.int64)
        self.nodes, self.rows, self.pair, self.cost, self.service = [], [], [], [], []
        self.pairs = self.cells = self.columns = 0

    def add_pairs(self, orders: np.ndarray, pairs: Pairs) -> int:
        at = self.pairs
        first = np.searchsorted(pairs.order, np.arange(len(orders)))
        self.pair_start[orders] = at + first
        self.row_start[orders] = self.cells + first * pairs.row.shape[1]
        self.nodes.append(pairs.node.astype(np.int32))
        self.rows.append(pairs.row.astype(np.int32).ravel())
        self.pairs += len(pairs.node)
        self.cells += pairs.row.size
        return at

    def add_columns(self, flat: np.ndarray, found, at: int) -> None:
        edges = np.searchsorted(found.case, np.arange(len(flat) + 1))
        self.col_start[flat], self.col_end[flat] = self.columns + edges[:-1], self.columns + edges[1:]
        self.pair.append((found.pair + at).astype(np.int32))
        self.cost.append(
            found.cost if found.cost.size and found.cost.max() >= 2**31 else found.cost.astype(np.int32)
        )
        self.service.append(found.service.astype(np.int8))
        self.columns += len(found.pair)

    def table(self, problem: Problem, atoms, shapes: _Shapes) -> Table:
        orders, nodes = problem.orders, problem.nodes
        wide = any(one.dtype == np.int64 for one in self.cost)
        return Table(
            orders.line_start, atoms.atom, atoms.unit, problem.lines.sku, problem.lines.quantity,
            shapes.of_order, orders.max_parcels, orders.complete, split_price(problem),
            shapes.atoms, shapes.digit_start, shapes.state_start, shapes.digit, shapes.part_start, shapes.part,
            self.state_start, self.value, self.units, self.lines, self.col_start, self.col_end,
            _joined(self.pair, np.int32), _joined(self.cost, np.int64 if wide else np.int32),
            _joined(self.service, np.int8), self.pair_start, self.row_start,
            _joined(self.nodes, np.int32), _joined(self.rows, np.int32),
            nodes.cap_unit, nodes.cap_regular, nodes.cap_max, problem.overtime_price(),
            problem.stock.sku, problem.stock.node, problem.stock.atp, problem.sku_start(),
        )  # fmt: skip


def split_price(problem: Problem) -> np.ndarray:
    """What each parcel after the first adds to the objective, by order."""
    weight = problem.weights[problem.orders.weights, COMPONENTS.index("split")]
    return weigh(problem.orders.split_cents, weight)
