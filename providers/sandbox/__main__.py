"""`python -m providers.sandbox --config FILE --ledger FILE`: the outside world as one process on loopback."""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from providers.sandbox.billing import Billing
from providers.sandbox.calls import Caller
from providers.sandbox.dock import EVERY_SECONDS, Dock
from providers.sandbox.faults import CALM, STORMY, Dice
from providers.sandbox.http import HANG_UP, Answer, Request, Server
from providers.sandbox.ledger import Ledger, count
from providers.sandbox.shop import Shop
from providers.sandbox.staff import Staff
from providers.sandbox.threepl import ThirdParty
from providers.sandbox.trade import Trade

REST_SECONDS = 0.05
DOCK_REST_SECONDS = 0.25
STAFF_REST_SECONDS = 0.25  # people do not look at their list twenty times a second


class Sandbox:
    def __init__(self, options: argparse.Namespace) -> None:
        config = json.loads(Path(options.config).read_text())
        self.ledger = Ledger(options.ledger)
        self.dice = Dice(STORMY if options.faults else CALM, options.seed)
        self.shop = Shop(config, self.ledger, self.dice)
        self.threepl = ThirdParty(config, self.ledger, self.dice, options.pace)
        self.billing = Billing(config, self.ledger, self.dice)
        self.caller = Caller(config, self.ledger, self.dice)
        self.trade = Trade(config, self.ledger, self.dice)
        self.staff = Staff(config, self.ledger, options.pace)
        self.dock = Dock(config, options.dock)
        self.rate = options.rate

    def start_threads(self) -> None:
        for work, rest in (
            (self.caller.round, REST_SECONDS),
            (self.threepl.move, REST_SECONDS),
            (self.staff.round, STAFF_REST_SECONDS),
        ):
            threading.Thread(target=_for_ever, args=(work, rest), daemon=True).start()
        if self.rate:
            threading.Thread(target=self._customers, daemon=True).start()
            threading.Thread(target=_for_ever, args=(self.dock.round, DOCK_REST_SECONDS), daemon=True).start()

    def handle(self, request: Request) -> Answer:
        """Our own side doors are calm; the vendors' doors are not."""
        match (request.method, request.path):
            case ("GET", "/ledger"):
                return Answer(200, self.ledger.totals())
            case ("POST", "/receive"):
                return Answer(200, {"ids": self.receive(int(request.json()["orders"]))})
            case ("POST", "/weather"):
                self.dice.change(**request.json())
                return Answer(200, {"ok": True})
        return self._stormy(request)

    def receive(self, orders: int) -> list:
        """So many orders are placed, most in the shop, some by trade buyers."""
        trade = self.trade.share(orders)
        return [*self.shop.receive(orders - trade), *self.trade.receive(trade)]

    def _stormy(self, request: Request) -> Answer:
        rates = self.dice.rates
        while request.path.split("/")[1] in self.dice.silent:
            time.sleep(REST_SECONDS)
        if self.dice.hits(rates.too_many):
            self._count("told_to_wait")
            message = {"code": "too_many", "message": "Slow down."}
            return Answer(429, message, (("Retry-After", "1"),))
        answer = self._vendor(request)
        if self.dice.hits(rates.drop_reply):
            self._count("dropped_replies")
            return HANG_UP
        if self.dice.hits(rates.error_after):
            self._count("errors_after")
            return Answer(503, {"code": "unavailable", "message": "Something broke on our side."})
        return answer

    def _vendor(self, request: Request) -> Answer:
        if request.path.startswith("/stores/"):
            return self.shop.answer(request)
        if request.path.startswith("/threepl/"):
            return self.threepl.answer(request)
        if request.path.startswith("/billing/"):
            return self.billing.answer(request)
        return Answer(404, {"code": "not_found", "message": "There is no such service."})

    def _customers(self) -> None:
        """Orders come at the rate on average, one by one."""
        while True:
            time.sleep(1 / self.rate)
            self.receive(1)

    def _count(self, name: str) -> None:
        self.ledger.run(lambda db: count(db, name))


def _for_ever(work: Callable[[], int], rest: float) -> None:
    """Round after round; a rest when there was nothing to do or it went wrong."""
    while True:
        try:
            worked = work()
        except Exception as error:
            print(f"sandbox: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            worked = 0
        if not worked:
            time.sleep(rest)


def _die_with_parent() -> None:
    """Our input is a pipe from whoever started us: it ends when that process does, however it died."""
    sys.stdin.buffer.read()
    os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="providers.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--config", required=True, help="JSON file with addresses, keys and goods")
    parser.add_argument("--ledger", required=True, help="SQLite file of what the outside world remembers")
    parser.add_argument("--rate", type=float, default=0, help="orders a second that customers place")
    parser.add_argument("--pace", type=float, default=0.2, help="seconds that each step of work takes")
    parser.add_argument("--dock", type=float, default=EVERY_SECONDS, help="seconds between two trucks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", action="store_true", help="lose, repeat, shuffle, break")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.with_parent:
        threading.Thread(target=_die_with_parent, daemon=True).start()
    sandbox = Sandbox(options)
    server = Server(options.port, sandbox.handle)
    sandbox.start_threads()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
