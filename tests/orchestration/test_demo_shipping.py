"""The demo world ships at real costs: every source has services with prices, calendars and pickups."""

from datetime import UTC, datetime

import pytest

from fulfillment import shipping_setup
from fulfillment.models import Carrier, Strategy, StrategyVersion
from fulfillment.promise import Lane, promise
from fulfillment.rates import price
from fulfillment.services.strategies import problems_of
from inventory.models import FulfillmentSource
from orchestration.demo import places
from orchestration.demo.goods import product_rows
from orchestration.demo.shipping import load_shipping

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo_sources():
    FulfillmentSource.objects.bulk_create(
        FulfillmentSource(code=code, name=code, type=kind, latitude=lat, longitude=lon, time_zone=zone)
        for code, kind, _, _, _, lat, lon, zone in places.SOURCES
    )
    load_shipping()


def test_every_source_has_a_price_and_a_date_for_a_parcel(demo_sources, django_assert_num_queries):
    with django_assert_num_queries(12):
        calendars = shipping_setup.calendars_by_id()
        services = shipping_setup.services(calendars)
        sources = shipping_setup.sources(calendars)
    now = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
    for source in sources.values():
        offered = [service for service in services if service.id in source.offered]
        assert offered and all(service.carrier_id in source.pickups for service in offered)
        for service in offered:
            assert price(service.tariff, km=60, grams=2000).total_minor > 600
            lane = Lane(source.schedule(service), service.carrier_calendar, service.transit[2])
            longest = 21 if service.code == "freight" else 9
            assert 0 < (promise(lane, now).deliver_on - now.date()).days < longest


def test_every_source_can_ship_a_hundred_of_the_heaviest(demo_sources):
    """A trade order of furniture weighs tons; what no parcel service takes goes as freight."""
    heaviest = max(row["weight_grams"] for row in product_rows())
    services = shipping_setup.services(shipping_setup.calendars_by_id())
    for source in shipping_setup.sources(shipping_setup.calendars_by_id()).values():
        prices = [
            price(one.tariff, km=3000, grams=100 * heaviest) for one in services if one.id in source.offered
        ]
        assert any(prices)


def test_loading_again_changes_nothing_that_people_changed(demo_sources):
    FulfillmentSource.objects.filter(code="DC-RNO").update(capacity_per_day=7)
    Carrier.objects.update(name="Ours")
    load_shipping()
    assert FulfillmentSource.objects.get(code="DC-RNO").capacity_per_day == 7
    assert set(Carrier.objects.values_list("name", flat=True)) == {"Ours"}
    assert StrategyVersion.objects.count() == 1


def test_the_strategy_that_ships_has_nothing_against_it(demo_sources):
    strategy = Strategy.objects.get(is_default=True)
    assert strategy.live_version.number == 1 and problems_of(strategy) == []
