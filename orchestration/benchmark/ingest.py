"""Orders coming in: by API from real clients to a real server, and from a CSV file beside a COPY of the same rows."""

import json
import time
from collections.abc import Sequence
from typing import Any

from inventory.models import Product
from inventory.services.import_tables import spec_of, take_rows
from iom.lib import tabular
from orchestration.benchmark import rig
from orchestration.benchmark.floor import Copies
from orchestration.demo.world import load_world
from orchestration.models import FlowRun
from orders.models import Order, OrderLine
from orders.services.access import create_key
from orders.services.imports import ORDER_COLUMNS

CLIENTS = 4
A_REQUEST = 100
SINGLES = 100
CHANNEL = "web-shop"


def measure(url: str, *, orders: int = 4000, rounds: int = 5) -> dict[str, Any]:
    """Medians of the rounds; the 95th percentile is over all single requests. Every round checks what is stored."""
    load_world()
    _, token = create_key("benchmark", scopes=["orders:read", "orders:write"])
    skus = list(Product.objects.filter(active=True).order_by("pk").values_list("sku", flat=True)[:300])
    with rig.web_server(url) as (port, _):
        api = _Api(url, port, token, skus, orders)
        api.bulk()  # warm: imports, plans, caches
        api.single()
        api.singles.clear()
        table = _Table(url, skus, orders)
        figures = rig.alternate(
            rounds,
            bulk=api.bulk,
            single=api.single,
            csv=table.imported,
            copied=table.copied,
            bare=lambda: table.copied(bare=True),
        )
    return {
        "ingest.bulk_orders_per_s": round(figures["bulk"], 1),
        "ingest.single_p95_ms": round(rig.percentile(api.singles, 0.95), 1),
        "ingest.csv_orders_per_s": round(figures["csv"], 1),
        "ingest.csv_floor_orders_per_s": round(figures["copied"], 1),
        "ingest.csv_floor_ratio": round(figures["csv"] / figures["copied"], 3),
        "ingest.csv_bare_floor_ratio": round(figures["csv"] / figures["bare"], 3),
    }


class _Api:
    """Clients that post, each a process with a connection of its own."""

    def __init__(self, url: str, port: int, token: str, skus: Sequence[str], orders: int) -> None:
        self.url, self.port, self.token, self.skus, self.orders = url, port, token, skus, orders
        self.round, self.singles = 0, []

    def bulk(self) -> float:
        """Orders a second, `A_REQUEST` a request, from several clients at once."""
        self.round += 1
        every = [_body(self.skus, f"bulk-{self.round}-{n}", n) for n in range(self.orders)]
        bodies = [{"orders": every[start : start + A_REQUEST]} for start in range(0, len(every), A_REQUEST)]
        seconds, answers = self._post([bodies[n::CLIENTS] for n in range(CLIENTS)])
        assert {status for answer in answers for status in answer["statuses"]} <= {200, 201, 207}, answers
        _check_stored(f"bulk-{self.round}-", self.orders)
        return self.orders / seconds

    def single(self) -> float:
        """One order a request from one client; the answer times are kept."""
        self.round += 1
        count = min(SINGLES, self.orders)
        bodies = [_body(self.skus, f"one-{self.round}-{n}", n) for n in range(count)]
        seconds, (answer,) = self._post([bodies])
        assert set(answer["statuses"]) == {201}, answer["statuses"]
        self.singles += answer["ms"]
        _check_stored(f"one-{self.round}-", count)
        return count / seconds

    def _post(self, shares: list[list[dict]]) -> tuple[float, list[dict]]:
        """Bodies go as text: what the clients have to do for their own takes from the same two cores."""
        jobs = [
            {"port": self.port, "token": self.token, "bodies": list(map(json.dumps, share))}
            for share in shares
            if share
        ]
        return rig.crew(self.url, "post", jobs)


class _Table:
    """The same orders as a CSV file, and the rows that they become."""

    def __init__(self, url: str, skus: Sequence[str], orders: int) -> None:
        self.url, self.skus, self.orders, self.round = url, skus, orders, 0
        self.copies: Copies | None = None

    def imported(self) -> float:
        self.round += 1
        content, before = self._csv(), rig.table_counts()
        started = time.perf_counter()
        spec = spec_of("orders")
        report = take_rows(spec, spec.read(content).rows, actor="benchmark")
        seconds = time.perf_counter() - started
        assert report.taken == 3 * self.orders, report
        _check_stored(f"csv-{self.round}-", self.orders)
        if self.copies is None:
            written = rig.written_between(before, rig.table_counts())
            ours = {
                name: rows for name, rows in written.items() if not name.startswith(("django_q", "floor_"))
            }
            self.copies = Copies(self.url, ours)
        return self.orders / seconds

    def copied(self, *, bare: bool = False) -> float:
        """Orders a second of the COPY; `bare`: into tables without foreign keys."""
        return self.orders / self.copies.run(bare=bare)

    def _csv(self) -> bytes:
        rows = []
        for n in range(self.orders):
            body = _body(self.skus, f"csv-{self.round}-{n}", n)
            head = {name: body.get(name, "") for name in ORDER_COLUMNS}
            head |= {f"ship_to_{part}": value for part, value in body["ship_to"].items()}
            for number, line in enumerate(body["lines"], start=1):
                row = head | line | {"line_number": number}
                rows.append([row.get(name, "") for name in ORDER_COLUMNS])
        return tabular.write_csv(ORDER_COLUMNS, rows)


def _body(skus: Sequence[str], external_id: str, n: int) -> dict[str, Any]:
    return {
        "channel": CHANNEL,
        "external_id": external_id,
        "placed_at": "2026-05-01T12:00:00Z",
        "currency": "USD",
        "customer_name": "Ann Example",
        "customer_email": f"ann{n % 500}@customer.example",
        "ship_to": {
            "name": "Ann Example", "line1": f"{n} Main St", "city": "Chicago", "region": "IL",
            "postal_code": "60601", "country": "US",
        },
        "lines": [
            {"sku": skus[(n * 3 + k) % len(skus)], "quantity": 1 + (n + k) % 3, "unit_price": "19.95"} for k in range(3)
        ],
    }  # fmt: skip


def _check_stored(prefix: str, count: int) -> None:
    """Every order with its three lines and its run: only then a rate counts."""
    found = Order.objects.filter(external_id__startswith=prefix)
    assert found.count() == count, f"{found.count()} of {count} orders stored"
    assert OrderLine.objects.filter(order__in=found).count() == 3 * count
    assert FlowRun.objects.filter(order__in=found).count() == count
