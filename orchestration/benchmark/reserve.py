"""Stock taken in batches over many positions, and one unit at a time at one position that everybody wants."""

import random
import time
from typing import Any

from inventory.models import FulfillmentSource, InventoryPosition, Product, Reservation
from inventory.services.check import ledger_differences
from inventory.services.reservations import reserve
from inventory.services.stock import set_on_hand
from inventory.types import ReservationLine, ReservationRequest, StockLevel
from orchestration.benchmark import rig

PRODUCTS, SOURCES = 500, 20
A_BATCH = 1000
CLIENTS = 8
PLENTY = 10_000_000


def measure(url: str, *, orders: int = 20_000, rounds: int = 5) -> dict[str, Any]:
    """`orders` is how many lines a round reserves; the hot position gets a hundredth as many requests a client."""
    state = _State(url, orders)
    state.batches(warm=True)
    figures = rig.alternate(
        rounds,
        batch=state.batches,
        batch_floor=state.batches_raw,
        hot=state.hot,
        hot_floor=state.hot_raw,
    )
    assert not ledger_differences()
    return {
        "reserve.batch_lines_per_s": round(figures["batch"], 1),
        "reserve.batch_floor_ratio": round(figures["batch"] / figures["batch_floor"], 3),
        "reserve.hot_per_s": round(figures["hot"], 1),
        "reserve.hot_floor_per_s": round(figures["hot_floor"], 1),
        "reserve.hot_floor_ratio": round(figures["hot"] / figures["hot_floor"], 3),
        "reserve.oversold": state.oversold,
    }


class _State:
    def __init__(self, url: str, lines: int) -> None:
        self.url, self.lines, self.round, self.oversold = url, lines, 0, 0
        self.random = random.Random(7)  # noqa: S311 - the same load every time
        products = Product.objects.bulk_create(
            [Product(sku=f"R{n}", name=f"R{n}", price=1) for n in range(PRODUCTS)]
        )
        sources = FulfillmentSource.objects.bulk_create(
            [FulfillmentSource(code=f"R{n}", name=f"R{n}", type="warehouse") for n in range(SOURCES)]
        )
        self.pairs = [(product.pk, source.pk) for product in products for source in sources]
        levels = [StockLevel(*pair, PLENTY) for pair in self.pairs]
        set_on_hand(levels, actor="benchmark", reason="count")
        hot = Product.objects.create(sku="HOT", name="HOT", price=1)
        self.hot_pair = (hot.pk, sources[0].pk)
        with rig.raw_connection(url) as raw:
            raw.execute("CREATE TABLE floor_position (LIKE inventory_inventoryposition INCLUDING ALL)")
            raw.execute(
                "INSERT INTO floor_position OVERRIDING SYSTEM VALUE SELECT * FROM inventory_inventoryposition"
            )
            raw.execute("CREATE TABLE floor_reservation (LIKE inventory_reservation INCLUDING ALL)")
            raw.execute("CREATE TABLE floor_movement (LIKE inventory_inventorymovement INCLUDING ALL)")

    def batches(self, warm: bool = False) -> float:
        """Lines a second, `A_BATCH` lines a call over all positions."""
        self.round += 1
        count = A_BATCH if warm else self.lines
        calls = [self._requests(start, min(A_BATCH, count - start)) for start in range(0, count, A_BATCH)]
        started = time.perf_counter()
        granted = sum(len(reserve(call, actor="benchmark").granted) for call in calls)
        seconds = time.perf_counter() - started
        stored = Reservation.objects.filter(key__startswith=f"b{self.round}:").count()
        assert granted == stored == count, (granted, stored, count)
        return count / seconds

    def _requests(self, start: int, count: int) -> list[ReservationRequest]:
        lines = [
            ReservationLine(f"b{self.round}:{start + n}", f"order:{start + n}", *pair, 1 + n % 3)
            for n, pair in enumerate(self.random.choices(self.pairs, k=count))
        ]
        return [ReservationRequest((line,)) for line in lines]

    def batches_raw(self) -> float:
        """The same rows, set-based: one update of the positions, one insert of reservations and of movements a batch."""
        calls = [
            [(pair, 1 + n % 3) for n, pair in enumerate(self.random.choices(self.pairs, k=A_BATCH))]
            for _ in range(-(-self.lines // A_BATCH))
        ]
        with rig.raw_connection(self.url) as raw:
            started = time.perf_counter()
            for number, call in enumerate(calls):
                arrays = [
                    list(values) for values in zip(*[(*pair, units) for pair, units in call], strict=True)
                ]
                raw.execute(
                    RAW, {"p": arrays[0], "s": arrays[1], "q": arrays[2], "k": f"f{self.round}:{number}:"}
                )
            return len(calls) * A_BATCH / (time.perf_counter() - started)

    def hot(self) -> float:
        """Requests a second at one position by all clients; a tenth of them must find it empty."""
        self.round += 1
        times = max(10, self.lines // 100)
        units = times * CLIENTS * 9 // 10
        before = InventoryPosition.objects.filter(product=self.hot_pair[0]).first()
        held = before.reserved if before else 0
        set_on_hand([StockLevel(*self.hot_pair, held + units)], actor="benchmark", reason="count")
        seconds, outcomes = rig.crew(self.url, "take", self._jobs(times))
        granted = sum(outcome["granted"] for outcome in outcomes)
        stored = Reservation.objects.filter(key__startswith=f"h{self.round}:").count()
        position = InventoryPosition.objects.get(product=self.hot_pair[0])
        assert granted == stored == position.reserved - held, (granted, stored, position.reserved - held)
        self.oversold += max(0, granted - units)
        assert granted == units, f"{granted} of {units} units taken"
        return times * CLIENTS / seconds

    def hot_raw(self) -> float:
        times = max(10, self.lines // 100)
        with rig.raw_connection(self.url) as raw:
            raw.execute("DELETE FROM floor_position WHERE product_id = %s", [self.hot_pair[0]])
            raw.execute(
                "INSERT INTO floor_position OVERRIDING SYSTEM VALUE "
                "SELECT * FROM inventory_inventoryposition WHERE product_id = %s",
                [self.hot_pair[0]],
            )
            raw.execute(
                "UPDATE floor_position SET reserved = 0, on_hand = %s WHERE product_id = %s",
                [times * CLIENTS * 9 // 10, self.hot_pair[0]],
            )
        seconds, outcomes = rig.crew(self.url, "take_raw", self._jobs(times))
        granted = sum(outcome["granted"] for outcome in outcomes)
        assert granted == times * CLIENTS * 9 // 10, granted
        return times * CLIENTS / seconds

    def _jobs(self, times: int) -> list[dict[str, Any]]:
        product, source = self.hot_pair
        common = {"times": times, "product": product, "source": source, "url": self.url}
        return [common | {"name": f"h{self.round}:{n}"} for n in range(CLIENTS)]


RAW = """
WITH v AS (
    SELECT p.id, w.quantity, w.n FROM unnest(%(p)s::bigint[], %(s)s::bigint[], %(q)s::bigint[])
        WITH ORDINALITY AS w(product_id, source_id, quantity, n)
    JOIN floor_position p USING (product_id, source_id)
), taken AS (
    UPDATE floor_position p SET reserved = p.reserved + t.quantity, updated_at = now()
    FROM (SELECT id, sum(quantity)::bigint AS quantity FROM v GROUP BY id) t
    WHERE p.id = t.id AND p.on_hand - p.reserved - p.safety_stock >= t.quantity RETURNING p.id
), held AS (
    INSERT INTO floor_reservation (key, reference, position_id, quantity, kind, state, created_at)
    SELECT %(k)s || n, 'order', id, quantity, 'soft', 'active', now() FROM v
)
INSERT INTO floor_movement
    (position_id, kind, on_hand_delta, reserved_delta, safety_stock_delta, reference, reason, actor, at)
SELECT id, 'reserve', 0, quantity, 0, 'order', '', 'floor', now() FROM v
"""
