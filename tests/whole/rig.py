"""The house as real processes on a fresh PostgreSQL database, killed by pid, judged by the sandbox's ledger."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

ROOT = Path(settings.BASE_DIR)
START = """
import json, sys
from pathlib import Path
from orchestration.demo import wiring
from orchestration.demo.world import load_world
place, sandbox, ours = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
load_world(stock_factor=20)
kept = wiring.credentials(place / "keys.json")
wiring.connect(kept, sandbox)
wiring.keep(place / "sandbox.json", wiring.sandbox_config(kept, ours, wiring.staff_key(kept, place / "keys.json")))
"""


class House:
    """`with House(path) as house`: everything runs; at the end nobody of it is left and the database is gone."""

    def __init__(self, place: Path, *, faults: bool = False, seed: int = 1) -> None:
        from orchestration.demo.processes import Plan, Processes, free_port

        self.place, self.chance = place, random.Random(seed)
        plan = Plan(
            port=free_port(),
            sandbox_port=free_port(),
            config=place / "sandbox.json",
            ledger=place / "ledger.sqlite3",
            pace=0.05,
            faults=faults,
            seed=seed,
        )
        self.processes = Processes(plan, output=place / "log")
        self.name = f"iom_rig_{os.getpid()}_{time.monotonic_ns()}"

    def __enter__(self) -> "House":
        own = settings.DATABASES["default"]
        self.server = (
            f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}"
        )
        self._admin(f"CREATE DATABASE {self.name}")
        self.before = {"DATABASE_URL": self.url, "IOM_VAR_DIR": str(self.place), "NO_BOOTSTRAP": "1"}
        self.kept = {name: os.environ.get(name) for name in self.before}
        os.environ.update(self.before)
        self.manage("migrate", "-v0")
        plan = self.processes.plan
        # `-c` of the shell has no arguments of its own, so they go by a script.
        script = "import django; django.setup()\n" + START
        self._run([sys.executable, "-c", script, str(self.place), plan.sandbox_url, plan.url])
        self.processes.start()
        return self

    def __exit__(self, *_) -> None:
        self.processes.end()
        for name, value in self.kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        self._admin(f"DROP DATABASE {self.name} WITH (FORCE)")

    @property
    def url(self) -> str:
        return f"{self.server}/{self.name}"

    def manage(self, *arguments: str) -> str:
        return self._run([sys.executable, str(ROOT / "manage.py"), *arguments])

    def ask(self, sql: str):
        """The first value of the first row."""
        with psycopg.connect(self.url, autocommit=True) as line:
            return line.execute(sql).fetchone()[0]

    def ledger(self) -> dict:
        return self._call("/ledger")

    def receive(self, orders: int) -> None:
        self._call("/receive", {"orders": orders})

    def members(self, name: str) -> list[int]:
        """The pids of a process and all that it made, itself first."""
        found = [self.processes.running[name].pid]
        for pid in found:
            tasks = Path(f"/proc/{pid}/task")
            for task in tasks.iterdir() if tasks.exists() else ():
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def kill_one(self) -> int:
        """SIGKILL somebody of the web or the workers, whoever it is; the sandbox is the judge and stays."""
        victim = self.chance.choice(self.members(self.chance.choice(["web", "workers", "workers"])))
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return 0
        return victim

    def wait_until(self, holds: Callable[[], bool], seconds: float, *, what: str) -> None:
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, f"not within {seconds} s: {what}\n{self.story()}"
            self.processes.keep()
            time.sleep(0.2)

    def is_over(self, orders: int) -> bool:
        """So many orders came in and each has its end: invoiced or held. Pullers look at once, not in five minutes."""
        self.ask(
            "WITH due AS (UPDATE providers_checkpoint SET due_at = now() RETURNING 1) SELECT count(*) FROM due"
        )
        return orders == self.ask(
            "SELECT count(*) FROM orders_order o WHERE completed_at IS NOT NULL OR EXISTS"
            " (SELECT 1 FROM orders_hold h WHERE h.order_id = o.id AND h.released_at IS NULL)"
        )

    def story(self) -> str:
        states = "SELECT coalesce(json_object_agg(state, n), '{}') FROM (SELECT state, count(*) n FROM %s GROUP BY 1) t"
        tables = (
            "orders_order",
            "orchestration_flowrun",
            "providers_providerrequest",
            "providers_inboxmessage",
        )
        lines = [f"{table}: {self.ask(states % table)}" for table in tables]
        return "\n".join([*lines, (self.place / "log").read_text(errors="replace")[-3000:]])

    def judge(self, orders: int) -> None:
        """Nothing lost, doubled, oversold or stuck: the ledger outside and our own invariants agree."""
        ledger = self.ledger()
        assert ledger["orders_created"] == orders == self.ask("SELECT count(*) FROM orders_order")
        assert [
            ledger[name] for name in ("doubled_threepl", "doubled_invoices", "doubled_shop_shipments")
        ] == [0, 0, 0]
        assert ledger["invoices"] == self.ask("SELECT count(*) FROM fulfillment_invoice")
        self.manage("check_invariants")

    def _run(self, command: list[str]) -> str:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "iom.settings", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _call(self, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        url = self.processes.plan.sandbox_url + path
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
            return json.load(answer)

    def _admin(self, sql: str) -> None:
        own = connection.settings_dict
        with psycopg.connect(
            host=own["HOST"] or "127.0.0.1",
            port=own["PORT"] or 5432,
            user=own["USER"],
            password=own["PASSWORD"] or None,
            dbname="postgres",
            autocommit=True,
        ) as line:
            line.execute(sql)
