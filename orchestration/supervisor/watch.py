"""The supervisor of the workers: starts the cluster, rings its bells, and starts it anew when it dies or stands still."""

import os
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from structlog import get_logger

from iom.lib import fencing
from orchestration.supervisor import cluster, parent
from orchestration.supervisor.bells import ring_all
from orchestration.supervisor.cluster import PROGRESS_FILE
from orchestration.supervisor.group import CAN_FORK, ForkedGroup, Group
from orchestration.supervisor.pardon import pardon, suspect_of

log = get_logger(__name__)
LOOK_SECONDS = 0.1
BELL_SECONDS = 2.0
STILL_SECONDS = 30.0  # no finished task for so long, though bells ring every two seconds: it stands still
DELAY_FIRST, DELAY_MOST = 0.2, 15.0
GRACE_SECONDS = settings.Q_CLUSTER["timeout"] + 5
MANAGE = Path(settings.BASE_DIR) / "manage.py"


class Supervisor:
    """Keeps one cluster working. `run` returns after SIGTERM or SIGINT; a second signal ends without grace."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="iom-progress-")
        os.close(handle)
        self.progress = Path(name)
        self.cluster: Group | None = None
        self.delay = DELAY_FIRST
        self.ends = self.life = 0
        self.touched = 0.0
        self.next_bell = 0.0

    def run(self) -> None:
        parent.adopt_orphans()
        for task in settings.IOM["BELLS"].values():
            import_string(task)  # once here, not in each worker of each life
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        try:
            while not self.ends:
                self._keep_one_life()
        finally:
            self._end()
            self.progress.unlink(missing_ok=True)

    def _keep_one_life(self) -> None:
        """From the start of a cluster to its death or standstill."""
        self._start()
        reason = ""
        while not self.ends and not (reason := self._fault()):
            self._ring_when_due()
            time.sleep(LOOK_SECONDS)
        if reason:
            log.error(
                "cluster.restarts", reason=reason, pid=self.cluster.pid, after_s=round(self.cluster.age())
            )
            self.cluster.kill()
            pardon(self.life, suspect_of(self.progress))
            self._wait_before_next()

    def _start(self) -> None:
        self.progress.touch()
        self.touched, self.next_bell = self.progress.stat().st_mtime, 0.0
        self.life = fencing.begin_life()
        self.cluster = self._forked() if CAN_FORK else self._executed()
        log.info("cluster.started", pid=self.cluster.pid)

    def _forked(self) -> Group:
        connections.close_all()
        return ForkedGroup(partial(cluster.run, self.progress))

    def _executed(self) -> Group:
        command = [sys.executable, str(MANAGE), "work", "--cluster"]
        environment = {
            PROGRESS_FILE: str(self.progress),
            fencing.LIFE: str(self.life),
            "NO_BOOTSTRAP": "1",
        }
        return Group(command, environment=environment)

    def _fault(self) -> str:
        if not self.cluster.is_alive():  # exit 0 too: that is how it leaves when its sentinel was killed
            return f"exit {self.cluster.exit_code}"
        still = time.time() - self.progress.stat().st_mtime
        return f"no task finished for {still:.0f} s" if still > STILL_SECONDS else ""

    def _ring_when_due(self) -> None:
        if time.monotonic() >= self.next_bell:
            ring_all()
            self.next_bell = time.monotonic() + BELL_SECONDS

    def _wait_before_next(self) -> None:
        """Longer after each life that finished nothing, so that a cluster that cannot live does not eat the machine."""
        self.delay = DELAY_FIRST if self._has_worked() else min(self.delay * 2, DELAY_MOST)
        until = time.monotonic() + self.delay
        while not self.ends and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)

    def _has_worked(self) -> bool:
        return self.progress.stat().st_mtime > self.touched

    def _asked_to_end(self, *_) -> None:
        self.ends += 1

    def _end(self) -> None:
        """What runs may finish; after the grace, or at a second signal, it is cut off and done again later."""
        if self.cluster is None:
            return
        self.cluster.ask_to_end()
        limit = time.monotonic() + GRACE_SECONDS
        while self.cluster.is_alive() and self.ends < 2 and time.monotonic() < limit:
            time.sleep(LOOK_SECONDS)
        self.cluster.kill()
