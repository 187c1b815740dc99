"""What the outside world remembers. Every effect is counted by its key, so a doubled one is seen by somebody else than us.

One writer thread commits the work of many requests together; a request is answered only after the commit.
"""

import json
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

TABLES = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS shop_order (
  id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, status_id INTEGER NOT NULL, created REAL NOT NULL,
  modified REAL NOT NULL, hook_id TEXT NOT NULL, hook_due REAL, hook_tries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS shop_hook ON shop_order (hook_due) WHERE hook_due IS NOT NULL;
CREATE TABLE IF NOT EXISTS shop_shipment (
  id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL, comments TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS shipment_order ON shop_shipment (order_id);
CREATE TABLE IF NOT EXISTS trade_order (
  id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, due REAL, tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS parcel (
  id INTEGER PRIMARY KEY AUTOINCREMENT, client_key TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, body TEXT NOT NULL,
  status TEXT NOT NULL, sequence INTEGER NOT NULL, updated REAL NOT NULL, next_at REAL, shipped_at REAL,
  effects INTEGER NOT NULL DEFAULT 1, cancel INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS parcel_next ON parcel (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS parcel_reference ON parcel (reference);
CREATE INDEX IF NOT EXISTS parcel_updated ON parcel (updated, id);
CREATE TABLE IF NOT EXISTS invoice (
  id INTEGER PRIMARY KEY AUTOINCREMENT, client_key TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, body TEXT NOT NULL,
  issued REAL NOT NULL);
CREATE INDEX IF NOT EXISTS invoice_reference ON invoice (reference);
CREATE TABLE IF NOT EXISTS callback (
  id TEXT PRIMARY KEY, body TEXT NOT NULL, due REAL, tries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS callback_due ON callback (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
MOST_AT_ONCE = 200


class Ledger:
    """`run(work)` gives `work` the connection inside the writer's transaction and returns its answer once committed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.waiting: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True, name="ledger").start()
        self.run(lambda db: None)

    def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        future: Future = Future()
        self.waiting.put((work, future))
        return future.result()

    def totals(self) -> dict[str, Any]:
        return self.run(_totals)

    def _write(self) -> None:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.executescript(TABLES)
        while True:
            batch = [self.waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self.waiting.empty():
                batch.append(self.waiting.get())
            db.execute("BEGIN IMMEDIATE")
            done = [(future, *_attempt(db, work)) for work, future in batch]
            db.execute("COMMIT")
            for future, answer, error in done:
                future.set_exception(error) if error else future.set_result(answer)


def _attempt(db: sqlite3.Connection, work: Callable) -> tuple[Any, Exception | None]:
    """One piece of work under a savepoint, so that its failure takes nobody else's work along."""
    db.execute("SAVEPOINT work")
    try:
        answer, error = work(db), None
    except Exception as caught:  # handed to the thread that asked
        answer, error = None, caught
        db.execute("ROLLBACK TO work")
    db.execute("RELEASE work")
    return answer, error


def count(db: sqlite3.Connection, name: str, by: int = 1) -> None:
    db.execute(
        "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, by),
    )


def _totals(db: sqlite3.Connection) -> dict[str, Any]:
    def one(sql: str) -> int:
        return db.execute(sql).fetchone()[0] or 0

    counters = {row["name"]: row["value"] for row in db.execute("SELECT name, value FROM counter")}
    doubled = "SELECT sum(n - 1) FROM (SELECT count(*) n FROM {} GROUP BY {})"
    return {
        "orders_created": one(
            "SELECT (SELECT count(*) FROM shop_order) + (SELECT count(*) FROM trade_order)"
        ),
        "trade_orders": one("SELECT count(*) FROM trade_order"),
        "shop_order_ids": [row["id"] for row in db.execute("SELECT id FROM shop_order ORDER BY id")],
        "webhooks_waiting": one("SELECT count(*) FROM shop_order WHERE hook_due IS NOT NULL"),
        "threepl_orders": one("SELECT count(*) FROM parcel"),
        "threepl_shipped": one("SELECT count(*) FROM parcel WHERE shipped_at IS NOT NULL"),
        # The same instruction under two keys is a second parcel to the same customer.
        "doubled_threepl": one(doubled.format("parcel", "reference")),
        "invoices": one("SELECT count(*) FROM invoice"),
        "doubled_invoices": one(doubled.format("invoice", "reference")),
        "invoiced_minor": one("SELECT sum(json_extract(body, '$.amount_minor')) FROM invoice"),
        "shop_shipments": one("SELECT count(*) FROM shop_shipment"),
        "doubled_shop_shipments": one(doubled.format("shop_shipment", "order_id, comments")),
        "callbacks_waiting": one("SELECT count(*) FROM callback WHERE due IS NOT NULL"),
        "parcels_moving": one("SELECT count(*) FROM parcel WHERE next_at IS NOT NULL"),
        **{name: counters.get(name, 0) for name in COUNTERS},
        "shop_status": {
            str(row["status_id"]): row["n"]
            for row in db.execute("SELECT status_id, count(*) n FROM shop_order GROUP BY status_id")
        },
    }


COUNTERS = (
    "webhooks_sent", "callbacks_sent", "lost", "repeated", "dropped_replies", "errors_after", "told_to_wait",
    "repeated_keys", "staff_shipped",
)  # fmt: skip


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
