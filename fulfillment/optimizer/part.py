"""A smaller problem out of a larger one: some orders, with the stock and capacity that the rest of the plan leaves."""

from dataclasses import fields, replace

import numpy as np

from .problem import Exclusions, Extras, Lines, Nodes, Orders, Problem


def part_of(problem: Problem, orders: np.ndarray, left: np.ndarray, used: np.ndarray) -> Problem:
    """Only `orders` (rising), stock `left` by row and capacity beyond `used` by node. SKUs, nodes and rows keep names."""
    lines = lines_of(problem, orders)
    sizes = np.diff(problem.orders.line_start)[orders]
    start = np.concatenate([[0], np.cumsum(sizes)])
    return replace(
        problem,
        nodes=_nodes_left(problem.nodes, used),
        stock=replace(problem.stock, atp=left),
        orders=_taken(Orders, problem.orders, orders, line_start=start),
        lines=_taken(Lines, problem.lines, lines),
        exclusions=_of_lines(Exclusions, problem.exclusions, lines),
        extras=_of_lines(Extras, problem.extras, lines),
    )


def lines_of(problem: Problem, orders: np.ndarray) -> np.ndarray:
    start = problem.orders.line_start
    runs = [np.arange(first, last) for first, last in zip(start[orders], start[orders + 1], strict=True)]
    return np.concatenate(runs) if runs else np.zeros(0, np.int64)


def _nodes_left(nodes: Nodes, used: np.ndarray) -> Nodes:
    """What is used already is gone from the regular part first, so overtime costs only what comes on top."""
    return replace(
        nodes,
        cap_regular=np.maximum(0, nodes.cap_regular - used),
        cap_max=np.maximum(0, nodes.cap_max - used),
    )


def _taken(kind, table, rows: np.ndarray, **given):
    values = {
        field.name: getattr(table, field.name)[rows] for field in fields(table) if field.name not in given
    }
    return kind(**values, **given)


def _of_lines(kind, table, lines: np.ndarray):
    """Rows about these lines, with the lines' new numbers."""
    at = np.searchsorted(lines, table.line)
    kept = np.isin(table.line, lines)
    return _taken(kind, table, kept, line=at[kept])
