"""Cuts the orders of a program into blocks of a size that solves well: those who want the same things go together."""

from collections import deque

import numpy as np

from .patterns import Patterns

BLOCK = 6000


def blocks_of(patterns: Patterns, kept: np.ndarray, seed: int) -> list[np.ndarray]:
    """Orders of the `kept` patterns, each in one block, rising in each."""
    links = _Links(patterns, kept)
    if len(links.orders) <= BLOCK:
        return [links.orders] if len(links.orders) else []
    pieces = -(-len(links.orders) // BLOCK)
    size = -(-len(links.orders) // pieces)
    sequence = links.walk(np.random.default_rng([seed, 79]))
    return [np.sort(links.orders[sequence[at : at + size]]) for at in range(0, len(sequence), size)]


class _Links:
    """Which orders want which stock rows and nodes."""

    def __init__(self, patterns: Patterns, kept: np.ndarray) -> None:
        self.orders, order = np.unique(patterns.order[kept], return_inverse=True)
        place = np.full(len(patterns), -1)
        place[kept] = order
        at = np.flatnonzero(place[patterns.entry_pattern] >= 0)
        pairs = np.unique(place[patterns.entry_pattern[at]] * patterns.keys + patterns.entry_key[at])
        order, key = np.divmod(pairs, patterns.keys)
        self.key, self.key_start = key, np.searchsorted(order, np.arange(len(self.orders) + 1))
        ranked = np.argsort(key, kind="stable")
        self.order, self.order_start = (
            order[ranked],
            np.searchsorted(key[ranked], np.arange(patterns.keys + 1)),
        )

    def walk(self, random) -> np.ndarray:
        """All orders, neighbors near each other: from a random one to those who want its rarest things, and so on."""
        sequence, seen = [], np.zeros(len(self.orders), bool)
        used = np.zeros(len(self.order_start) - 1, bool)
        for first in random.permutation(len(self.orders)):
            line = deque([first] if not seen[first] else [])
            seen[first] = True
            while line:
                order = line.popleft()
                sequence.append(order)
                for key in self._rarest_first(order, used):
                    used[key] = True
                    others = self.order[self.order_start[key] : self.order_start[key + 1]]
                    others = others[~seen[others]]
                    seen[others] = True
                    line.extend(others.tolist())
        return np.array(sequence, np.int64)

    def _rarest_first(self, order: int, used: np.ndarray) -> np.ndarray:
        keys = self.key[self.key_start[order] : self.key_start[order + 1]]
        keys = keys[~used[keys]]
        return keys[np.argsort(self.order_start[keys + 1] - self.order_start[keys], kind="stable")]
