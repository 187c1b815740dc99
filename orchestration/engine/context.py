"""Tells the listener that an event comes from the engine's own batch, whose runs need not be woken by it."""

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps


def uncollected(work: Callable) -> Callable:
    """Look for reference cycles after a batch, not in it: it makes many objects, all needed to its end."""

    @wraps(work)
    def run(*args, **kwargs):
        was_on = gc.isenabled()
        gc.disable()
        try:
            return work(*args, **kwargs)
        finally:
            if was_on:
                gc.enable()

    return run


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
