"""What people wait for when there are many orders: the 95th percentile of each page, asked many times in turn."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.module_loading import import_string

from inventory.models import FulfillmentSource, InventoryPosition, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.benchmark import rig
from orchestration.benchmark.engine import drafts, prepare
from orchestration.benchmark.multiply import multiply
from orchestration.engine.advance import drain
from orchestration.models import FlowRun
from orders.models import Channel, Order
from orders.services.access import create_key
from orders.services.holds import hold_orders
from orders.services.intake import create_orders

SAMPLE = 1000
NOT_RUN = 50  # of the sample: taken in when the worker was down
HELD = 50
SOURCES = 200
ASKED = 8  # times a round


def measure(url: str, *, orders: int = 200_000, rounds: int = 5) -> dict[str, Any]:
    """Generate the orders, then ask each page `ASKED` times a round; each answer must be a 200."""
    prepare(stock_factor=1000)
    _sample(min(SAMPLE, orders))
    made = multiply(orders)
    import_string(settings.IOM["REBUILD_COUNTERS"])()
    sku = _wide_product()
    pages = dict(_pages(sku))
    taken: dict[str, list[float]] = {name: [] for name in pages}
    with override_settings(ROOT_URLCONF="orchestration.benchmark.plain_beside"):
        for turn in range(rounds * ASKED + 1):
            for name, (client, path) in pages.items():
                milliseconds = _asked(client, path)
                if turn:  # the first is for imports, templates and caches
                    taken[name].append(milliseconds)
    figures: dict[str, Any] = {"pages.orders": made}
    for name, values in taken.items():
        figures[f"pages.{name}_p95_ms"] = round(rig.percentile(values, 0.95), 1)
    plain, ours = statistics.median(taken["availability_plain"]), statistics.median(taken["availability"])
    return figures | {"pages.availability_ratio": round(plain / ours, 3)}


def _asked(client: Client, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    seconds = time.perf_counter() - started
    assert answer.status_code == 200, (path, answer.status_code)
    return seconds * 1000


def _pages(sku: str) -> Iterator[tuple[str, tuple[Client, str]]]:
    """Name -> (client, path): people's pages with a login, the API with a key."""
    person, system = Client(), _api_client()
    person.force_login(get_user_model().objects.create_superuser("benchmark"))
    lists = reverse("admin:orders_order_changelist")
    newest = Order.objects.filter(state=Order.State.FULFILLMENT).order_by("pk")[0]
    channel = Channel.objects.get(key="web-shop").pk
    for name, path in {
        "order_list": lists,
        "order_list_by_state": f"{lists}?state=fulfillment",
        "order_list_by_channel": f"{lists}?channel__id__exact={channel}",
        "order_list_held": f"{lists}?hold=manual",
        "order_list_search": f"{lists}?q={newest.number}",
        "order_list_search_nothing": f"{lists}?q=nobody@nowhere.example",
        "order_page": reverse("order-page", args=[newest.pk]),
        "home": reverse("home"),
        "dashboard": reverse("dashboard"),
        "worklist": reverse("worklist"),
    }.items():
        yield name, (person, path)
    yield "api_orders", (system, "/api/v1/orders/?page_size=100")
    yield "api_orders_by_state", (system, "/api/v1/orders/?state=in_progress,new&page_size=100")
    yield "availability", (system, f"/api/v1/positions/?sku={sku}")
    yield "availability_plain", (system, f"/plain/?sku={sku}")


def _api_client() -> Client:
    _, token = create_key("benchmark", scopes=["orders:read", "inventory:read"])
    return Client(headers={"Authorization": f"Bearer {token}"})


def _sample(count: int) -> None:
    """True orders through intake and flow; some wait for a worker, some are held."""
    made = [row.order_id for row in create_orders(drafts(0, count), actor="benchmark")]
    waiting = max(1, NOT_RUN * count // SAMPLE)
    late = FlowRun.objects.filter(order_id__in=made[-waiting:])
    late.update(due_at=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    drain(budget_seconds=600)
    held = max(1, HELD * count // SAMPLE)
    hold_orders(made[:held], type="manual", reason="Benchmark", actor="benchmark")


def _wide_product() -> str:
    """A product with stock at many sources."""
    missing = SOURCES - FulfillmentSource.objects.count()
    FulfillmentSource.objects.bulk_create(
        [FulfillmentSource(code=f"W{n}", name=f"W{n}", type="warehouse") for n in range(max(missing, 0))]
    )
    product = Product.objects.create(sku="WIDE", name="Wide", price=1)
    sources = FulfillmentSource.objects.order_by("pk").values_list("pk", flat=True)[:SOURCES]
    set_on_hand([StockLevel(product.pk, pk, 10) for pk in sources], actor="benchmark", reason="count")
    assert InventoryPosition.objects.filter(product=product).count() == SOURCES
    return product.sku
