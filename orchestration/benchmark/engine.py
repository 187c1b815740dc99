"""The local part of the demo flow for orders of three lines, with one worker and with two, beside raw psycopg.

The floor writes the same rows of the same tables set-based, in batches of the same size, and nothing else: what the
engine spends above it is deciding. The bare floor does so without foreign keys. A lone order is timed from outside: see `lone`.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from fulfillment.models import FulfillmentLine, Strategy
from fulfillment.services import strategies
from inventory.models import FulfillmentSource, InventoryPosition, Reservation
from orchestration.benchmark import lone, rig
from orchestration.benchmark.floor import Replay
from orchestration.demo.world import load_world
from orchestration.engine.advance import BATCH, drain
from orchestration.models import FlowRun, StepResult
from orders.models import BusinessEvent, Channel, Order, OrderLine
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party
from providers.models import ProviderConnection

CITIES = (
    ("Chicago", "IL", 41.88, -87.63),
    ("Dallas", "TX", 32.78, -96.8),
    ("Denver", "CO", 39.74, -104.99),
    ("Boston", "MA", 42.36, -71.06),
)


def measure(
    url: str, *, orders: int = 2000, rounds: int = 5, lone_orders: int = lone.TIMES
) -> dict[str, Any]:
    """Medians of alternating rounds; `floor_ratio_n` is the engine's rate over the floor's with as many processes,
    `bare_floor_ratio_n` over that of the floor without foreign keys.
    """
    prepare(stock_factor=1000)
    state = Rounds(url, orders)
    state.engine_round(1)  # warm: imports, plans, caches
    figures = rig.alternate(
        rounds,
        engine_1=lambda: state.engine_round(1),
        floor_1=lambda: state.floor_round(1),
        bare_floor_1=lambda: state.floor_round(1, bare=True),
        engine_2=lambda: state.engine_round(2),
        floor_2=lambda: state.floor_round(2),
        bare_floor_2=lambda: state.floor_round(2, bare=True),
    )
    ratios = {
        f"engine.{floor}_ratio_{n}": round(figures[f"engine_{n}"] / figures[f"{floor}_{n}"], 3)
        for floor in ("floor", "bare_floor")
        for n in (1, 2)
    }
    return {
        "engine.orders_per_s_1": round(figures["engine_1"], 1),
        "engine.orders_per_s_2": round(figures["engine_2"], 1),
        "engine.floor_orders_per_s_1": round(figures["floor_1"], 1),
        "engine.floor_orders_per_s_2": round(figures["floor_2"], 1),
        **ratios,
        "engine.cpu_ms": round(statistics.median(state.cpu_ms), 3),
        "engine.rows_per_order": round(state.rows_per_order, 1),
        "engine.queries_per_batch": state.queries_per_batch,
        "engine.worker_mb": round(state.peak_mb, 1),
        "engine.lone_order_ms": round(lone.measure(url, lone_orders), 1),
    }


class Rounds:
    """Rounds of as many fresh orders each, and what they cost."""

    def __init__(self, url: str, orders: int) -> None:
        self.url, self.size, self.round = url, orders, 0
        self.cpu_ms: list[float] = []
        self.rows_per_order = 0.0
        self.queries_per_batch, self.peak_mb = 0, 0.0
        self.replay: Replay | None = None

    def engine_round(self, workers: int) -> float:
        """Orders a second from due to sent or handed to the outbox; the stored rows are checked before the rate counts."""
        first = self._intake()
        before = rig.table_counts()
        seconds = self._here() if workers == 1 else self._processes(workers)
        self._verify(first)
        if workers == 1:  # the workers' own processes report their rows when they end, maybe after this look
            written = rig.written_between(before, rig.table_counts())
            self.rows_per_order = sum(map(sum, written.values())) / self.size
            self.replay = self.replay or Replay(self.url, written, self.size)
        return self.size / seconds

    def portions(self, count: int) -> list[float]:
        """Let one process advance as many portions of fresh orders, one after another; its memory peak after each."""
        with rig.steady(self.url, "drain_each", {}) as worker:
            return [self._portion(worker) for _ in range(count)]

    def _portion(self, worker: Callable[[], dict]) -> float:
        first = self._intake()
        outcome = worker()
        self._verify(first)
        return outcome["peak_mb"]

    def floor_round(self, workers: int, *, bare: bool = False) -> float:
        return self.replay.run(self.size, workers, bare=bare)

    def _here(self) -> float:
        cpu, started = time.process_time(), time.perf_counter()
        with rig.counted_queries() as queries:
            drain(budget_seconds=600)
        seconds = time.perf_counter() - started
        self.cpu_ms.append((time.process_time() - cpu) * 1000 / self.size)
        self.queries_per_batch = round(len(queries) / -(-self.size // BATCH))
        return seconds

    def _processes(self, workers: int) -> float:
        seconds, outcomes = rig.crew(self.url, "drain", [{}] * workers)
        self.peak_mb = max(self.peak_mb, *(outcome["peak_mb"] for outcome in outcomes))
        return seconds

    def _intake(self) -> int:
        self.round += 1
        last = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        every = drafts(self.round, self.size)
        for start in range(0, self.size, 500):
            bad = [
                row
                for row in create_orders(every[start : start + 500], actor="benchmark")
                if row.result != "created"
            ]
            assert not bad, bad[:3]
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return last

    def _verify(self, first: int) -> None:
        """Every order of the round went all the way: nothing lost, nothing twice, stock held once for every line."""
        runs = FlowRun.objects.filter(order_id__gt=first)
        assert runs.count() == self.size, runs.count()
        assert not runs.filter(due_at__isnull=False).exists()
        reserved = BusinessEvent.objects.filter(order_id__gt=first, kind="order.reserved").count()
        assert reserved == self.size, f"{reserved} of {self.size} orders reserved"
        lines = OrderLine.objects.filter(order_id__gt=first).values("pk")
        held = Reservation.objects.filter(state="active", reference__in=_references(lines)).count()
        assert held == 3 * self.size, f"{held} reservations for {3 * self.size} lines"
        work = FulfillmentLine.objects.filter(order_line__in=lines).count()
        assert work == 3 * self.size, f"{work} fulfillment lines for {3 * self.size} lines"
        done = StepResult.objects.filter(order_id__gt=first, step="reserve", result="success").count()
        assert done == self.size, f"{done} of {self.size} orders have a result of their reservation"


def _references(lines: QuerySet) -> QuerySet:
    return lines.annotate(
        reference=Concat(Value("order_line:"), Cast("pk", TextField()), output_field=TextField())
    ).values("reference")


def drafts(round_number: int, count: int) -> list[OrderDraft]:
    """Retail orders of three lines over the demo world's products."""
    channel = Channel.objects.get(key="web-shop")
    stocked = InventoryPosition.objects.order_by("product_id").values_list("product__sku", flat=True)
    skus = list(stocked.distinct()[:300])
    return [_draft(channel, skus, round_number, n) for n in range(count)]


def _draft(channel: Channel, skus: Sequence[str], round_number: int, n: int) -> OrderDraft:
    city, region, latitude, longitude = CITIES[n % len(CITIES)]
    lines = tuple(
        LineDraft(k + 1, skus[(n * 3 + k) % len(skus)], 1 + (n + k) % 3, Decimal("19.95")) for k in range(3)
    )
    place = Party("Ann Example", f"{n} Main St", "", city, region, "60601", "US", latitude, longitude)
    return OrderDraft(
        channel.pk,
        f"bench-{round_number}-{n}",
        "USD",
        timezone.now(),
        place,
        lines,
        customer_name="Ann Example",
    )


def prepare(*, stock_factor: int) -> None:
    """The demo world, sourced by the nearest strategy: what the optimizer costs is measured by itself."""
    nearest = {"name": "Nearest", "is_default": True, "objective": Strategy.Objective.NEAREST}
    strategy, _ = Strategy.objects.get_or_create(key="nearest", defaults=nearest)
    load_world(stock_factor=stock_factor)
    strategies.publish(strategy.pk, actor="benchmark")
    _connect_threepl()


def _connect_threepl() -> None:
    """An active connection, so that what goes to a 3PL ends as a row of the outbox; nobody delivers it here."""
    found, _ = ProviderConnection.objects.get_or_create(
        key="threepl",
        defaults={"name": "3PL", "provider": "threepl", "status": ProviderConnection.Status.ACTIVE},
    )
    found.sources.set(FulfillmentSource.objects.filter(type=FulfillmentSource.Type.THIRD_PARTY))
