"""A provider on loopback with a ledger of its own: it tells the truth about what was done, whatever it answered."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
from shop_rig import SECRET, TOKEN, Shop

from providers.models import ProviderConnection
from providers.secrets import set_secrets


class Vendor:
    """`script` holds what the next calls answer: "ok", "drop", a status, (status, headers) or raw bytes; then "ok"."""

    def __init__(self) -> None:
        self.script: list = []
        self.ledger: list[str] = []  # one entry an effect
        self.calls: list[tuple[str, str, dict]] = []
        self.known: dict[str, dict] = {}
        self.uses_keys = True
        self.listed: dict = {"ok": True}  # what a GET answers
        self.keep_bodies: list | None = None  # (raw body, headers) of each POST, if asked for
        self.silent_about: set[str] = set()  # keys that the next batch answer leaves out
        self.before_answer = lambda: None
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def work(self, body: dict) -> dict:
        if "orders" in body or "invoices" in body:
            rows = body.get("orders") or body.get("invoices")
            name = "order" if "orders" in body else "invoice"
            done = [{"client_key": r["client_key"], "status": 201, name: self.work(r)} for r in rows]
            silent, self.silent_about = self.silent_about, set()
            return {"results": [row for row in done if row["client_key"] not in silent]}
        key = body.get("client_key", "")
        with self.lock:
            if not (self.uses_keys and key in self.known):
                self.ledger.append(key)
                number = len(self.ledger)
                self.known[key] = {
                    "id": f"3P-{number}", "number": f"INV-{number}", "client_key": key, "status": "received",
                    "amount_minor": body.get("amount_minor", 0), "currency": body.get("currency", "USD"),
                    "issued_at": "2026-03-02T15:00:00Z",
                }  # fmt: skip
            return self.known[key]

    def _handler(vendor):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw or "{}")
                with vendor.lock:
                    if vendor.keep_bodies is not None:
                        vendor.keep_bodies.append((raw, dict(self.headers)))
                    vendor.calls.append(("POST", self.path, dict(self.headers)))
                    step = vendor.script.pop(0) if vendor.script else "ok"
                refused = (isinstance(step, int) and 400 <= step < 500) or isinstance(step, tuple)
                found = {"code": "no", "message": "not like this"} if refused else vendor.work(body)
                vendor.before_answer()
                self.answer(step, found)

            def do_GET(self):
                with vendor.lock:
                    vendor.calls.append(("GET", self.path, dict(self.headers)))
                    step = vendor.script.pop(0) if vendor.script else "ok"
                _, found, key = self.path.partition("/by-key/")
                if found and step == "ok":
                    known = vendor.known.get(unquote(key))
                    self.answer("ok" if known else 404, known or {"code": "not_found"})
                else:
                    self.answer(step, vendor.listed)

            def answer(self, step, found):
                if step == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                status, headers = (
                    step if isinstance(step, tuple) else (step if isinstance(step, int) else 200, {})
                )
                raw = step if isinstance(step, bytes) else json.dumps(found).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args): ...

        return Handler


@pytest.fixture
def vendor(settings):
    vendor = Vendor()
    settings.IOM = {**settings.IOM, "ALLOWED_PRIVATE_HOSTS": [vendor.host], "ON_EVENTS": []}
    yield vendor
    vendor.server.shutdown()
    vendor.server.server_close()


@pytest.fixture
def connect(vendor):
    """An active connection to the vendor."""

    def make(provider: str = "webhook", key: str = "", **fields) -> ProviderConnection:
        parameters = {"url": vendor.url + "/in"} if provider == "webhook" else {"base_url": vendor.url}
        values = {
            "name": provider,
            "status": "active",
            "parameters": parameters,
            "timeout_seconds": 3,
            **fields,
        }
        connection = ProviderConnection.objects.create(key=key or provider, provider=provider, **values)
        secrets = {
            "webhook": {"secret": SECRET},
            "bigcommerce": {"access_token": "token-of-the-shop-1", "webhook_secret": "a-shared-secret-here"},
        }.get(provider, {"api_key": "key-of-the-house-1", "webhook_secret": SECRET})
        set_secrets(connection, secrets)
        return connection

    return make


@pytest.fixture
def shop(settings):
    shop = Shop()
    hosts = [*settings.IOM["ALLOWED_PRIVATE_HOSTS"], shop.host]
    settings.IOM = {
        **settings.IOM,
        "ALLOWED_PRIVATE_HOSTS": hosts,
        "ON_EVENTS": ["providers.listeners.on_events"],
    }
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


@pytest.fixture
def shop_connection(shop, make_channel) -> ProviderConnection:
    """The shop's orders come in by the channel web-shop, which is trusted: faulty ones are parked under a hold."""
    channel = make_channel("web-shop", trusted=True)
    connection = ProviderConnection.objects.create(
        key="shop", name="Shop", provider="bigcommerce", status="active", channel=channel, timeout_seconds=3,
        parameters={"base_url": shop.base},
    )  # fmt: skip
    set_secrets(connection, {"access_token": TOKEN, "webhook_secret": "a-shared-secret-here"})
    return connection
