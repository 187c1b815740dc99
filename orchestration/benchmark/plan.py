"""Plans of carts over real HTTP, beside a plain view that only reads the stock: how long each takes, and how much work it is."""

import json
import random
import statistics
from typing import Any

from fulfillment.models import SourceList
from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.benchmark import rig
from orchestration.demo import places
from orchestration.demo.shipping import load_shipping
from orders.services.access import create_key

SOURCES, PRODUCTS, LINES = 200, 300, 5
CARTS = 200  # a round
PLAN, FLOOR = "/api/v1/fulfillment/plan", "/plain/cart"


def measure(url: str, *, rounds: int = 5, orders: int = CARTS) -> dict[str, Any]:
    """One client, one request after another; every cart of `LINES` lines is another one. `orders` is carts a round."""
    _world()
    _, token = create_key("benchmark", scopes=["fulfillment:read"])
    chance = random.Random(5)  # noqa: S311 - the same load every time
    with rig.web_server(url) as ours, rig.web_server(url, "orchestration.benchmark.plain_wsgi") as plain:
        plans, floor = _Asked(url, ours, token, PLAN), _Asked(url, plain, token, FLOOR)
        for asked in (plans, floor):  # imports, plans of queries, caches
            asked.post([_cart(chance, n) for n in range(20)])
            asked.ms.clear()
            asked.cpu.clear()
        for turn in range(rounds):
            bodies = [_cart(chance, turn * orders + n) for n in range(orders)]
            plans.post(bodies)
            floor.post(bodies)
    return {
        "plan.sources": SOURCES,
        "plan.lines": LINES,
        "plan.carts": len(plans.ms),
        "plan.p50_ms": round(statistics.median(plans.ms), 1),
        "plan.p99_ms": round(rig.percentile(plans.ms, 0.99), 1),
        "plan.cpu_ms": round(statistics.median(plans.cpu), 1),
        "plan.floor_p50_ms": round(statistics.median(floor.ms), 1),
        "plan.floor_p99_ms": round(rig.percentile(floor.ms, 0.99), 1),
        "plan.floor_cpu_ms": round(statistics.median(floor.cpu), 1),
    }


class _Asked:
    """Answers of one server; `ms` of each request, `cpu` milliseconds of processor a request by round."""

    def __init__(self, url: str, server: tuple[int, int], token: str, path: str) -> None:
        self.url, (self.port, self.master), self.token, self.path = url, server, token, path
        self.ms: list[float] = []
        self.cpu: list[float] = []

    def post(self, bodies: list[str]) -> None:
        before = rig.cpu_ms(self.master)
        job = {"port": self.port, "token": self.token, "path": self.path, "bodies": bodies}
        _, (answer,) = rig.crew(self.url, "post", [job])
        assert set(answer["statuses"]) == {200}, set(answer["statuses"])
        self.ms += answer["ms"]
        self.cpu.append((rig.cpu_ms(self.master) - before) / len(bodies))


def _cart(chance: random.Random, n: int) -> str:
    lines = [
        {"line_id": str(k), "sku": f"P{sku}", "quantity": chance.choice((1, 1, 1, 2, 3))}
        for k, sku in enumerate(chance.sample(range(PRODUCTS), LINES))
    ]
    destination = {
        "country": "US", "latitude": round(chance.uniform(29, 47), 3), "longitude": round(chance.uniform(-121, -76), 3),
    }  # fmt: skip
    return json.dumps({"order_id": f"cart-{n}", "destination": destination, "lines": lines})


def _world() -> None:
    """The demo's places again and again, with its carriers, calendars and pickups; stores have little of everything."""
    chance = random.Random(3)  # noqa: S311 - the same world every time
    spots = [places.SOURCES[n % len(places.SOURCES)] for n in range(SOURCES)]
    FulfillmentSource.objects.bulk_create(
        FulfillmentSource(
            code=f"{code}-{n}", name=f"{code} {n}", type=kind, region=region, postal_code=postal,
            latitude=lat + chance.uniform(-0.5, 0.5), longitude=lon + chance.uniform(-0.5, 0.5), time_zone=zone,
            processing_minutes=places.PACE[kind][0], cutoff_time=places.PACE[kind][1],
        )
        for n, (code, kind, _, region, postal, lat, lon, zone) in enumerate(spots)
    )  # fmt: skip
    load_shipping()
    SourceList.objects.get(key="everywhere").sources.set(FulfillmentSource.objects.all())
    products = Product.objects.bulk_create(
        Product(
            sku=f"P{n}", name=f"P{n}", price=chance.randint(5, 200), weight_grams=chance.randint(100, 4000)
        )
        for n in range(PRODUCTS)
    )
    levels = [
        StockLevel(product.pk, place.pk, chance.randint(20, 60) if place.type != "store" else chance.randint(1, 4))
        for product in products
        for place in FulfillmentSource.objects.all()
        if chance.random() < (0.8 if place.type != "store" else 0.4)
    ]  # fmt: skip
    for start in range(0, len(levels), 20_000):
        set_on_hand(levels[start : start + 20_000], actor="benchmark", reason="count")
