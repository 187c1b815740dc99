"""What the tests of what-ifs share: orders that were sourced, days on which much happened, a job that has ended."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from fulfillment_world import ACTOR

from fulfillment.models import (
    Strategy,
    WhatIf,
)
from fulfillment.services import execution, what_ifs
from fulfillment.services.optimizing import optimize_lines
from fulfillment.services.replanning import sources_off
from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import Order


def optimize(world, *orders):
    with transaction.atomic():
        Order.objects.lock([order.pk for order in orders])
        return optimize_lines(world.demands(*orders), actor=ACTOR)


def tried(**asked) -> WhatIf:
    """Ask and work until it has ended."""
    job = what_ifs.start(Strategy.objects.get(is_default=True).pk, actor=ACTOR, **asked)
    what_ifs.work(600)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def restock(world, product, code: str, units: int) -> None:
    set_on_hand([StockLevel(product.pk, world.sources[code].pk, units)], actor=ACTOR, reason="count")


def busy_days(world) -> list[Product]:
    """Scarce stock, capacity with overtime, counts in between, a refusal, a plan made again, a late delivery."""
    FulfillmentSource.objects.update(handling_parcel_minor=77, handling_unit_minor=13, reject_rate_ppm=5000)
    FulfillmentSource.objects.filter(code="CHI").update(
        capacity_per_day=14, overtime_per_day=4, overtime_minor=60, capacity_unit="units"
    )
    things = [world.product(CHI=12, DAL=6, RNO=40) for _ in range(3)]
    Product.objects.update(weight_grams=900)
    for _ in range(3):
        optimize(world, *world.orders(5, (things[0], 1), (things[1], 2)))
    restock(world, things[0], "DAL", 30)
    soon = {"promised_at": timezone.now() + timedelta(days=1)}
    (alone,) = world.orders(1, (things[2], 2), (things[0], 1), **soon)
    optimize(world, alone)
    optimize(world, *world.orders(6, (things[2], 3), goods_minor=9_000, **soon))
    work = alone.fulfillment_orders.order_by("pk").first()
    execution.reject([work.pk], kind="no_time", actor=ACTOR)
    optimize(world, alone)
    FulfillmentSource.objects.filter(code="DAL").update(active=False)
    sources_off([world.sources["DAL"].pk], actor=ACTOR)
    FulfillmentSource.objects.filter(code="DAL").update(active=True)
    return things
