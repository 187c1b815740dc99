"""The demo's three neighbors: sandbox, web, workers. Each in a group of its own; a dead one is started again."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from orchestration.supervisor.group import Group
from orchestration.supervisor.web import PARENT

MANAGE = str(Path(settings.BASE_DIR) / "manage.py")
# The most that a restart waits for the one that went to leave its port.
READY_SECONDS = 60.0
ORDER_OF_END = ("sandbox", "workers", "web")
GRACE_SECONDS = {"sandbox": 0.0, "workers": 27.0, "web": 10.0}


@dataclass(frozen=True)
class Plan:
    port: int
    sandbox_port: int
    config: Path
    ledger: Path
    rate: float = 0.0
    pace: float = 2.0
    faults: bool = False
    seed: int = 1
    workers: int = 2

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"


@dataclass
class Processes:
    plan: Plan
    output: Path
    running: dict[str, Group] = field(default_factory=dict)

    def start(self, names: Sequence[str] = ("sandbox", "web", "workers")) -> None:
        for name in names:
            self._start(name)
        for name, url in (("sandbox", self.plan.sandbox_url), ("web", self.plan.url)):
            if name in names:
                wait_for(url)

    def keep(self) -> list[str]:
        """Start again what died; returns their names."""
        dead = [name for name, group in self.running.items() if not group.is_alive()]
        for name in dead:
            self.running[name].kill()
            self._start(name)
        return dead

    def end(self) -> None:
        """The world outside first, so that nothing new comes; then who works, then who answers."""
        for name in ORDER_OF_END:
            if group := self.running.pop(name, None):
                group.end(GRACE_SECONDS[name])

    def _start(self, name: str) -> None:
        commands = {"sandbox": self._sandbox, "web": self._web, "workers": self._workers}
        with self.output.open("ab") as log:
            self.running[name] = Group(
                commands[name](),
                environment=self._environment(),
                stdin=subprocess.PIPE,
                output=log,
            )

    def _environment(self) -> dict[str, str]:
        return {
            "NO_BOOTSTRAP": "1",
            "IOM_PUBLIC_URL": self.plan.url,
            "IOM_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{self.plan.sandbox_port}",
            "IOM_WORKERS": os.environ.get("IOM_WORKERS", str(self.plan.workers)),
            "IOM_LOG_LEVEL": os.environ.get("IOM_LOG_LEVEL", "WARNING"),
            "PYTHONPATH": str(settings.BASE_DIR),
            PARENT: str(os.getpid()),
        }

    def _sandbox(self) -> list[str]:
        plan = self.plan
        command = [
            sys.executable,
            "-m",
            "providers.sandbox",
            "--with-parent",
            "--port",
            str(plan.sandbox_port),
        ]
        command += ["--config", str(plan.config), "--ledger", str(plan.ledger), "--seed", str(plan.seed)]
        command += ["--rate", str(plan.rate), "--pace", str(plan.pace)]
        return command + (["--faults"] if plan.faults else [])

    def _web(self) -> list[str]:
        if importlib.util.find_spec("gunicorn") is None or os.name == "nt":
            return [sys.executable, MANAGE, "runserver", "--noreload", str(self.plan.port)]
        command = [sys.executable, "-m", "gunicorn", "iom.wsgi", "--bind", f"127.0.0.1:{self.plan.port}"]
        command += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--log-level", "warning"]
        return [*command, "--config", "python:orchestration.supervisor.web"]

    def _workers(self) -> list[str]:
        return [sys.executable, MANAGE, "work"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(url: str) -> None:
    """Until something answers there, whatever it says. Raises TimeoutError."""
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"{url}/static/none", timeout=5)  # noqa: S310
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"Nothing answers at {url}; the log says why.")


def raise_on_end() -> None:
    """SIGTERM ends the demo as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
