"""What all parts share: a scratch database, rounds that alternate with their floor, medians, row and query counts."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, connections

MANAGE = Path(settings.BASE_DIR) / "manage.py"


@contextmanager
def scratch_database() -> Iterator[str]:
    """A migrated database of its own beside the configured one; its address is yielded, it is dropped at the end."""
    if connection.vendor != "postgresql":
        raise CommandError(
            "The benchmark measures PostgreSQL: set DATABASE_URL=postgres://… and run it again."
        )
    home = connection.settings_dict["NAME"]
    name = f"{home}_benchmark"
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield address(name)
    finally:
        connections.close_all()
        connection.creation.destroy_test_db(home, verbosity=0)


def address(name: str) -> str:
    s = connection.settings_dict
    password = f":{s['PASSWORD']}" if s["PASSWORD"] else ""
    return f"postgres://{s['USER']}{password}@{s['HOST'] or '127.0.0.1'}:{s['PORT'] or 5432}/{name}"


def raw_connection(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


def worker(url: str, *arguments: str) -> subprocess.Popen:
    """Another process of ours on the scratch database."""
    environment = {**os.environ, "DATABASE_URL": url, "NO_BOOTSTRAP": "1", "IOM_LOG_LEVEL": "WARNING"}
    return subprocess.Popen(
        [sys.executable, str(MANAGE), *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def crew(url: str, name: str, jobs: Sequence[dict]) -> tuple[float, list[dict]]:
    """Seconds from the start signal to the last outcome, and the outcomes, of one process a job (see `workers`)."""
    processes = [worker(url, "benchmark", "--worker", name) for _ in jobs]
    try:
        for process, job in zip(processes, jobs, strict=True):
            _tell(process, json.dumps(job))
        for process in processes:
            if process.stdout.readline().strip() != "ready":
                raise AssertionError(f"a process for {name} did not come up")
        started = time.perf_counter()
        for process in processes:
            _tell(process, "go")
        outcomes = [json.loads(process.stdout.readline()) for process in processes]
        seconds = time.perf_counter() - started
    finally:
        for process in processes:
            process.stdin.close()
            process.stdout.close()
            if process.wait(30):
                raise AssertionError(f"a process for {name} failed")
    return seconds, outcomes


@contextmanager
def web_server(url: str, application: str = "iom.wsgi") -> Iterator[tuple[int, int]]:
    """Two web workers as in production; yields the port that they listen on and the id of their master."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", application, "--workers", "2", "--worker-class", "gthread",
        "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "warning",
        "--config", "python:orchestration.supervisor.web",
    ]  # fmt: skip
    environment = {**os.environ, "DATABASE_URL": url, "IOM_LOG_LEVEL": "WARNING", "NO_BOOTSTRAP": "1"}
    server = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)
    try:
        _wait_until_up(port, server)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_up(port: int, server: subprocess.Popen) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and server.poll() is None:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/health/live")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the web server did not come up")


def cpu_ms(master: int) -> float:
    """Processor time that a master and its workers have had so far."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(") ")[2].split()
            if int(stat.parent.name) == master or int(fields[1]) == master:
                total += int(fields[11]) + int(fields[12])
    return total * 1000 / os.sysconf("SC_CLK_TCK")


@contextmanager
def steady(url: str, name: str, job: dict) -> Iterator[Callable[[], dict]]:
    """One process that does its job again each time it is called, and tells the outcome."""
    process = worker(url, "benchmark", "--worker", name)

    def again() -> dict:
        _tell(process, "go")
        return json.loads(process.stdout.readline())

    try:
        _tell(process, json.dumps(job))
        if process.stdout.readline().strip() != "ready":
            raise AssertionError(f"a process for {name} did not come up")
        yield again
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def _tell(process: subprocess.Popen, line: str) -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def alternate(rounds: int, **measures: Callable[[], float]) -> dict[str, float]:
    """Run the measures in turn, round after round; the median of each."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    queries: list[str] = []

    def note(execute, sql, params, many, context):
        queries.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield queries


def table_counts() -> dict[str, tuple[int, int]]:
    """(inserted, updated) rows so far by table, as PostgreSQL counts them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_user_tables")
        return {name: (inserted, updated) for name, inserted, updated in cursor.fetchall()}


def written_between(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """(inserted, updated) by table; the statistics of the last transactions may take a moment to arrive."""
    zero = (0, 0)
    rows = {
        name: (now[0] - before.get(name, zero)[0], now[1] - before.get(name, zero)[1])
        for name, now in after.items()
    }
    return {name: counts for name, counts in rows.items() if sum(counts)}


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
