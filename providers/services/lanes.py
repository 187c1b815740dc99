"""Threads for what waits for the outside, each connection's own: one that never answers takes no thread from another.

A worker's process outlives its task. There, what takes longer than PATIENCE is left to its thread, which also writes down
what came of it: no worker waits for a silent provider, from the first second on. Everywhere else all is waited for.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog
from django.db import connections

log = structlog.get_logger(__name__)
PATIENCE = 1.0
MOST_THREADS = 64  # as many calls as a connection may have at once; made one by one as they are needed
Key = tuple[int, str, int]
_lanes: dict[Key, ThreadPoolExecutor] = {}
_under_way: Counter[Key] = Counter()
_lock = threading.Lock()
_outlives = False


def outlive_tasks() -> None:
    """From now on this process, and each that it forks, goes on when its task has ended."""
    global _outlives
    _outlives = True


def may_leave() -> bool:
    return _outlives


def submit(kind: str, connection_id: int, job: Callable, *arguments) -> Future:
    """Begin a job in the lane of its connection."""
    key = _key(kind, connection_id)
    if key not in _lanes:
        _lanes[key] = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix=f"{kind}-{connection_id}")
    return _lanes[key].submit(job, *arguments)


def leave(futures: Iterable[Future], then: Callable) -> None:
    """Go without these: each calls `then` with its answer when it has one, in its own thread."""
    for future in futures:
        future.add_done_callback(lambda done: _on_its_own(lambda: then(done.result())))


def each(kind: str, jobs: Iterable[tuple[int, Callable]]) -> list:
    """What the jobs of (connection id, job) return; where we may leave, of those that ended in time."""
    if not _outlives:
        return [job() for _, job in jobs]
    flying = [submit(kind, connection_id, _counted, kind, connection_id, job) for connection_id, job in jobs]
    done, _ = wait(flying, PATIENCE)
    return [answer for future in done if (answer := future.result()) is not None]


def is_busy(kind: str, connection_id: int) -> bool:
    """Whether a job of `each` goes on in this process."""
    return _under_way[_key(kind, connection_id)] > 0


def _key(kind: str, connection_id: int) -> Key:
    return os.getpid(), kind, connection_id  # a forked worker makes its own


def _counted(kind: str, connection_id: int, job: Callable):
    _count(key := _key(kind, connection_id), 1)
    try:
        return _on_its_own(job)
    finally:
        _count(key, -1)


def _count(key: Key, by: int) -> None:
    with _lock:
        _under_way[key] += by


def _on_its_own(job: Callable):
    """Perhaps nobody waits for it: what goes wrong is logged, what was claimed comes again when its lease is over."""
    try:
        return job()
    except Exception:
        log.exception("errand_failed")
        return None
    finally:
        connections.close_all()
