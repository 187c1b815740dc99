"""A PostgreSQL server of a test's own, which may be stopped hard. Runs as a user of its own when we are root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from orchestration.demo.processes import free_port

USERS = ("postgres", "iomci", "nobody")


def binaries() -> Path | None:
    """The newest server on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """`with Server() as server`: up; `stop_hard()` and `start()` as often as wanted; gone at the end."""

    def __enter__(self) -> "Server":
        self.place = Path(tempfile.mkdtemp(prefix="iom-server-"))
        self.port = free_port()
        self.owner = _owner(self.place) if os.getuid() == 0 else []
        self._run("initdb", "-D", self.data, "-U", "iom", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop_hard()
        shutil.rmtree(self.place, ignore_errors=True)

    @property
    def data(self) -> str:
        return str(self.place / "data")

    @property
    def url(self) -> str:
        return f"postgres://iom@127.0.0.1:{self.port}"

    def start(self) -> None:
        # A killed server keeps what the system has taken, so nothing needs to be synced.
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.place} -c fsync=off"
        self._run(
            "pg_ctl", "-D", self.data, "-l", str(self.place / "log"), "-s", "-w", "-o", options, "start"
        )

    def stop_hard(self) -> None:
        """As if the power went: no checkpoint, every connection cut."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-s", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.owner, str(binaries() / program), *arguments]
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60)


def _owner(place: Path) -> list[str]:
    known = {entry.pw_name for entry in pwd.getpwall()}
    name = next(user for user in USERS if user in known)
    shutil.chown(place, name)
    return ["runuser", "-u", name, "--"]
