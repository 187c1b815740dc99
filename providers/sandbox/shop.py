"""A BigCommerce shop: orders, products, shipping addresses, statuses, shipments, in the shapes of its v2 API."""

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from providers.sandbox.faults import Dice
from providers.sandbox.http import Answer, Request
from providers.sandbox.ledger import Ledger, count, dumps

STATUS = {
    1: "Pending", 2: "Shipped", 3: "Partially Shipped", 5: "Cancelled", 9: "Awaiting Shipment",
    10: "Completed", 11: "Awaiting Fulfillment",
}  # fmt: skip
NEW = 11
FORGETFUL = 0.01  # customers who leave out where they live
NOT_FOUND = Answer(404, [{"status": 404, "message": "The requested resource was not found."}])


class Shop:
    def __init__(self, config: Mapping[str, Any], ledger: Ledger, dice: Dice) -> None:
        self.products, self.customers = config["products"], config["customers"]
        self.token = config["secrets"]["bigcommerce"]["access_token"]
        self.prefix = f"/stores/{config['store']}"
        self.ledger, self.dice = ledger, dice

    def receive(self, number: int) -> list[int]:
        """Customers place orders; each gets a webhook that is due at once."""
        orders = [self._order() for _ in range(number)]

        def write(db: sqlite3.Connection) -> list[int]:
            now = time.time()
            return [
                db.execute(
                    "INSERT INTO shop_order (body, status_id, created, modified, hook_id, hook_due)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (dumps(order), NEW, now, now, uuid.uuid4().hex + "00000000", now),
                ).lastrowid
                for order in orders
            ]

        return self.ledger.run(write)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("X-Auth-Token") != self.token:
            return Answer(401, [{"status": 401, "message": "Unauthorized"}])
        match (request.method, *request.path.removeprefix(self.prefix).strip("/").split("/")):
            case ("GET", "v2", "store"):
                return Answer(200, {"id": "1001", "name": "Demo shop"})
            case ("GET", "v2", "orders"):
                return self._list(request.query)
            case ("GET", "v2", "orders", number, *rest) if number.isdigit():
                return self._read(int(number), rest)
            case ("PUT", "v2", "orders", number) if number.isdigit():
                return self._set_status(int(number), request.json())
            case ("POST", "v2", "orders", number, "shipments") if number.isdigit():
                return self._ship(int(number), request.json())
        return NOT_FOUND

    def _order(self) -> dict[str, Any]:
        place = self.dice.pick(self.customers)
        if self.dice.hits(FORGETFUL):
            place = {**place, "line1": "", "city": ""}
        chosen = {self.dice.pick(range(len(self.products))) for _ in range(1 + int(self.dice.roll() * 4))}
        lines = [(self.products[n], 1 + int(self.dice.roll() ** 3 * 4)) for n in sorted(chosen)]
        return {"place": place, "lines": [[p["sku"], p["name"], p["price"], units] for p, units in lines]}

    def _list(self, query: Mapping[str, str]) -> Answer:
        limit, page = min(int(query.get("limit", 50)), 250), int(query.get("page", 1))
        low, high = int(query.get("min_id", 0)), int(query.get("max_id", 1 << 60))
        since = (
            parsedate_to_datetime(query["min_date_modified"]).timestamp()
            if "min_date_modified" in query
            else 0.0
        )
        column = "modified" if "date_modified" in query.get("sort", "") else "id"
        rows = self.ledger.run(
            lambda db: db.execute(
                f"SELECT * FROM shop_order WHERE id BETWEEN ? AND ? AND modified >= ? ORDER BY {column}, id LIMIT ? OFFSET ?",  # noqa: S608
                (low, high, since, limit, limit * (page - 1)),
            ).fetchall()
        )
        return Answer(200, [document(row) for row in rows]) if rows else Answer(204)

    def _read(self, number: int, rest: list[str]) -> Answer:
        row = self.ledger.run(lambda db: _find(db, number))
        if row is None:
            return NOT_FOUND
        match rest:
            case []:
                return Answer(200, document(row))
            case ["products"]:
                return Answer(200, products(row))
            case ["shipping_addresses"]:
                return Answer(200, [{"id": number * 10, **_place(row)}])
            case ["shipments"]:
                return self._shipments(number)
        return NOT_FOUND

    def _shipments(self, number: int) -> Answer:
        rows = self.ledger.run(
            lambda db: db.execute(
                "SELECT id, body FROM shop_shipment WHERE order_id = ? ORDER BY id", (number,)
            ).fetchall()
        )
        return Answer(200, [{"id": r["id"], **json.loads(r["body"])} for r in rows]) if rows else Answer(204)

    def _set_status(self, number: int, body: Any) -> Answer:
        status = body.get("status_id") if isinstance(body, dict) else None
        if status not in STATUS:
            return Answer(400, [{"status": 400, "message": "The field 'status_id' is invalid."}])

        def write(db: sqlite3.Connection):
            db.execute(
                "UPDATE shop_order SET status_id = ?, modified = ? WHERE id = ?",
                (status, time.time(), number),
            )
            return _find(db, number)

        row = self.ledger.run(write)
        return Answer(200, document(row)) if row else NOT_FOUND

    def _ship(self, number: int, body: Any) -> Answer:
        known = {line["id"]: line["quantity"] for line in products_of(self.ledger, number)}
        wanted = {item["order_product_id"]: item["quantity"] for item in body.get("items", [])}
        if not wanted or any(known.get(line, 0) < units for line, units in wanted.items()):
            return Answer(400, [{"status": 400, "message": "The field 'items' is invalid."}])

        def write(db: sqlite3.Connection) -> int:
            return db.execute(
                "INSERT INTO shop_shipment (order_id, comments, body) VALUES (?, ?, ?)",
                (number, body.get("comments", ""), dumps({"order_id": number, **body})),
            ).lastrowid

        return Answer(201, {"id": self.ledger.run(write), "order_id": number, **body})


def webhook(row: sqlite3.Row, store: str) -> dict[str, Any]:
    """The body of the call about a new order: its id and nothing else."""
    return {
        "scope": "store/order/created",
        "store_id": "1001",
        "data": {"type": "order", "id": row["id"]},
        "hash": row["hook_id"],
        "created_at": int(row["created"]),
        "producer": f"stores/{store}",
    }


def document(row: sqlite3.Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    goods = sum(Decimal(price) * units for _, _, price, units in body["lines"])
    return {
        "id": row["id"],
        "status_id": row["status_id"],
        "status": STATUS[row["status_id"]],
        "date_created": _when(row["created"]),
        "date_modified": _when(row["modified"]),
        "customer_id": 0,
        "currency_code": "USD",
        "subtotal_ex_tax": f"{goods:.4f}",
        "total_tax": "0.0000",
        "shipping_cost_ex_tax": "5.0000",
        "discount_amount": "0.0000",
        "coupon_discount": "0.0000",
        "total_inc_tax": f"{goods + 5:.4f}",
        "customer_message": "",
        "staff_notes": "",
        "ip_address": "",
        "external_id": None,
        "channel_id": 1,
        "items_total": sum(units for *_, units in body["lines"]),
        "billing_address": _place(row),
    }


def _when(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def products(row: sqlite3.Row) -> list[dict[str, Any]]:
    return [
        {
            "id": row["id"] * 100 + position,
            "order_id": row["id"],
            "product_id": position,
            "sku": sku,
            "name": name,
            "quantity": units,
            "price_ex_tax": f"{Decimal(price):.4f}",
            "base_price": f"{Decimal(price):.4f}",
            "total_ex_tax": f"{Decimal(price) * units:.4f}",
            "total_tax": "0.0000",
            "applied_discounts": [],
            "order_address_id": row["id"] * 10,
        }
        for position, (sku, name, price, units) in enumerate(json.loads(row["body"])["lines"], 1)
    ]


def products_of(ledger: Ledger, number: int) -> list[dict[str, Any]]:
    row = ledger.run(lambda db: _find(db, number))
    return products(row) if row else []


def _place(row: sqlite3.Row) -> dict[str, str]:
    place = json.loads(row["body"])["place"]
    first, _, last = place["name"].partition(" ")
    return {
        "first_name": first,
        "last_name": last,
        "company": "",
        "street_1": place["line1"],
        "street_2": "",
        "city": place["city"],
        "state": place["region"],
        "zip": place["postal_code"],
        "country": "United States",
        "country_iso2": "US",
        "phone": place["phone"],
        "email": place["email"],
    }


def _find(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    return db.execute("SELECT * FROM shop_order WHERE id = ?", (number,)).fetchone()


__all__ = ["Shop", "count", "webhook"]
