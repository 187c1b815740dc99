"""Orders sourced by cost, reserved and committed by two workers over 200 sources, from tables to tables."""

import random
import statistics
import time
from typing import Any

from django.db import transaction
from django.utils import timezone

from fulfillment.models import (
    Carrier,
    CarrierService,
    FulfillmentLine,
    Rate,
    SourceService,
    SourcingRun,
    Strategy,
    TransitTime,
    ZoneBand,
)
from fulfillment.services.optimizing import optimize_lines
from fulfillment.types import LineDemand
from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.check import ledger_differences
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.benchmark import rig
from orders.models import Channel, Order, OrderLine

SOURCES, PRODUCTS, WORKERS, A_BATCH = 200, 2000, 2, 500
ORDERS = 10_000
BANDS = ((2, 240), (3, 480), (4, 960), (5, 1600), (6, 2250), (7, 2900), (8, None))


def measure(url: str, *, orders: int = ORDERS, rounds: int = 1) -> dict[str, Any]:
    """Each round sources fresh orders; seconds are of the slower worker, from the start signal to its last commit.

    On a machine that others use too, the processor time of the workers says more; that of the database is not in it.
    """
    _world(orders * rounds)
    seconds, batches, busy = [], [], 0.0
    ids = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    for turn in range(rounds):
        mine = ids[turn * orders : (turn + 1) * orders]
        jobs = [{"orders": mine[n::WORKERS], "url": url} for n in range(WORKERS)]
        took, outcomes = rig.crew(url, "source", jobs)
        seconds.append(took)
        batches += [one for outcome in outcomes for one in outcome["batches"]]
        busy += sum(outcome["cpu"] for outcome in outcomes)
    oversold = sum(row.reserved > row.on_hand for row in InventoryPosition.objects.iterator())
    assert not ledger_differences()
    runs = list(SourcingRun.objects.exclude(gap_ppm=None).values_list("gap_ppm", flat=True))
    return {
        "sourcing.orders": orders,
        "sourcing.sources": SOURCES,
        "sourcing.seconds": round(statistics.median(seconds), 1),
        "sourcing.orders_per_s": round(orders / statistics.median(seconds), 1),
        "sourcing.cpu_ms_per_order": round(1000 * busy / (orders * rounds), 2),
        "sourcing.batch_p50_ms": round(1000 * statistics.median(batches)),
        "sourcing.sourced_lines": FulfillmentLine.objects.count(),
        "sourcing.gap_pct": round(statistics.median(runs) / 10_000, 3) if runs else None,
        "sourcing.oversold": oversold,
    }


def source(orders: list[int]) -> dict[str, Any]:
    """What one worker does: batches of orders, each one transaction."""
    took, cpu = [], time.process_time()
    for start in range(0, len(orders), A_BATCH):
        began = time.perf_counter()
        with transaction.atomic():
            ids = sorted(orders[start : start + A_BATCH])
            Order.objects.only("id", "state", "state_reason").lock(ids)
            optimize_lines(_demands(ids), actor="benchmark")
        took.append(time.perf_counter() - began)
    return {"batches": took, "cpu": time.process_time() - cpu}


def _demands(ids: list[int]) -> list[LineDemand]:
    rows = OrderLine.objects.filter(order_id__in=ids).order_by("order_id", "pk")
    fields = (
        "order_id", "pk", "product_id", "sku", "quantity", "order__ship_to_latitude", "order__ship_to_longitude",
    )  # fmt: skip
    return [LineDemand(*row) for row in rows.values_list(*fields)]


def _world(orders: int) -> None:
    chance = random.Random(11)  # noqa: S311 - the same load every time
    sources = FulfillmentSource.objects.bulk_create(
        FulfillmentSource(
            code=f"N{n}", name=f"Source {n}", type="warehouse" if n < 10 else "store",
            latitude=chance.uniform(29, 47), longitude=chance.uniform(-121, -76), handling_parcel_minor=chance.randint(90, 290),
            handling_unit_minor=chance.randint(30, 90), reject_rate_ppm=2000 if n < 10 else 50_000,
            capacity_per_day=orders // 8 if n < 10 else orders // 60, overtime_per_day=orders // 60, overtime_minor=120,
        )
        for n in range(SOURCES)
    )  # fmt: skip
    products = Product.objects.bulk_create(
        Product(
            sku=f"P{n}", name=f"P{n}", price=chance.randint(5, 300), weight_grams=chance.randint(100, 5000)
        )
        for n in range(PRODUCTS)
    )
    levels = [
        StockLevel(product.pk, place.pk, chance.randint(20, 60) if n < 10 else chance.randint(1, 4))
        for product in products
        for n, place in enumerate(sources)
        if chance.random() < (0.8 if n < 10 else 0.2)
    ]
    for start in range(0, len(levels), 20_000):
        set_on_hand(levels[start : start + 20_000], actor="benchmark", reason="count")
    _services(sources)
    Strategy.objects.filter(is_default=True).update(is_default=False)
    Strategy.objects.create(key="bench-cost", name="Least cost", objective="cost", is_default=True)
    _orders(orders, products, chance)


def _services(sources) -> None:
    carrier = Carrier.objects.create(code="bench", name="Bench")
    for code, base, step, days in (("ground", 735, 32, 2), ("air", 1180, 110, 1)):
        service = CarrierService.objects.create(
            carrier=carrier, code=f"bench-{code}", name=code, max_weight_units=70
        )
        for rank, (zone, limit) in enumerate(BANDS):
            ZoneBand.objects.create(service=service, zone=zone, up_to_km=limit)
            Rate.objects.create(
                service=service, zone=zone, base_minor=base + 40 * rank, per_unit_minor=step + 9 * rank
            )
            TransitTime.objects.create(service=service, zone=zone, days=min(5, days + rank // 2))
        SourceService.objects.bulk_create(SourceService(source=place, service=service) for place in sources)


def _orders(count: int, products, chance: random.Random) -> None:
    now, channel = timezone.now(), Channel.objects.get_or_create(key="bench", defaults={"name": "Bench"})[0]
    made = Order.objects.bulk_create(
        (
            Order(
                channel=channel, external_id=f"B-{n}", currency="USD", placed_at=now, received_at=now, state_at=now,
                state="in_progress", goods_minor=8000, ship_to_latitude=chance.uniform(29, 47),
                ship_to_longitude=chance.uniform(-121, -76),
            )
            for n in range(count)
        ),
        batch_size=2000,
    )  # fmt: skip
    OrderLine.objects.bulk_create(
        (
            OrderLine(
                order=order, line_number=place, product=product, sku=product.sku, quantity=1 + (chance.random() < 0.14),
                amount_minor=4000, state="in_progress", state_at=now,
            )
            for order in made
            for place, product in enumerate(chance.sample(products, chance.choice((1, 1, 2, 2, 3))), 1)
        ),
        batch_size=4000,
    )  # fmt: skip
