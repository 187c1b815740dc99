"""The sandbox's dock: in a demo that goes on by itself, what is sold out comes in after a while."""

import json
import queue
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings

KEYS = {"access_token": "t", "api_key": "k", "webhook_secret": "s"}


@pytest.fixture
def ours():
    """Our API as far as the dock knows it; what came, in turn."""
    came: queue.Queue = queue.Queue()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/v1/positions/adjust/":
                came.put((self.headers["Authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", came
        server.shutdown()


def test_trucks_bring_what_is_awaited_one_in_turn(ours, tmp_path):
    url, came = ours
    config = {
        "our_url": url, "store": "s", "hooks": {"bigcommerce": "shop"}, "staff_key": "staff", "dock_key": "dock", "awaited": ["A-1", "B-2"],
        "secrets": dict.fromkeys(("bigcommerce", "threepl", "billing"), KEYS), "refuses": [], "products": [], "customers": [],
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [
        sys.executable, "-m", "providers.sandbox", "--config", str(tmp_path / "config.json"), "--ledger", str(tmp_path / "ledger"),
        "--rate", "0.001", "--dock", "0.01", "--with-parent",
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as sandbox:
        try:
            trucks = [came.get(timeout=30) for _ in range(3)]
        finally:
            sandbox.kill()

    assert {key for key, _ in trucks} == {"Bearer dock"}
    assert [body["rows"][0]["sku"] for _, body in trucks] == ["A-1", "B-2", "A-1"]
    assert all(body["rows"][0]["quantity"] > 0 and body["reason"] for _, body in trucks)
