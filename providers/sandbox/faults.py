"""What goes wrong outside: replies lost after the work was done, errors after it, busy signals, repeated and lost calls."""

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of calls; all zero is a calm world."""

    drop_reply: float = 0.0
    error_after: float = 0.0
    too_many: float = 0.0
    repeat: float = 0.0
    lose: float = 0.0
    shuffle_seconds: float = 0.0


CALM = Rates()
STORMY = Rates(drop_reply=0.03, error_after=0.03, too_many=0.02, repeat=0.2, lose=0.05, shuffle_seconds=2.0)


class Dice:
    """Seeded, shared by all threads; `change` turns the weather while the world runs."""

    def __init__(self, rates: Rates, seed: int) -> None:
        self.rates = rates
        self.silent: frozenset[str] = frozenset()  # services that take a call and never answer
        self.forgets_keys = False  # a world without idempotency keys: what our guards are tested against
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()

    def change(self, *, silent: Iterable[str] = (), forgets_keys: bool = False, **rates: float) -> None:
        self.silent, self.forgets_keys = frozenset(silent), forgets_keys
        self.rates = replace(self.rates, **rates)

    def key(self, given: str) -> str:
        """The key that an effect is kept under."""
        return f"{given}#{self.roll()}" if self.forgets_keys else given

    def hits(self, share: float) -> bool:
        return share > 0 and self.roll() < share

    def roll(self) -> float:
        with self._lock:
            return self._random.random()

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def pick(self, values):
        return values[int(self.roll() * len(values))]
