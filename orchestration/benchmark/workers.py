"""What the benchmark's own processes do: each says that it is ready, waits for its job, does it and tells the outcome."""

import http.client
import json
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from iom.lib import bell, heap


def drain(job: dict[str, Any]) -> dict[str, Any]:
    """Advance flows until nothing is due; `peak_mb` is the most memory that this process ever had."""
    from orchestration.engine.advance import drain as drain_runs

    claimed = drain_runs(budget_seconds=job.get("seconds", 600))
    return {"claimed": claimed, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Of this program alone where the system tells: `ru_maxrss` begins with what the process was that started us."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def drain_each(job: dict[str, Any]) -> dict[str, Any]:
    """`drain`, again for each further line that it is told."""
    while True:
        outcome = drain(job)
        line = _answer_and_wait(outcome)
        if not line:
            return outcome


def _answer_and_wait(outcome: dict[str, Any]) -> str:
    print(json.dumps(outcome), flush=True)
    return sys.stdin.readline()


def take(job: dict[str, Any]) -> dict[str, Any]:
    """Reserve one unit at a time at one position, each a request of its own."""
    from inventory.services.reservations import reserve
    from inventory.types import ReservationLine, ReservationRequest

    granted = 0
    for n in range(job["times"]):
        line = ReservationLine(f"{job['name']}:{n}", job["name"], job["product"], job["source"], 1)
        granted += bool(reserve([ReservationRequest((line,))], actor="benchmark").granted)
    return {"granted": granted}


def take_raw(job: dict[str, Any]) -> dict[str, Any]:
    """The floor of `take`: the conditional UPDATE alone."""
    statement = (
        "UPDATE floor_position SET reserved = reserved + 1 WHERE product_id = %s AND source_id = %s "
        "AND on_hand - reserved - safety_stock >= 1"
    )
    with psycopg.connect(job["url"], autocommit=True) as raw:
        taken = [
            raw.execute(statement, [job["product"], job["source"]]).rowcount for _ in range(job["times"])
        ]
    return {"granted": sum(taken)}


def post(job: dict[str, Any]) -> dict[str, Any]:
    """Post bodies one after another over one connection; `ms` is how long each took. `path` None: to order intake."""
    connection = http.client.HTTPConnection("127.0.0.1", job["port"], timeout=120)
    headers = {"Authorization": f"Bearer {job['token']}", "Content-Type": "application/json"}
    took, statuses = [], []
    for body in job["bodies"]:
        started = time.perf_counter()
        connection.request("POST", job.get("path", "/api/v1/orders/"), body, headers)
        answer = connection.getresponse()
        answer.read()
        took.append((time.perf_counter() - started) * 1000)
        statuses.append(answer.status)
    return {"ms": took, "statuses": statuses}


def source(job: dict[str, Any]) -> dict[str, Any]:
    """Source orders by cost, batch after batch."""
    from orchestration.benchmark.sourcing import source as source_orders

    return source_orders(job["orders"])


JOBS = {job.__name__: job for job in (drain, drain_each, take, take_raw, post, source)}


def serve(name: str) -> None:
    """Be one of them: two lines in (job, start), two lines out (ready, outcome)."""
    job = json.loads(sys.stdin.readline())
    from django.db import connection

    connection.ensure_connection()
    bell.load_tasks()
    heap.settle()
    print("ready", flush=True)
    sys.stdin.readline()
    outcome = JOBS[name](job)
    with suppress(BrokenPipeError):  # who called `drain_each` has gone
        print(json.dumps(outcome), flush=True)
