"""What seldom changes is kept until it changes: every table, every kind of change, and what is undone again."""

import pytest
from cost_world import offer
from django.db import connection, transaction
from fulfillment_world import queries

from fulfillment.loading.kept import TABLES, setup
from fulfillment.models import (
    Carrier,
    CarrierPickup,
    CarrierService,
    Lateness,
    Rate,
    SourceService,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar, WorkingHours
from iom.lib.stamp import stamp

tells = pytest.mark.skipif(connection.vendor != "postgresql", reason="it cannot tell, so nothing is kept")
ROWS = (
    Carrier, CarrierService, ZoneBand, Rate, Surcharge, TransitTime, Lateness, SourceService, CarrierPickup,
    WorkingCalendar, WorkingHours, CalendarDay, FulfillmentSource,
)  # fmt: skip


@pytest.fixture
def full(world):
    """A row in every table."""
    service = offer()
    Surcharge.objects.create(service=service, name="Fuel", percent=5, kind="percent")
    calendar = WorkingCalendar.objects.create(code="week", name="Week")
    WorkingHours.objects.create(calendar=calendar, weekday=0, opens_at="08:00", closes_at="16:00")
    CalendarDay.objects.create(calendar=calendar, date="2026-12-24")
    CarrierPickup.objects.create(
        source=world.sources["CHI"], carrier=service.carrier, weekday=0, time="17:00"
    )
    return world


def test_all_tables_are_looked_at():
    assert {model._meta.db_table for model in ROWS} == set(TABLES)


@tells
def test_nothing_changed_costs_one_query_and_gives_the_same(full):
    first = setup()
    assert queries(setup) == 1 and setup() is first


@tells
@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_change_in_any_table_is_seen(full, model):
    before = stamp(TABLES)
    row = model.objects.order_by("pk").first()
    model.objects.filter(pk=row.pk).update(id=row.pk)
    assert stamp(TABLES) != before


@tells
def test_adding_changing_and_deleting_are_seen_and_what_is_rolled_back_is_not(full):
    kept = setup()
    rate = Rate.objects.order_by("pk").first()
    with transaction.atomic():
        Rate.objects.filter(pk=rate.pk).update(base_minor=1)
        assert setup().services[0].tariff.steps[0].base_minor == 1
        transaction.set_rollback(True)
    assert setup().services == kept.services
    extra = Rate.objects.create(service=rate.service, zone=rate.zone, from_units=40, base_minor=9)
    assert len(setup().services[0].tariff.steps) == len(kept.services[0].tariff.steps) + 1
    extra.delete()
    assert setup().services == kept.services
    CarrierService.objects.update(active=False)
    assert setup().services == ()


def test_what_is_kept_is_what_is_there(full):
    """On every database."""
    setup()
    Rate.objects.update(base_minor=77)
    FulfillmentSource.objects.filter(code="CHI").update(processing_minutes=90)
    found = setup()
    assert {step.base_minor for step in found.services[0].tariff.steps} == {77}
    assert found.sources[full.sources["CHI"].pk].processing.total_seconds() == 5400
