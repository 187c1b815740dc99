"""A logistics partner: takes orders by idempotency key, moves each from received to delivered and calls back."""

import json
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from providers.sandbox.faults import Dice
from providers.sandbox.http import Answer, Request
from providers.sandbox.ledger import Ledger, count, dumps

ROAD = ("received", "accepted", "picking", "packed", "shipped", "delivered")
ENDS = ("delivered", "canceled")
MOST_MOVED = 500
NOT_FOUND = Answer(404, {"code": "not_found", "message": "There is no such order."})


class ThirdParty:
    """`pace` is the seconds that each step of the work takes; `config["refuses"]` has the SKUs that it will not handle."""

    def __init__(self, config: Mapping[str, Any], ledger: Ledger, dice: Dice, pace: float) -> None:
        self.key = config["secrets"]["threepl"]["api_key"]
        self.refuses = frozenset(config.get("refuses", ()))
        self.ledger, self.dice, self.pace = ledger, dice, pace

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return Answer(401, {"code": "unauthorized", "message": "The key is not known."})
        path = request.path.removeprefix("/threepl").rstrip("/")
        if path.startswith("/orders/by-key/"):
            return self._by_key(path.removeprefix("/orders/by-key/"))
        match (request.method, *path.strip("/").split("/")):
            case ("GET", "health"):
                return Answer(200, {"ok": True})
            case ("POST", "orders"):
                return self._take_one(request.json())
            case ("POST", "orders", "batch"):
                return self._take_batch(request.json()["orders"])
            case ("GET", "orders"):
                return self._list(request.query)
            case ("POST", "orders", "by-reference", reference, "cancel"):
                return self._cancel("reference", reference)
            case ("POST", "orders", number, "cancel"):
                return self._cancel("id", number.removeprefix("3P-"))
        return NOT_FOUND

    def move(self) -> int:
        """Move what is due one step on, with a callback each; returns how many moved."""
        return self.ledger.run(self._move)

    def _take_one(self, order: dict[str, Any]) -> Answer:
        result = self.ledger.run(lambda db: self._take(db, order))
        return Answer(result["status"], result.get("order") or result["error"])

    def _take_batch(self, orders: list[dict[str, Any]]) -> Answer:
        return Answer(
            200, {"results": self.ledger.run(lambda db: [self._take(db, order) for order in orders])}
        )

    def _take(self, db: sqlite3.Connection, order: dict[str, Any]) -> dict[str, Any]:
        named = {"client_key": order["client_key"]}
        key = self.dice.key(order["client_key"])
        if row := db.execute("SELECT * FROM parcel WHERE client_key = ?", (key,)).fetchone():
            count(db, "repeated_keys")
            return {**named, "status": 200, "order": {**document(row), **named}}
        if not order.get("lines") or any(line["quantity"] < 1 for line in order["lines"]):
            error = {"code": "bad_lines", "message": "An order needs lines with a quantity above 0."}
            return {**named, "status": 422, "error": error}
        if refused := sorted(self.refuses & {line.get("sku") for line in order["lines"]}):
            count(db, "refused")
            error = {"code": "not_carried", "message": f"We do not handle {', '.join(refused)}."}
            return {**named, "status": 422, "error": error}
        now = time.time()
        db.execute(
            "INSERT INTO parcel (client_key, reference, body, status, sequence, updated, next_at)"
            " VALUES (?, ?, ?, 'received', 0, ?, ?)",
            (key, order["reference"], dumps(order), now, now + self._step()),
        )
        row = db.execute("SELECT * FROM parcel WHERE client_key = ?", (key,)).fetchone()
        return {**named, "status": 201, "order": {**document(row), **named}}

    def _by_key(self, key: str) -> Answer:
        row = self.ledger.run(
            lambda db: db.execute("SELECT * FROM parcel WHERE client_key = ?", (key,)).fetchone()
        )
        return Answer(200, document(row)) if row else NOT_FOUND

    def _list(self, query: Mapping[str, str]) -> Answer:
        since = (
            datetime.fromisoformat(query["updated_since"]).timestamp() if "updated_since" in query else 0.0
        )
        after, after_id = since, 0
        if query.get("cursor"):
            text, _, number = query["cursor"].partition("_")
            after, after_id = float(text), int(number)
        limit = min(int(query.get("limit", 200)), 500)
        rows = self.ledger.run(
            lambda db: db.execute(
                "SELECT * FROM parcel WHERE (updated, id) > (?, ?) ORDER BY updated, id LIMIT ?",
                (after, after_id, limit),
            ).fetchall()
        )
        more = f"{rows[-1]['updated']!r}_{rows[-1]['id']}" if len(rows) == limit else None
        return Answer(200, {"orders": [document(row) for row in rows], "next_cursor": more})

    def _cancel(self, column: str, value: str) -> Answer:
        def write(db: sqlite3.Connection) -> Answer:
            row = db.execute(f"SELECT * FROM parcel WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
            if row is None:
                return NOT_FOUND
            if row["status"] in ("shipped", "delivered"):
                return Answer(409, {"code": "already_shipped", "message": "It has left the building."})
            if row["status"] != "canceled":
                self._become(db, row, "canceled", time.time())
            return Answer(200, {**document(_by_id(db, row["id"])), "status": "canceled"})

        return self.ledger.run(write)

    def _move(self, db: sqlite3.Connection) -> int:
        now = time.time()
        rows = db.execute(
            "SELECT * FROM parcel WHERE next_at <= ? ORDER BY next_at LIMIT ?", (now, MOST_MOVED)
        ).fetchall()
        for row in rows:
            self._become(db, row, ROAD[ROAD.index(row["status"]) + 1], now)
        return len(rows)

    def _become(self, db: sqlite3.Connection, row: sqlite3.Row, status: str, now: float) -> None:
        db.execute(
            "UPDATE parcel SET status = ?, sequence = sequence + 1, updated = ?, next_at = ?,"
            " shipped_at = CASE WHEN ? = 'shipped' THEN ? ELSE shipped_at END WHERE id = ?",
            (status, now, None if status in ENDS else now + self._step(), status, now, row["id"]),
        )
        self._call_back(db, _by_id(db, row["id"]), now)

    def _call_back(self, db: sqlite3.Connection, row: sqlite3.Row, now: float) -> None:
        event = f"evt-{row['id']}-{row['sequence']}"
        body = {"type": f"order.{row['status']}", "id": event, "timestamp": iso(now), "data": document(row)}
        lost = self.dice.hits(self.dice.rates.lose)
        if lost:
            count(db, "lost")
        due = None if lost else now + self.dice.roll() * self.dice.rates.shuffle_seconds
        db.execute("INSERT INTO callback (id, body, due) VALUES (?, ?, ?)", (event, dumps(body), due))

    def _step(self) -> float:
        return self.pace * self.dice.between(0.5, 1.5)


def document(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": f"3P-{row['id']}",
        "client_key": row["client_key"],
        "reference": row["reference"],
        "status": row["status"],
        "sequence": row["sequence"],
        "updated_at": iso(row["updated"]),
        "reason": "",
        "shipment": _shipment(row),
    }


def _shipment(row: sqlite3.Row) -> dict[str, Any] | None:
    if row["shipped_at"] is None:
        return None
    weight = sum(line["quantity"] for line in json.loads(row["body"])["lines"])
    return {
        "id": f"S-{row['id']}",
        "carrier": "UPS",
        "service": "ground",
        "tracking_number": f"1Z{row['id']:012d}",
        "tracking_url": "",
        "shipped_at": iso(row["shipped_at"]),
        "cost": f"{5 + weight * 0.85:.2f}",
        "currency": "USD",
        "lines": None,
    }


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _by_id(db: sqlite3.Connection, number: int) -> sqlite3.Row:
    return db.execute("SELECT * FROM parcel WHERE id = ?", (number,)).fetchone()
