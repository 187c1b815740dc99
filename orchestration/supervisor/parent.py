"""Children die with their parent: an orphan that goes on working with old code is worse than a dead one."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 1.0

_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Let this process be killed when its parent dies. The kernel does it on Linux; elsewhere a thread looks.

    The kernel forgets this wish at each fork, so it is made anew in every descendant (`die_in_every_fork`).
    """
    if _prctl:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.name == "posix" and os.getppid() != parent:  # it died before the wish was heard
        os._exit(1)


def before_exec() -> Callable[[], None] | None:
    """For `Popen(preexec_fn=…)`: only the kernel's way outlives an exec, so other systems get None and `die_with` later."""
    parent = os.getpid()
    return (lambda: die_with(parent)) if _prctl else None


def die_in_every_fork() -> None:
    """From now on each process that this one forks, and each that those fork, dies with its parent."""
    parents: list[int] = []
    os.register_at_fork(
        before=lambda: parents.append(os.getpid()),
        after_in_parent=parents.clear,
        after_in_child=lambda: die_with(parents.pop()),
    )


def adopt_orphans() -> None:
    """Descendants whose parent died become children of this process, which can then reap them."""
    if _prctl:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
