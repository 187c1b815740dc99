"""A child process with all that it forks, started and ended as one."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from orchestration.supervisor.parent import before_exec

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

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def age(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_end(self) -> None:
        """SIGTERM to the first process only: it knows how to end the others in order."""
        if self.is_alive():
            self.process.terminate()

    def wait(self, seconds: float) -> bool:
        """True if the first process ended in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.is_alive()

    def kill(self) -> None:
        """SIGKILL to everybody in the group, then wait until the last is gone."""
        self._signal(signal.SIGKILL)
        self.process.wait()
        limit = time.monotonic() + GONE_SECONDS
        while self._signal(signal.SIGKILL) and time.monotonic() < limit:
            self._reap()
            time.sleep(0.02)

    def end(self, grace_seconds: float) -> None:
        """In order if it can within the grace, by force after."""
        self.ask_to_end()
        self.wait(grace_seconds)
        self.kill()

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
