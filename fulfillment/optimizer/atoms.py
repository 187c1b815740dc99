"""Which atoms each order is cut into. Orders with too many sets of atoms get coarser ones, and no proof is claimed."""

from typing import NamedTuple

import numpy as np

from .problem import Problem

MOST_STATES = 300


class Atoms(NamedTuple):
    """By line: which atom of its order it belongs to and how many units one piece of it is.

    `radices`: by order, the number of digits of each atom. `coarse`: orders whose cut is coarser than the model.
    """

    atom: np.ndarray
    unit: np.ndarray
    radices: list[tuple[int, ...]]
    coarse: np.ndarray


def cut(problem: Problem) -> Atoms:
    lines, start = problem.lines, problem.orders.line_start
    pieces = np.where(lines.splittable, lines.quantity, 1)
    unit = lines.quantity // pieces
    states, count = _states(problem, pieces), np.diff(start)
    coarse = states > MOST_STATES
    atom, radices = _by_shape(pieces, start, ~coarse & (count > 0))
    for order in np.flatnonzero(coarse):
        _cut_coarsely(problem, int(order), atom, unit, radices)
    return Atoms(atom, unit, radices, coarse)


def _states(problem: Problem, pieces: np.ndarray) -> np.ndarray:
    """How many states each order would have; a float, since it can be very many."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(pieces + 1.0))])
    start = problem.orders.line_start
    return np.exp(logs[start[1:]] - logs[start[:-1]]) - 1e-6


def _by_shape(pieces: np.ndarray, start: np.ndarray, usual: np.ndarray):
    """An atom for each line; atoms sorted by radix, so that orders alike share a shape."""
    order = np.repeat(np.arange(len(start) - 1), np.diff(start))
    ranked = np.lexsort((np.arange(len(pieces)), pieces, order))
    atom = np.empty(len(pieces), np.int64)
    atom[ranked] = np.arange(len(pieces)) - start[order[ranked]]
    sorted_radix = (pieces[ranked] + 1).tolist()
    cuts = start.tolist()
    radices = [
        tuple(sorted_radix[first:last]) if good else ()
        for first, last, good in zip(cuts, cuts[1:], usual.tolist(), strict=False)
    ]
    return atom, radices


def _cut_coarsely(problem: Problem, order: int, atom, unit, radices) -> None:
    """Lines that the same nodes can fill go together, at most eight groups; each line ships whole or in a few pieces."""
    first, last = problem.orders.line_start[order : order + 2]
    groups = _groups(problem, first, last)
    made = []
    for index, group in enumerate(groups):
        pieces = _few_pieces(problem, group) if len(groups) <= 4 else 1
        for line in group:
            atom[line], unit[line] = index, problem.lines.quantity[line] // pieces
        made.append(pieces + 1)
    radices[order] = tuple(made)


def _few_pieces(problem: Problem, group: list[int]) -> int:
    """The most pieces, up to 60 in one line alone and 3 else, that cut a line that may be split evenly."""
    if len(group) > 1 or not problem.lines.splittable[group[0]]:
        return 1
    quantity = int(problem.lines.quantity[group[0]])
    return max(pieces for pieces in range(1, 4) if quantity % pieces == 0)


def _groups(problem: Problem, first: int, last: int, most: int = 8) -> list[list[int]]:
    """Lines by the nodes that hold them in full; the two most alike are joined until there are few enough."""
    holders = [_holders(problem, line) for line in range(first, last)]
    by_set: dict[frozenset, list[int]] = {}
    for line, nodes in zip(range(first, last), holders, strict=True):
        by_set.setdefault(nodes, []).append(line)
    groups = sorted(by_set.items(), key=lambda one: one[1][0])
    while len(groups) > most:
        groups = _join_closest(groups)
    return [lines for _, lines in groups]


def _join_closest(groups):
    pairs = ((a, b) for a in range(len(groups)) for b in range(a))
    a, b = max(pairs, key=lambda pair: _alike(groups[pair[0]][0], groups[pair[1]][0]))
    joined = (groups[a][0] & groups[b][0], sorted(groups[a][1] + groups[b][1]))
    kept = [group for index, group in enumerate(groups) if index not in (a, b)]
    return sorted([*kept, joined], key=lambda one: one[1][0])


def _alike(one: frozenset, other: frozenset) -> tuple[float, int]:
    return len(one & other) / max(1, len(one | other)), len(one & other)


def _holders(problem: Problem, line: int) -> frozenset:
    rows = slice(*np.searchsorted(problem.stock.sku, [problem.lines.sku[line], problem.lines.sku[line] + 1]))
    enough = problem.stock.atp[rows] >= problem.lines.quantity[line]
    return frozenset(problem.stock.node[rows][enough].tolist())
