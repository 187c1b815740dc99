"""How an order can be cut: its atoms (a line, or one unit of a line that may be split) and the sets of them.

A state is a digit for each atom: how many of its pieces. An atom of a whole line has digits 0 and 1, one of a line of
four units that may be split 0 to 4, so equal units are not told apart. State 0 is nothing, the last one everything.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np


class Shape(NamedTuple):
    """`digits` by state and atom; the parts of state s are part[part_start[s]:part_start[s + 1]], s itself last."""

    digits: np.ndarray
    part_start: np.ndarray
    part: np.ndarray


@lru_cache(maxsize=4096)
def shape_of(radices: tuple[int, ...]) -> Shape:
    digits = np.array(list(product(*(range(radix) for radix in radices))), np.int64)
    inside = (digits[None, :, :] <= digits[:, None, :]).all(axis=2)
    inside[:, 0] = False
    counts = inside.sum(axis=1)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Shape(digits, start, np.nonzero(inside)[1].astype(np.int64))
