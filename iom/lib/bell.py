"""The doorbell: tells workers that there is work of a kind. A lost, doubled or late bell changes only latency."""

import threading
import time

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

COALESCE_SECONDS = (
    0.05  # a drain looks once more after this long, so a bell that was held back is never needed
)
_last_rung: dict[str, float] = {}
_lock = threading.Lock()


def ring(kind: str) -> None:
    """Ring after the present transaction commits; bells of one kind coalesce. Unknown kinds raise KeyError."""
    task = settings.IOM["BELLS"][kind]
    transaction.on_commit(lambda: _ring_now(kind, task), robust=True)


def _ring_now(kind: str, task: str) -> None:
    with _lock:
        if time.monotonic() - _last_rung.get(kind, 0.0) < COALESCE_SECONDS:
            return
        _last_rung[kind] = time.monotonic()
    ring_at_once(kind, task)


def ring_at_once(kind: str, task: str) -> None:
    """Outside any transaction; nothing if one of this kind waits to be heard."""
    from django_q.tasks import async_task

    from iom.lib import queue

    if not queue.is_waiting(kind):
        most = settings.IOM["LONG_TASKS"].get(kind)
        more = {"timeout": most} if most else {}
        async_task(task, task_name=kind, group="bell", save=False, cluster=queue.key_of(kind), **more)


def load_tasks() -> None:
    """Load all that tasks work with. Who forks workers does it before: once for all, and not in the time of a first order."""
    for path in settings.IOM["BELLS"].values():
        import_string(path)
