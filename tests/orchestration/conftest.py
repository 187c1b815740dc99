"""A small world for flows: two channels, three sources, two products with stock, and orders made through the intake."""

from decimal import Decimal
from functools import partial
from threading import Thread

import pytest
from django.db import connections
from django.utils import timezone

from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orchestration.engine.advance import advance, drain
from orchestration.services import publishing
from orders import definitions
from orders.models import Channel, Order
from orders.services.intake import create_orders
from orders.types import LineDraft, OrderDraft, Party


@pytest.fixture
def world(db):
    definitions.sync()
    retail = Channel.objects.create(key="web-shop", name="Web shop", kind="retail")
    wholesale = Channel.objects.create(key="wholesale", name="Wholesale", kind="wholesale")
    sources = {
        code: FulfillmentSource.objects.create(
            code=code, name=code, type=kind, latitude=lat, longitude=lon, region=region
        )
        for code, kind, lat, lon, region in (
            ("DC-RNO", "warehouse", 39.5, -119.8, "NV"),
            ("DC-CMH", "warehouse", 40.0, -83.0, "OH"),
            ("ST-CHI", "store", 41.9, -87.6, "IL"),
        )
    }
    products = {sku: Product.objects.create(sku=sku, name=sku, price=Decimal("10")) for sku in ("A", "B")}
    levels = [StockLevel(p.pk, s.pk, 1000) for p in products.values() for s in sources.values()]
    set_on_hand(levels, actor="test", reason="count")
    return {"retail": retail, "wholesale": wholesale, "sources": sources, "products": products}


@pytest.fixture
def make_orders(world):
    """`make_orders(3, lines=[("A", 2)], channel="wholesale", country="US")` -> the orders, new, in order."""
    made = []

    def make(count=1, *, lines=(("A", 1), ("B", 2)), channel="retail", country="US", price="10", **more):
        place = Party("Ann", "1 Main St", "", "Chicago", "IL", "60601", country, 41.9, -87.6)
        drafts = [
            OrderDraft(
                world[channel].pk, f"x{len(made) + n}", "USD", timezone.now(), place,
                tuple(LineDraft(k + 1, sku, quantity, Decimal(price)) for k, (sku, quantity) in enumerate(lines)), **more,
            )
            for n in range(count)
        ]  # fmt: skip
        intake = create_orders(drafts, actor="test")
        assert [row.result for row in intake] == ["created"] * count, intake
        made.extend(intake)
        return list(Order.objects.filter(pk__in=[row.order_id for row in intake]).order_by("pk"))

    return make


@pytest.fixture
def publish(world):
    """Publish a flow from its steps and policies; returns the version."""

    def publish(steps, *, policies=(), key="flow", events=("order.new",), filters=()):
        document = {
            "schema": 1, "key": key, "name": key, "entry": {"events": list(events), "filters": list(filters)},
            "steps": steps, "policies": list(policies),
        }  # fmt: skip
        return publishing.publish(publishing.import_flow(document, actor="test").pk, actor="test")

    return publish


@pytest.fixture
def run_flows():
    """Advance until nothing is due; returns how many claims it took."""

    def run():
        claims = 0
        while advance():
            claims += 1
            assert claims < 100, "runs stay due for ever"
        return claims

    return run


@pytest.fixture
def workers():
    """So many workers advance until nothing is due, each with a connection of its own; `besides` runs meanwhile, until `over`."""

    def work(count, *, batch=50, besides=None, over=None):
        faults = []

        def one(task):
            try:
                task()
            except Exception as error:
                faults.append(error)
            finally:
                connections.close_all()

        threads = [Thread(target=one, args=(partial(drain, 60, batch),)) for _ in range(count)]
        aside = [Thread(target=one, args=(besides,))] if besides else []
        for thread in [*aside, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        if over:
            over.set()
        for thread in aside:
            thread.join()
        assert not faults, faults

    return work
