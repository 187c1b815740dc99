"""The demo as a measured run: so many orders in, until each has its end; then everything must add up."""

import json
import time
import urllib.request
from typing import Any

from django.db import close_old_connections

from fulfillment.models import Invoice
from inventory.services.check import ledger_differences
from orchestration.demo.bar import Bar
from orchestration.demo.figures import CHANNELS, Figures, doubled_effects, oversold_units, percentile
from orchestration.demo.processes import Processes
from orders.models import Order

LOOK_SECONDS = 0.5
STUCK_SECONDS = 200.0  # much longer than a puller rests: it finds what no call told
LEFTOVER_SECONDS = 60.0
MOST_AT_ONCE = 250


class Trial:
    def __init__(self, processes: Processes, orders: int, rate: float) -> None:
        self.processes, self.wanted, self.rate = processes, orders, rate
        self.received = 0

    def run(self) -> tuple[dict[str, Any], list[str]]:
        """(the figures, what does not add up)."""
        before = self._after_leftovers()
        newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first()
        self.figures = Figures(newest or 0)
        self.started = time.monotonic()
        counts = self._until_over(Bar(self.wanted))
        seconds = time.monotonic() - self.started
        after = self._ledger()
        sent = self.figures.sent_ms()
        result = {
            "in": counts["in"],
            "sourced": counts["sourced"],
            "split": self.figures.split(),
            "sent": counts["sent"],
            "shipped": counts["shipped"],
            "invoiced": counts["invoiced"],
            "held": counts["held"],
            "failed": max(counts["failed"], self._lost(counts)),
            "oversold": oversold_units(),
            "doubled": doubled_effects(after) - doubled_effects(before),
            "orders_per_s": round(counts["in"] / seconds, 1),
            "sent_p50_ms": percentile(sent, 0.5),
            "sent_p95_ms": percentile(sent, 0.95),
        }
        return result, self._faults(result, before, after)

    def _after_leftovers(self) -> dict[str, Any]:
        """The ledger, once the orders that an earlier run left outside have come in: they are not this run's."""
        limit = time.monotonic() + LEFTOVER_SECONDS
        while (ledger := self._ledger())["orders_created"] > self._known() and time.monotonic() < limit:
            time.sleep(LOOK_SECONDS)
        return ledger

    @staticmethod
    def _known() -> int:
        close_old_connections()
        return Order.objects.filter(channel__key__in=CHANNELS, is_manual=False).count()

    def _until_over(self, bar: Bar) -> dict[str, int]:
        """Look until nothing moves any more, or nothing has changed for long."""
        counts, changed_at = {}, time.monotonic()
        while True:
            self._customers_order()
            self.processes.keep()
            close_old_connections()
            fresh = self.figures.counts()
            if fresh != counts:
                counts, changed_at = fresh, time.monotonic()
            over = self.received == self.wanted == counts["in"] and not self.figures.moving()
            stuck = time.monotonic() - changed_at > STUCK_SECONDS
            bar.show(counts["invoiced"] + counts["held"] + counts["failed"], counts, last=over or stuck)
            if over or stuck:
                return counts
            time.sleep(LOOK_SECONDS)

    def _customers_order(self) -> None:
        """All at once, or as many as the rate allows by now."""
        due = self.wanted
        if self.rate:
            due = min(due, int((time.monotonic() - self.started) * self.rate) + 1)
        while self.received < due:
            number = min(MOST_AT_ONCE, due - self.received)
            self.received += len(self._call("/receive", {"orders": number})["ids"])

    def _lost(self, counts: dict[str, int]) -> int:
        return self.received - counts["invoiced"] - counts["held"]

    def _faults(self, result: dict[str, Any], before: dict, after: dict) -> list[str]:
        created = after["orders_created"] - before["orders_created"]
        invoices, ours = after["invoices"], Invoice.objects.count()
        checks = {
            f"{created} orders created outside, {result['in']} came in": created == result["in"],
            f"{invoices} invoices outside, {ours} here": invoices == ours,
            f"{result['failed']} orders failed or stand still": result["failed"] == 0,
            f"{result['oversold']} units oversold": result["oversold"] == 0,
            f"{result['doubled']} effects doubled": result["doubled"] == 0,
            "stock differs from its ledger": not ledger_differences(),
        }
        return [text for text, holds in checks.items() if not holds]

    def _ledger(self) -> dict[str, Any]:
        return self._call("/ledger")

    def _call(self, path: str, body: dict | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.processes.plan.sandbox_url + path, data)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
