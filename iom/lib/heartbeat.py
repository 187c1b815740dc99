"""Say from time to time that long work goes on, so that a lease does not run out under it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import Error, connections

log = structlog.get_logger(__name__)
SECONDS = 5.0


@contextmanager
def beating(*beats: Callable[[], object], seconds: float = SECONDS) -> Iterator[None]:
    """Call the beats every so often in a thread of its own, with database connections of its own, until the end."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(beats, over, seconds), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(beats, over: threading.Event, seconds: float) -> None:
    try:
        while not over.wait(seconds):
            for beat in beats:
                try:
                    beat()
                except (Error, OSError) as error:
                    log.warning("heartbeat_missed", error=str(error)[:200])
    finally:
        connections.close_all()
