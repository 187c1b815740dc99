"""Tells the listener that an event comes from the engine's own batch, whose runs need not be woken by it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_at_work: ContextVar[frozenset[int]] = ContextVar("runs_at_work", default=frozenset())


@contextmanager
def engine_at_work(run_ids: Collection[int]) -> Iterator[None]:
    token = _at_work.set(frozenset(run_ids))
    try:
        yield
    finally:
        _at_work.reset(token)


def runs_at_work() -> frozenset[int]:
    return _at_work.get()
