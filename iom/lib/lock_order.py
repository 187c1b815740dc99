"""The one order in which rows are locked, so that nobody ever waits for somebody who waits for him.

    1  what was claimed                                       skipping what others hold, or by id
    2  the records that are the mutex of all that hangs on    by id, all of a transaction at once; what hangs on them may be
       them, such as orders                                   locked in any number of lots then
    3  the gate of what they all share, together or alone     here
    4  shared rows, kind by kind                              in the order of `settings.IOM["LOCK_ORDER"]`, where each app's
                                                              `locks` names its kinds and says how rows of one are sorted

Who locks several of what hangs on such records without them skips those that others hold: claims, the sweep, a worker that
gives its claim back.

Shared rows are protected by no record; a row that is made counts as locked. A transaction takes what it needs of each kind in
one sorted lot, in the order above: then it can hold the gate together with all others that do. One that cannot (it gives back what it had, plans anew and takes again, or finds that others were faster
and tries once more) holds the gate alone, and may lock such rows in any order. Nobody moves up from together to alone, as two
who tried would wait for each other: `OutOfOrder` ends the transaction, and its `unit` runs once more, alone from the first
such row on. Outside a `unit` somebody does move up, so whoever may come late is one.

A single row locked in a transaction of its own needs no gate. SQLite has one writer at a time, so nothing of this exists.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

GATE = 727_001  # the key of the advisory lock
SHARED = f"SELECT pg_advisory_xact_lock_shared({GATE})"
ALONE = f"SELECT pg_advisory_xact_lock({GATE})"


class OutOfOrder(Exception):
    """Rows were wanted that should have been locked earlier; what the transaction did so far is to be rolled back."""


_repeatable: ContextVar[bool] = ContextVar("unit_that_can_run_again", default=False)
_alone: ContextVar[bool] = ContextVar("unit_that_runs_alone", default=False)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a transaction holds (`last`: the place of the last kind), kept among its hooks: a rollback, of a savepoint too, forgets both together."""

    alone: bool
    last: int
    rows: frozenset = frozenset()

    def __call__(self) -> None:
        """Nothing is left to do when the transaction ends: the database opens the gate."""


def lock(kind: str, rows: Collection = (), *, needed: Callable[[], bool] = lambda: True) -> None:
    """Say that rows of a kind are to be locked now, all that are needed of it. Raises OutOfOrder inside a `unit`.

    `rows` names them: some of the last lot may be named again. `needed` is asked only where they come too late: False
    says that there are none to lock.
    """
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return
    held = _held()
    place = _place(kind)
    if held is None:
        _take(_Held(_alone.get(), place, frozenset(rows)))
    elif held.alone:
        return
    elif place > held.last:
        transaction.on_commit(_Held(False, place, frozenset(rows)))
    elif not (rows and held.rows.issuperset(rows)) and needed():
        if _repeatable.get():
            raise OutOfOrder
        _take(_Held(True, place))


def lock_alone() -> None:
    """Say that shared rows will be locked in several lots; where some are locked already, `lock` decides when they come."""
    if connection.vendor == "postgresql" and connection.in_atomic_block and _held() is None:
        _take(_Held(True, 0))


def comes_in_time(kind: str | None) -> bool:
    """Whether the unit can lock rows of this kind without running again."""
    if kind is None or not _repeatable.get():
        return True
    held = _held()
    return held is None or held.alone or _place(kind) > held.last


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


def _place(kind: str) -> int:
    """From 1 on; 0 is before all of them."""
    try:
        return settings.IOM["LOCK_ORDER"].index(kind) + 1
    except ValueError:
        raise ImproperlyConfigured(f"{kind} has no place in IOM['LOCK_ORDER']") from None


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
