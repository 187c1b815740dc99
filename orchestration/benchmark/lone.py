"""One order at idle, from its POST to "sent", with the real web server and the real workers: the bell, not the poll."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inventory.models import Product
from orchestration.benchmark import rig
from orchestration.benchmark.ingest import _body
from orchestration.benchmark.rig import MANAGE
from orchestration.supervisor.web import PARENT
from orders.models import Order
from orders.services.access import create_key

TIMES = 7
PAUSE_SECONDS = 3.0  # idle again: every bell of the last order has been answered
PATIENCE_SECONDS = 90.0  # the first order also waits for the workers to come up


def measure(url: str, times: int = TIMES) -> float:
    """Milliseconds, the median of several orders; two before them wake the processes and are not counted."""
    _, token = create_key("lone", scopes=["orders:write"])
    skus = list(Product.objects.filter(active=True).order_by("pk").values_list("sku", flat=True)[:300])
    with rig.web_server(url) as (port, _), _workers(url):
        _sent(port, token, skus, 0)
        _sent(port, token, skus, 1)
        return statistics.median(_sent(port, token, skus, n) for n in range(2, 2 + times))


def _sent(port: int, token: str, skus: list[str], n: int) -> float:
    """From before the request until the order is with its source, looked at every few milliseconds."""
    time.sleep(PAUSE_SECONDS)
    body, headers = _body(skus, f"lone-{n}", n), {"Authorization": f"Bearer {token}"}
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request(
        "POST", "/api/v1/orders/", json.dumps(body), headers | {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    assert answer.status == 201, (answer.status, answer.read())
    connection.close()
    while not Order.objects.filter(external_id=f"lone-{n}", sent_at__isnull=False).exists():
        assert time.perf_counter() - started < PATIENCE_SECONDS, "the order was not sent"
        time.sleep(0.005)
    return (time.perf_counter() - started) * 1000


@contextmanager
def _workers(url: str) -> Iterator[None]:
    environment = {
        **os.environ, "DATABASE_URL": url, "NO_BOOTSTRAP": "1", "IOM_LOG_LEVEL": "WARNING", "IOM_WORKERS": "2",
        PARENT: str(os.getpid()),
    }  # fmt: skip
    command = [sys.executable, str(MANAGE), "work"]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
