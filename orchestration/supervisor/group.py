"""A child process with all that it forks, started and ended as one."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from orchestration.supervisor.parent import before_exec, die_with

GONE_SECONDS = 5.0


class Group:
    """One command in a process group of its own. Starts at once; `kill` leaves nobody behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin=subprocess.DEVNULL,
        output=None,
    ) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            list(command),
            env={**os.environ, **(environment or {})},
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=before_exec(),
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """Negative for a signal; None while it lives."""
        return self.process.poll()

    def is_alive(self) -> bool:
        return self.exit_code is None

    def age(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_end(self) -> None:
        """SIGTERM to the first process only: it knows how to end the others in order."""
        if self.is_alive():
            self.process.terminate()

    def wait(self, seconds: float) -> bool:
        """True if the first process ended in time."""
        self._join(seconds)
        return not self.is_alive()

    def kill(self) -> None:
        """SIGKILL to everybody in the group, then wait until the last is gone."""
        self._signal(signal.SIGKILL)
        self._join()
        limit = time.monotonic() + GONE_SECONDS
        while self._signal(signal.SIGKILL) and time.monotonic() < limit:
            self._reap()
            time.sleep(0.02)

    def end(self, grace_seconds: float) -> None:
        """In order if it can within the grace, by force after."""
        self.ask_to_end()
        self.wait(grace_seconds)
        self.kill()

    def _join(self, seconds: float | None = None) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def _signal(self, number: int) -> bool:
        """False when nobody of the group is left."""
        if os.name != "posix":
            self.process.kill()
            return False
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass


class ForkedGroup(Group):
    """A function as the first process of a group of its own. All is loaded already, so it is at work in no time.

    Only where a fork without an exec is safe (`CAN_FORK`), and only from a process without threads and without open
    database connections, which two processes must not share.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.started_at = time.monotonic()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_be_first, args=(os.getpid(), work))
        self.process.start()

    @property
    def exit_code(self) -> int | None:
        return self.process.exitcode

    def _join(self, seconds: float | None = None) -> None:
        self.process.join(seconds)


CAN_FORK = sys.platform == "linux"


def _be_first(parent: int, work: Callable[[], None]) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with(parent)
    work()
