"""A billing service: one invoice a key, and one can ask for it by that key."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from providers.sandbox.faults import Dice
from providers.sandbox.http import Answer, Request
from providers.sandbox.ledger import Ledger, count, dumps
from providers.sandbox.threepl import iso

NOT_FOUND = Answer(404, {"code": "not_found", "message": "There is no such invoice."})


class Billing:
    def __init__(self, config: Mapping[str, Any], ledger: Ledger, dice: Dice) -> None:
        self.key = config["secrets"]["billing"]["api_key"]
        self.ledger, self.dice = ledger, dice

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return Answer(401, {"code": "unauthorized", "message": "The key is not known."})
        path = request.path.removeprefix("/billing").rstrip("/")
        if path.startswith("/invoices/by-key/"):
            return self._by_key(path.removeprefix("/invoices/by-key/"))
        match (request.method, path):
            case ("GET", "/health"):
                return Answer(200, {"ok": True})
            case ("POST", "/invoices"):
                body = request.json()
                result = self.ledger.run(lambda db: self._issue(db, body))
                return Answer(result["status"], result.get("invoice") or result["error"])
            case ("POST", "/invoices/batch"):
                rows = request.json()["invoices"]
                return Answer(
                    200, {"results": self.ledger.run(lambda db: [self._issue(db, row) for row in rows])}
                )
        return NOT_FOUND

    def _by_key(self, key: str) -> Answer:
        row = self.ledger.run(
            lambda db: db.execute("SELECT * FROM invoice WHERE client_key = ?", (key,)).fetchone()
        )
        return Answer(200, document(row)) if row else NOT_FOUND

    def _issue(self, db: sqlite3.Connection, body: dict[str, Any]) -> dict[str, Any]:
        named = {"client_key": body["client_key"]}
        key = self.dice.key(body["client_key"])
        if row := db.execute("SELECT * FROM invoice WHERE client_key = ?", (key,)).fetchone():
            count(db, "repeated_keys")
            return {**named, "status": 200, "invoice": {**document(row), **named}}
        if body["amount_minor"] < 0:
            error = {"code": "bad_amount", "message": "An invoice cannot be below zero."}
            return {**named, "status": 422, "error": error}
        db.execute(
            "INSERT INTO invoice (client_key, reference, body, issued) VALUES (?, ?, ?, ?)",
            (key, body["reference"], dumps(body), time.time()),
        )
        row = db.execute("SELECT * FROM invoice WHERE client_key = ?", (key,)).fetchone()
        return {**named, "status": 201, "invoice": {**document(row), **named}}


def document(row: sqlite3.Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    return {
        "number": f"INV-{row['id']}",
        "client_key": row["client_key"],
        "reference": row["reference"],
        "amount_minor": body["amount_minor"],
        "currency": body["currency"],
        "issued_at": iso(row["issued"]),
    }
