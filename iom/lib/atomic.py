"""Transactions within the transaction of a batch that is kept or given up as one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

from django.db import transaction

_as_one: ContextVar[bool] = ContextVar("kept_as_one", default=False)


@contextmanager
def as_one() -> Iterator[None]:
    """What is `joined` inside sets no savepoint: any error in it must end the whole transaction of the caller."""
    token = _as_one.set(True)
    try:
        yield
    finally:
        _as_one.reset(token)


def joined(work: Callable) -> Callable:
    """`transaction.atomic` for services that batches of many steps call again and again."""

    @wraps(work)
    def run(*args, **kwargs):
        with transaction.atomic(savepoint=not _as_one.get()):
            return work(*args, **kwargs)

    return run
