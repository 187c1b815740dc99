"""The house as real processes on a fresh PostgreSQL database, killed by pid, judged by the sandbox's ledger."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from django.conf import settings
from migrated import postgres_template

from iom.lib import fencing

ROOT = Path(settings.BASE_DIR)
EVERYBODY = ("sandbox", "web", "workers")
WORLD = """
import django; django.setup()
from orchestration.demo.world import load_world
load_world(stock_factor=20)
"""
WIRES = """
import sys
import django; django.setup()
from pathlib import Path
from inventory.models import FulfillmentSource
from orchestration.demo import wiring
from providers.models import ProviderConnection
place, sandbox, ours, only = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
kept = wiring.credentials(place / "keys.json")
wiring.connect(kept, sandbox)
for connection in ProviderConnection.objects.all():  # as a busy shop would set it: what no call told is found soon
    connection.parameters["pull_seconds"] = 1 if only else 5
    connection.save()
keys = wiring.api_keys(kept, place / "keys.json")
wiring.keep(place / "sandbox.json", wiring.sandbox_config(kept, ours, keys, trade=not only))
if only:
    FulfillmentSource.objects.exclude(type=only).update(active=False)
"""
ENDED = """
SELECT count(*) FROM orders_order o WHERE completed_at IS NOT NULL OR EXISTS
 (SELECT 1 FROM orders_hold h WHERE h.order_id = o.id AND h.released_at IS NULL) AND NOT EXISTS
 (SELECT 1 FROM fulfillment_fulfillmentorder f WHERE f.order_id = o.id AND f.invoiced_at IS NULL
  AND f.state NOT IN ('rejected', 'canceled'))
"""
DOUBLED = ("doubled_threepl", "doubled_invoices", "doubled_shop_shipments")
_worlds: dict[str, str] = {}


class House:
    """`with House(path) as house`: its processes run; at the end nobody of it is left and the database is gone.

    With `only="3pl"` all orders go to the 3PL and no web is needed: pullers bring what no call told.
    `without` names a guard of the workers that is taken away, as `unguarded.py` says.
    """

    def __init__(
        self, place: Path, *, names=EVERYBODY, faults=False, seed=1, server="", only="", pace=0.05, without=""
    ) -> None:
        from orchestration.demo.processes import Plan, Processes, free_port

        self.place, self.chance, self.names, self.only = place, random.Random(seed), names, only
        self.server = server or own_server()
        plan = Plan(
            port=free_port(),
            sandbox_port=free_port(),
            config=place / "sandbox.json",
            ledger=place / "ledger.sqlite3",
            pace=pace,
            faults=faults,
            seed=seed,
            workers=4,
        )
        self.processes = Processes(plan, output=place / "log")
        if without:
            unguarded = [sys.executable, str(Path(__file__).with_name("unguarded.py")), without]
            self.processes._workers = lambda: unguarded
        self.name = f"iom_rig_{os.getpid()}_{time.monotonic_ns()}"
        self.killed: list[str] = []
        self.zygote: subprocess.Popen | None = None

    def __enter__(self) -> "House":
        template = _world(self.server, self.place)
        _admin(self.server, f"CREATE DATABASE {self.name} TEMPLATE {template}")
        # Numbers that the template's sequences had drawn ahead are in no log of the copy: after a hard stop they would
        # be drawn again, unless a checkpoint came between.
        _admin(self.server, "CHECKPOINT")
        plan = self.processes.plan
        self.environment = {
            **_environment(self.url, self.place),
            "IOM_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{plan.sandbox_port}",
        }
        self.kept = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        _run("-c", WIRES, str(self.place), plan.sandbox_url, plan.url, self.only)
        self.processes.start(self.names)
        return self

    def __exit__(self, *_) -> None:
        if self.zygote:
            self.zygote.kill()
            self.zygote.wait()
        self.processes.end()
        for name, value in self.kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        with suppress(psycopg.OperationalError):  # the server itself may be what the test took away
            _admin(self.server, f"DROP DATABASE {self.name} WITH (FORCE)")

    @property
    def url(self) -> str:
        return f"{self.server}/{self.name}"

    def manage(self, *arguments: str) -> str:
        return _run(str(ROOT / "manage.py"), *arguments)

    # -- looking ------------------------------------------------------------------------------------------------

    def ask(self, sql: str, *values):
        """The first value of the first row."""
        with psycopg.connect(self.url, autocommit=True) as line:
            return line.execute(sql, values or None).fetchone()[0]

    def tell(self, sql: str, *values) -> int:
        """Rows that a statement changed."""
        with psycopg.connect(self.url, autocommit=True) as line:
            return line.execute(sql, values or None).rowcount

    def ledger(self) -> dict:
        return self.call("/ledger")

    def receive(self, orders: int) -> None:
        self.call("/receive", {"orders": orders})

    def call(self, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        url = self.processes.plan.sandbox_url + path
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
            return json.load(answer)

    def wait_until(self, holds: Callable[[], bool], seconds: float, *, what: str, keep: bool = True) -> float:
        """Seconds that it took."""
        begun = time.monotonic()
        while not holds():
            assert time.monotonic() < begun + seconds, f"not within {seconds} s: {what}\n{self.story()}"
            if keep:
                self.processes.keep()
            time.sleep(0.1)
        return time.monotonic() - begun

    def is_over(self, orders: int) -> bool:
        """So many orders came in and each has its end: invoiced or held."""
        return orders == self.ask(ENDED)

    def pull_now(self) -> None:
        self.tell("UPDATE providers_checkpoint SET due_at = now() WHERE due_at > now()")

    def leases_run_out(self) -> None:
        """As if the time of every lease had passed."""
        for table in (
            "orchestration_flowrun",
            "providers_providerrequest",
            "providers_inboxmessage",
            "providers_checkpoint",
        ):
            self.tell(f"UPDATE {table} SET lease_until = now() WHERE lease_until > now()")
        self.tell("UPDATE providers_providerrequest SET due_at = now() WHERE due_at > now()")

    def story(self) -> str:
        states = "SELECT coalesce(json_object_agg(state, n), '{}') FROM (SELECT state, count(*) n FROM %s GROUP BY 1) t"
        tables = (
            "orders_order",
            "orchestration_flowrun",
            "providers_providerrequest",
            "providers_inboxmessage",
        )
        lines = [f"killed: {self.killed}", *(f"{table}: {self.ask(states % table)}" for table in tables)]
        return "\n".join([*lines, (self.place / "log").read_text(errors="replace")[-3000:]])

    def judge(self, orders: int) -> None:
        """Nothing lost, doubled, oversold or stuck: the ledger outside and our own invariants agree."""
        self.judge_outside(orders)
        self.manage("check_invariants")

    def judge_outside(self, orders: int) -> None:
        ledger = self.ledger()
        assert ledger["orders_created"] == orders == self.ask("SELECT count(*) FROM orders_order")
        assert {name: ledger[name] for name in DOUBLED if ledger[name]} == {}
        assert ledger["invoices"] == self.ask("SELECT count(*) FROM fulfillment_invoice")
        assert ledger["threepl_shipped"] == self.ask(
            "SELECT count(DISTINCT f.id) FROM fulfillment_fulfillmentorder f JOIN inventory_fulfillmentsource s"
            " ON s.id = f.source_id WHERE s.type = '3pl' AND f.state IN ('shipped', 'delivered')"
        )

    # -- killing ------------------------------------------------------------------------------------------------

    def members(self, name: str) -> list[int]:
        """The living pids of a process and all that it made, itself first."""
        found = [self.processes.running[name].pid]
        for pid in found:
            with suppress(FileNotFoundError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return [pid for pid in found if not is_gone(pid)]

    def kill_one(self) -> bool:
        """SIGKILL somebody of the web or the workers, whoever it is; the sandbox is the judge and stays."""
        name = self.chance.choice(["web", "workers", "workers", "workers"])
        if not (pids := self.members(name)):
            return False
        place = self.chance.randrange(len(pids))
        try:
            os.kill(pids[place], signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.killed.append(f"{name}[{place} of {len(pids)}]")
        return True

    # -- workers that a test steers -----------------------------------------------------------------------------

    def hand(self, **wish) -> int:
        """Start a worker as `hands.py` says; its pid."""
        if self.zygote is None:
            environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "iom.settings", "PYTHONPATH": str(ROOT)}
            with (self.place / "log").open("ab") as log:
                self.zygote = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("hands.py"))],
                    env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                )  # fmt: skip
        self.zygote.stdin.write(json.dumps(wish) + "\n")
        self.zygote.stdin.flush()
        return int(self.zygote.stdout.readline())

    def log_has(self, text: str) -> bool:
        return text in (self.place / "log").read_text(errors="replace")

    def advancers(self) -> set[int]:
        """The pids of workers that have advanced runs, by the tokens of their claims."""
        tokens = re.findall(
            r'"advanced runs=.*?"batch": (\d+)', (self.place / "log").read_text(errors="replace")
        )
        return {int(token) >> fencing.CHANCE_BITS & (1 << fencing.PID_BITS) - 1 for token in tokens}

    def died(self, pid: int) -> bool:
        """Whether a worker of ours was killed rather than done."""
        self.wait_until(lambda: self.log_has(f"hand {pid} ended"), 10, what="its end is noted")
        return self.log_has(f"hand {pid} ended -9")

    def is_stopped(self, pid: int) -> bool:
        self.pull_now()
        return not is_gone(pid) and state_of(pid) == "T"

    def work(self, seconds: float = 60, **wish) -> int:
        """One worker until it has nothing to do or is dead; its pid."""
        pid = self.hand(**wish)
        self.wait_until(lambda: is_gone(pid), seconds, what="the worker ends")
        return pid

    def work_until_dead(self, point: str, seconds: float = 60) -> None:
        """Workers go on one after the other until one has met the kill point; the one that meets it is dead."""
        pid = self.hand(at=point, for_ever=True)
        begun = time.monotonic()
        while not is_gone(pid):
            assert time.monotonic() < begun + seconds, f"{point} was never passed\n{self.story()}"
            self.pull_now()
            time.sleep(0.05)
        assert self.died(pid), f"it ended otherwise than at {point}\n{self.story()}"
        self.killed.append(point)

    def work_until_over(self, orders: int, seconds: float = 90) -> None:
        limit = time.monotonic() + seconds
        while not self.is_over(orders):
            assert time.monotonic() < limit, f"not within {seconds} s\n{self.story()}"
            self.leases_run_out()
            self.work()


def is_gone(pid: int) -> bool:
    return state_of(pid) in ("", "Z", "X")


def state_of(pid: int) -> str:
    """The letter of the kernel: R runs, S sleeps, T is stopped, Z is dead and not buried; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def own_server() -> str:
    own = settings.DATABASES["default"]
    return f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}"


def _world(server: str, place: Path) -> str:
    """A migrated database with the demo world, made once a session; houses are copies of it."""
    if server not in _worlds:
        name = f"iom_rig_world_{os.getpid()}_{len(_worlds)}"
        _admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _admin(server, f"CREATE DATABASE {name} TEMPLATE {postgres_template(server)}")
        with _environ(_environment(f"{server}/{name}", place)):
            _run("-c", WORLD)
        _worlds[server] = name
    return _worlds[server]


def forget_worlds(*servers: str) -> None:
    """At the end of a session all; before the end of a server those of it."""
    for server in servers or list(_worlds):
        with suppress(psycopg.OperationalError):
            _admin(server, f"DROP DATABASE IF EXISTS {_worlds.pop(server)} WITH (FORCE)")


def _environment(url: str, place: Path) -> dict[str, str]:
    return {"DATABASE_URL": url, "IOM_VAR_DIR": str(place), "NO_BOOTSTRAP": "1"}


@contextmanager
def _environ(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(*command: str) -> str:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "iom.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _admin(server: str, sql: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as line:
        line.execute(sql)
