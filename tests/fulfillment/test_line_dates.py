"""Order lines say since when their units are there and when they leave: planned, planned again, and by both planners."""

from datetime import date, timedelta

import pytest
from cost_world import cost_strategy, offer
from django.utils import timezone
from fulfillment_world import stock
from test_cart_agrees import cart_of
from test_cost_planner import optimize

from fulfillment.calendars import Schedule, local, ship_day
from fulfillment.checkout.service import plan_cart
from fulfillment.models import CarrierPickup
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import OrderLine


def dates(order) -> list[tuple[date | None, date | None]]:
    return list(order.lines.order_by("pk").values_list("inventory_available_on", "estimated_ship_on"))


def today(zone: str = "UTC") -> date:
    return local(timezone.now(), zone).date()


@pytest.fixture
def slow_chicago(world):
    """Closed today and tomorrow, then a day of work; Reno works at once."""
    calendar = WorkingCalendar.objects.create(code="slow", name="Slow")
    for days in (0, 1):
        CalendarDay.objects.create(calendar=calendar, date=today("America/Chicago") + timedelta(days=days))
    FulfillmentSource.objects.filter(code="CHI").update(
        calendar=calendar, time_zone="America/Chicago", processing_minutes=26 * 60
    )
    return world


def test_a_planned_line_has_both_dates_and_the_cart_says_the_same_day(slow_chicago):
    offer()
    cost_strategy()
    order = slow_chicago.order((slow_chicago.product(CHI=5), 2))
    plan = plan_cart(cart_of(order))
    optimize(slow_chicago, order)
    leaves = today("America/Chicago") + timedelta(days=3)
    assert dates(order) == [(today("America/Chicago"), leaves)]
    assert plan.options[0].parcels[0].ships_on == leaves


def test_the_nearest_planner_goes_by_the_days_of_the_source(slow_chicago):
    near, far = slow_chicago.orders(2, (slow_chicago.product(CHI=5), 1))
    slow_chicago.source(near)
    assert dates(near) == [(today("America/Chicago"), today("America/Chicago") + timedelta(days=3))]
    OrderLine.objects.filter(order=far).update(product=slow_chicago.product(RNO=5))
    slow_chicago.source(far)
    assert dates(far) == [(today(), today())]


def test_pickups_of_the_carrier_move_the_day(world):
    service = offer()
    cost_strategy()
    weekday = (today() + timedelta(days=4)).weekday()
    CarrierPickup.objects.create(
        source=world.sources["CHI"], carrier=service.carrier, weekday=weekday, time="12:00"
    )
    order = world.order((world.product(CHI=5), 1))
    optimize(world, order)
    schedule = Schedule(pickups={weekday: (CarrierPickup.objects.get().time,)})
    assert dates(order)[0][1] == ship_day(schedule, timezone.now()) == today() + timedelta(days=4)


def test_planned_again_the_dates_change_and_without_a_source_they_go(slow_chicago):
    offer()
    cost_strategy()
    thing = slow_chicago.product(CHI=5)
    order = slow_chicago.order((thing, 2))
    optimize(slow_chicago, order)
    assert dates(order)[0][1] == today("America/Chicago") + timedelta(days=3)
    set_on_hand([StockLevel(thing.pk, slow_chicago.sources["RNO"].pk, 5)], actor="test", reason="count")
    FulfillmentSource.objects.filter(code="CHI").update(active=False)
    optimize(slow_chicago, order)
    assert dates(order) == [(today(), today())]
    FulfillmentSource.objects.update(active=False)
    optimize(slow_chicago, order)
    assert dates(order) == [(None, None)]
    assert sum(held for _, held in stock(thing).values()) == 0


def test_a_line_from_two_sources_leaves_with_its_last_part(slow_chicago):
    offer()
    cost_strategy()
    order = slow_chicago.order((slow_chicago.product(CHI=2, RNO=2), 4))
    optimize(slow_chicago, order)
    assert dates(order)[0][1] == today("America/Chicago") + timedelta(days=3)
