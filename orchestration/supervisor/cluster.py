"""django-q2's cluster as one failure unit: whoever of it dies unasked takes the whole process group along.

A worker that dies may hold the lock of the queue that the others wait for, and a new monitor waits for ever on the
lock of the dead one; nothing of it shows from outside. The group started anew is the only state that is known good.
"""

import os
import pydoc
import signal
from pathlib import Path
from types import SimpleNamespace

import django_q.cluster
import django_q.worker
from django.conf import settings
from django_q.signals import post_execute_in_worker

from iom.lib import bell, heap
from orchestration.supervisor import alive, parent
from orchestration.supervisor.pardon import note_suspect
from providers.services import lanes

PROGRESS_FILE = "IOM_PROGRESS_FILE"
GOING_SECONDS = 12.0  # calls under way are waited for, so that their answers are not lost
TIMED_OUT, RECYCLED = 0, -2  # what django-q2's worker leaves in its timer


class Sentinel(django_q.cluster.Sentinel):
    """Replaces a worker that went in order; at any other death it kills its group, itself included."""

    progress: Path | None = None

    def reincarnate(self, process) -> None:
        if not _went_in_order(process):
            if self.progress and process in self.pool:
                note_suspect(self.progress, process.pid)
            os.killpg(0, signal.SIGKILL)
        super().reincarnate(process)


def _went_in_order(process) -> bool:
    timer = getattr(process, "timer", None)
    process.join(GOING_SECONDS)  # a worker says first that it goes, then goes
    return timer is not None and timer.value in (TIMED_OUT, RECYCLED) and process.exitcode == 0


def run(progress: Path | None = None) -> None:
    """Be the cluster, until SIGTERM. The caller is the first process of a group of its own.

    Each finished task touches the file `progress`, which a cluster that was executed finds in its environment.
    """
    parent.die_in_every_fork()
    lanes.outlive_tasks()
    django_q.cluster.Sentinel = Sentinel
    # What the queue holds is data: only tasks that a bell may name are ever looked up.
    django_q.worker.pydoc = SimpleNamespace(locate=allowed_task)
    if path := progress or os.environ.get(PROGRESS_FILE):
        Sentinel.progress = Path(path)
        alive.watch(Sentinel.progress)
        post_execute_in_worker.connect(_note_progress, weak=False, dispatch_uid="iom.progress")
    cluster = django_q.cluster.Cluster()
    bell.load_tasks()
    heap.settle()
    cluster.start()
    cluster.sentinel.join()


def allowed_task(path: str):
    """The function behind a bell; None for any other name, which the worker reports as not defined."""
    return pydoc.locate(path) if path in settings.IOM["BELLS"].values() else None


def _note_progress(**kwargs) -> None:
    alive.note_progress()
