"""Calls from the outside world to us: shop webhooks and 3PL callbacks, again and again until one is taken."""

import base64
import hmac
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from providers.sandbox import shop, trade
from providers.sandbox.faults import Dice
from providers.sandbox.ledger import Ledger, count, dumps

AT_ONCE = 4
MOST_A_ROUND = 200
TIMEOUT = 10
BACK_OFF_MOST = 5.0


class Caller:
    def __init__(self, config: Mapping[str, Any], ledger: Ledger, dice: Dice) -> None:
        self.config, self.ledger, self.dice = config, ledger, dice
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="calls")

    def round(self) -> int:
        """Send what is due, once; what was not taken is due again later. Returns how many were sent."""
        calls = self.ledger.run(self._due)
        taken = list(self.pool.map(self._send, calls))
        if calls:
            self.ledger.run(lambda db: self._note(db, calls, taken))
        return len(calls)

    def _due(self, db: sqlite3.Connection) -> list[tuple]:
        now = time.time()
        hooks = db.execute(
            "SELECT * FROM shop_order WHERE hook_due <= ? ORDER BY hook_due LIMIT ?", (now, MOST_A_ROUND)
        )
        calls = [("shop_order", "hook_", row["id"], row["hook_tries"], self._hook(row)) for row in hooks]
        posts = db.execute(
            "SELECT * FROM trade_order WHERE due <= ? ORDER BY due LIMIT ?", (now, MOST_A_ROUND)
        )
        calls += [("trade_order", "", row["id"], row["tries"], self._post(row)) for row in posts]
        backs = db.execute("SELECT * FROM callback WHERE due <= ? ORDER BY due LIMIT ?", (now, MOST_A_ROUND))
        return calls + [("callback", "", row["id"], row["tries"], self._back(row)) for row in backs]

    def _hook(self, row: sqlite3.Row) -> tuple[str, dict[str, str], bytes]:
        body = dumps(shop.webhook(row, self.config["store"])).encode()
        secret = self.config["secrets"]["bigcommerce"]["webhook_secret"]
        return self._path("bigcommerce"), {"X-Webhook-Secret": secret}, body

    def _back(self, row: sqlite3.Row) -> tuple[str, dict[str, str], bytes]:
        body = row["body"].encode()
        secret = self.config["secrets"]["threepl"]["webhook_secret"]
        return self._path("threepl"), signed(secret, row["id"], body), body

    def _post(self, row: sqlite3.Row) -> tuple[str, dict[str, str], bytes]:
        path, headers, more = trade.posted(row, self.config["trade"]["key"])
        return path, headers, dumps({**json.loads(row["body"]), **more}).encode()

    def _path(self, provider: str) -> str:
        return f"/hooks/{self.config['hooks'][provider]}/"

    def _send(self, call: tuple) -> bool:
        """True when it was taken, or is lost for ever: pullers must find what no call told."""
        kind, path, headers, body = call[0], *call[-1]
        if kind == "shop_order" and self.dice.hits(self.dice.rates.lose):
            self.ledger.run(lambda db: count(db, "lost"))
            return True
        taken = _post(self.config["our_url"], path, headers, body)
        if self.dice.hits(self.dice.rates.repeat):
            self.ledger.run(lambda db: count(db, "repeated"))
            return _post(self.config["our_url"], path, headers, body) and taken
        return taken

    def _note(self, db: sqlite3.Connection, calls: list[tuple], taken: list[bool]) -> None:
        now = time.time()
        for (table, prefix, key, tries, _), done in zip(calls, taken, strict=True):
            due = None if done else now + min(0.2 * 2**tries, BACK_OFF_MOST)
            db.execute(
                f"UPDATE {table} SET {prefix}due = ?, {prefix}tries = {prefix}tries + 1 WHERE id = ?",  # noqa: S608
                (due, key),
            )
        for name, kind in (("webhooks_sent", "shop_order"), ("callbacks_sent", "callback")):
            count(db, name, sum(call[0] == kind and done for call, done in zip(calls, taken, strict=True)))


def signed(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks."""
    stamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


_lines = threading.local()


def _post(url: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    return request(url, "POST", path, headers, body)[0] // 100 == 2


def request(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, Any]:
    """(status, JSON) over this thread's kept connection; status 0 when the line broke."""
    head = {"Content-Type": "application/json", **headers}
    line = getattr(_lines, "line", None)
    if line is None or _lines.url != url:
        line = _lines.line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        _lines.url = url
    try:
        line.request(method, path, body, head)
        answer = line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text or b"null")
    except (OSError, http.client.HTTPException):
        line.close()
        return 0, None
    except ValueError:
        return answer.status, None
