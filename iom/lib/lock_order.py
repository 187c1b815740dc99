"""The one order in which rows are locked, so that nobody ever waits for somebody who waits for him.

    1  what was claimed: inbox messages, requests of the outbox   skipping what others hold, or by id
    2  orders                                                     by id, all of a transaction at once
    3  flow runs                                                  under their orders
    4  the gate of what all orders share, together or alone       here
    5  batches of sourcing, new ones
    6  days of lists                                              by list and day
    7  days of sources                                            new ones by source and day, then by id
    8  positions                                                  new ones by product and source, then by id
    9  gates of connections                                       by id

An order is the mutex of all that hangs on it: its lines, holds, fulfillment orders and runs, which so may be locked in
any number of lots. Who locks several runs without their orders skips those that others hold: claims, the sweep, a worker
that gives its claim back.

From the fourth on rows are shared by all orders, so no order protects them; a row that is made counts as locked. A
transaction takes what it needs of each kind in one sorted lot, in the order above: then it can hold the gate together with
all others that do. One that cannot (it gives back what it had, plans anew and takes again, or finds that others were faster
and tries once more) holds the gate alone, and may lock such rows in any order. Nobody moves up from together to alone, as two
who tried would wait for each other: `OutOfOrder` ends the transaction, and its `unit` runs once more, alone from the first
such row on. Outside a `unit` somebody does move up, so whoever may come late is one.

A single row locked in a transaction of its own needs no gate. SQLite has one writer at a time, so nothing of this exists.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from functools import wraps

from django.db import connection, transaction

GATE = 727_001  # the key of the advisory lock
SHARED = f"SELECT pg_advisory_xact_lock_shared({GATE})"
ALONE = f"SELECT pg_advisory_xact_lock({GATE})"


class Shared(IntEnum):
    """Kinds of rows that all orders share, in the order in which they are locked."""

    BATCHES = 1
    LIST_DAYS = 2
    DAYS = 3
    POSITIONS = 4
    GATES = 5


class OutOfOrder(Exception):
    """Rows were wanted that should have been locked earlier; what the transaction did so far is to be rolled back."""


_repeatable: ContextVar[bool] = ContextVar("unit_that_can_run_again", default=False)
_alone: ContextVar[bool] = ContextVar("unit_that_runs_alone", default=False)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a transaction holds, kept among its hooks: a rollback, of a savepoint too, forgets both together."""

    alone: bool
    last: int
    rows: frozenset = frozenset()

    def __call__(self) -> None:
        """Nothing is left to do when the transaction ends: the database opens the gate."""


def lock(kind: Shared, rows: Collection = (), *, needed: Callable[[], bool] = lambda: True) -> None:
    """Say that rows of a kind are to be locked now, all that are needed of it. Raises OutOfOrder inside a `unit`.

    `rows` names them: some of the last lot may be named again. `needed` is asked only where they come too late: False
    says that there are none to lock.
    """
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return
    held = _held()
    if held is None:
        _take(_Held(_alone.get(), kind, frozenset(rows)))
    elif held.alone:
        return
    elif kind > held.last:
        transaction.on_commit(_Held(False, kind, frozenset(rows)))
    elif not (rows and held.rows.issuperset(rows)) and needed():
        if _repeatable.get():
            raise OutOfOrder
        _take(_Held(True, kind))


def lock_alone() -> None:
    """Say that shared rows will be locked in several lots; where some are locked already, `lock` decides when they come."""
    if connection.vendor == "postgresql" and connection.in_atomic_block and _held() is None:
        _take(_Held(True, 0))


def comes_in_time(kind: Shared | None) -> bool:
    """Whether the unit can lock rows of this kind without running again."""
    if kind is None or not _repeatable.get():
        return True
    held = _held()
    return held is None or held.alone or kind > held.last


def unit(work: Callable) -> Callable:
    """`transaction.atomic` for work that may lock shared rows late; inside a caller's transaction that one decides.

    The work may run twice, the second time in a new transaction: it reads what it needs itself.
    """

    @wraps(work)
    def run(*args, **kwargs):
        if connection.in_atomic_block:
            with transaction.atomic():
                return work(*args, **kwargs)
        try:
            with _set(_repeatable), transaction.atomic():
                return work(*args, **kwargs)
        except OutOfOrder:
            with _set(_alone), transaction.atomic():
                return work(*args, **kwargs)

    return run


def _held() -> _Held | None:
    hooks = [hook for _, hook, *_ in connection.run_on_commit if isinstance(hook, _Held)]
    return hooks[-1] if hooks else None


def _take(held: _Held) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ALONE if held.alone else SHARED)
    transaction.on_commit(held)


@contextmanager
def _set(flag: ContextVar[bool]) -> Iterator[None]:
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)
