"""Whole units of work that the database may ask to run again: deadlocks and serialization failures."""

from collections.abc import Callable
from functools import wraps

from django.db import OperationalError, connection

from iom.lib import lock_order

ATTEMPTS = 5
AGAIN = {"40P01", "40001"}  # deadlock_detected, serialization_failure


class Repeat(Exception):
    """Raised inside a unit that lost a race it can win by reading again. Its writes are rolled back first."""


def whole_unit(function: Callable) -> Callable:
    """Run the function in a transaction, and again from the start, up to five times, if it lost a race.

    Inside a caller's transaction only `Repeat` is tried again: a deadlock has spoiled what the caller read before,
    so it passes up to the outermost unit, which is the one to run again.
    """

    unit = lock_order.unit(function)

    @wraps(function)
    def run(*args, **kwargs):
        nested = connection.in_atomic_block
        for left in reversed(range(ATTEMPTS)):
            try:
                return unit(*args, **kwargs)
            except (Repeat, OperationalError) as error:
                if not left or not _worth_it(error, nested):
                    raise

    return run


def _worth_it(error: Exception, nested: bool) -> bool:
    return isinstance(error, Repeat) or (not nested and sqlstate(error) in AGAIN)


def sqlstate(error: Exception) -> str:
    """The five letters of the database's error, empty where it has none."""
    return getattr(error.__cause__, "sqlstate", None) or ""
