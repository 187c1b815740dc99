"""A BigCommerce shop on loopback: its v2 shapes written from the documented facts, every effect in a ledger."""

import json
import threading
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

TOKEN = "token-of-the-shop-1"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # what the vendors of these tests sign with
PLACED = int(datetime(2026, 3, 2, 15, 0, tzinfo=UTC).timestamp())
ADA = {
    "first_name": "Ada", "last_name": "Moss", "company": "", "street_1": "1 Main Street", "street_2": "", "city": "Chicago",
    "state": "Illinois", "zip": "60601", "country": "United States", "country_iso2": "US", "phone": "555", "email": "ada@example.com",
}  # fmt: skip


def rfc(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


class Shop:
    """`script` holds what the next calls do: "ok", "drop" (works, then hangs up) or (status, headers); then "ok"."""

    def __init__(self) -> None:
        self.orders: dict[int, dict] = {}
        self.shipments: list[dict] = []
        self.statuses: list[tuple[int, int]] = []
        self.calls: list[str] = []
        self.script: list = []
        self.page = 250
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def base(self) -> str:
        return f"http://{self.host}/stores/abc"

    def place(self, number: int, *products: tuple, modified: int = 0, **fields) -> dict:
        """`products` are (sku, quantity, price as text with four places[, tax])."""
        rows = [
            {
                "id": number * 100 + n, "order_id": number, "product_id": n, "sku": sku, "name": f"The {sku}", "quantity": quantity,
                "price_ex_tax": price, "base_price": price, "total_tax": more[0] if more else "0.0000", "applied_discounts": [],
                "order_address_id": number * 10,
            }
            for n, (sku, quantity, price, *more) in enumerate(products, 1)
        ]  # fmt: skip
        order = {
            "id": number, "status_id": 11, "status": "Awaiting Fulfillment", "date_created": rfc(PLACED),
            "date_modified": rfc(PLACED + modified), "customer_id": 0, "currency_code": "USD", "total_tax": "0.0000",
            "shipping_cost_ex_tax": "0.0000", "discount_amount": "0.0000", "coupon_discount": "0.0000", "total_inc_tax": "0.0000",
            "customer_message": "", "items_total": sum(row["quantity"] for row in rows), "billing_address": dict(ADA), **fields,
        }  # fmt: skip
        self.orders[number] = {
            "order": order,
            "products": rows,
            "shipping_addresses": [{"id": number * 10, **ADA}],
        }
        return order

    def answer(self, method: str, path: str, query: dict, body: dict) -> tuple[int, object]:
        parts = path.removeprefix("/stores/abc/v2/").split("/")
        if parts == ["store"]:
            return 200, {"id": "1001", "name": "Test shop"}
        if parts == ["orders"]:
            return self._page(self._listed(query), query)
        found = self.orders.get(int(parts[1]))
        if not found:
            return 404, [{"status": 404, "message": "The requested resource was not found."}]
        if method == "PUT":
            self.statuses.append((int(parts[1]), body["status_id"]))
            found["order"]["status_id"] = body["status_id"]
        elif method == "POST":
            self.shipments.append({"id": len(self.shipments) + 1, "order_id": int(parts[1]), **body})
            return 201, self.shipments[-1]
        if len(parts) == 2:
            return 200, found["order"]
        if parts[2] == "shipments":
            return self._page([s for s in self.shipments if s["order_id"] == int(parts[1])], query)
        return self._page(found[parts[2]], query)

    def _listed(self, query: dict) -> list[dict]:
        low, high = int(query.get("min_id", 0)), int(query.get("max_id", 1 << 60))
        since = parsedate_to_datetime(query["min_date_modified"]) if "min_date_modified" in query else None
        rows = [self.orders[pk]["order"] for pk in sorted(self.orders) if low <= pk <= high]
        if since:
            rows = [row for row in rows if parsedate_to_datetime(row["date_modified"]) >= since]
            rows.sort(key=lambda row: (parsedate_to_datetime(row["date_modified"]), row["id"]))
        return rows

    def _page(self, rows: list, query: dict) -> tuple[int, object]:
        size, page = min(int(query.get("limit", 50)), self.page), int(query.get("page", 1))
        part = rows[size * (page - 1) : size * page]
        return (200, part) if part else (204, None)


def _handler(shop: Shop):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            parts = urlsplit(self.path)
            with shop.lock:
                shop.calls.append(f"{self.command} {self.path.removeprefix('/stores/abc')}")
                step = shop.script.pop(0) if shop.script else "ok"
                if self.headers.get("X-Auth-Token") != TOKEN:
                    step = (401, {})
                if not isinstance(step, tuple):
                    status, found = shop.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
                    headers = {}
            if step == "drop":
                self.close_connection = True
                return
            if isinstance(step, tuple):
                (status, headers), found = step, {"message": "no"}
            raw = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = handle_any

        def log_message(self, *args): ...

    return Handler
