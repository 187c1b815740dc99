"""Set-up of sourcing in the admin: files both ways, the switch of a source, strategies published and put back."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from fulfillment import setup_tables
from fulfillment.models import (
    CarrierPickup,
    CarrierService,
    FulfillmentLine,
    FulfillmentOrder,
    FutureSale,
    Lateness,
    MethodRule,
    Rate,
    SourceDay,
    SourceList,
    Strategy,
    Surcharge,
    TransitTime,
    ZoneBand,
)
from inventory.models import CalendarDay, FulfillmentSource, WorkingCalendar, WorkingHours
from inventory.services.import_tables import take_rows
from iom.lib import tabular
from orchestration.demo.shipping import load_shipping
from orders.models import BusinessEvent, OrderLine

pytestmark = pytest.mark.django_db
TABLES = {
    name: table for name, table in vars(setup_tables).items() if isinstance(table, setup_tables.SetupTable)
}


@pytest.fixture
def shipping(world):
    FulfillmentSource.objects.update(latitude=39.5, longitude=-119.8)
    load_shipping()
    MethodRule.objects.create(method="pickup", category="Tents", allowed=False)
    MethodRule.objects.create(method="pickup", product=world["product"], source=world["source"])
    FutureSale.objects.create(product=world["product"], source_type="store", minor=5, percent="12.5")
    SourceList.objects.create(key="west", name="West").sources.add(world["source"])
    CalendarDay.objects.create(
        calendar=WorkingCalendar.objects.first(), date="2026-12-24", name="Christmas Eve"
    )
    TransitTime.objects.filter(zone=2).update(observed=[[2, 90], [3, 10]])


@pytest.mark.parametrize("name", sorted(TABLES))
def test_what_is_exported_comes_back_and_changes_nothing(shipping, name):
    table = TABLES[name]
    spec = table.spec()
    content = tabular.write_csv(spec.columns, table.export(table.model.objects.all()))
    rows = spec.read(content).rows
    report = take_rows(spec, rows, actor="test")
    assert (report.failed, report.taken, report.same) == ([], 0, len(rows))


def take(table, text: str):
    spec = table.spec()
    return take_rows(spec, spec.read(text.encode()).rows, actor="test")


def test_rates_are_made_and_changed_and_bad_rows_named(shipping):
    report = take(
        setup_tables.RATES,
        "service,zone,from_units,base_minor,per_unit_minor\n"
        "ground,2,1,999,5\nground,2,30,2000,1\nnone,2,1,5,5\nground,2,x,5,5\nground,2,0,5,5\nground,2,,5,5\n",
    )
    assert (
        report.taken == 2 and Rate.objects.get(service__code="ground", zone=2, from_units=1).base_minor == 999
    )
    reasons = {row.line: row.reason for row in report.failed}
    assert set(reasons) == {4, 5, 6, 7} and "no service “none”" in reasons[4] and "whole number" in reasons[5]


@pytest.mark.parametrize(
    "name, text, model, taken, faults",
    [
        ("CALENDARS", "code,name,country\nwest,West,US\n,No code,US\n", WorkingCalendar, 1, {3: "code is empty"}),
        ("HOURS", "calendar,weekday,opens_at,closes_at\nMINE,1,08:00,12:00\nMINE,1,14:00,13:00\nMINE,9,08:00,9:00\n",
         WorkingHours, 1, {3: "contradicts|closes|violated", 4: "weekday|9:00"}),
        ("HOLIDAYS", "calendar,date,name\nMINE,2027-01-06,Epiphany\nMINE,6.1.2027,Epiphany\nno,2027-01-06,x\n",
         CalendarDay, 1, {3: "is not a date", 4: "no calendar"}),
        ("ZONES", "service,zone,up_to_km\nground,99,99999\nground,x,5\n", ZoneBand, 1, {3: "whole number"}),
        ("SURCHARGES", "service,name,kind,percent,zone,from_units,valid_from\nground,Peak,percent,4.5,,1,2026-11-15\n"
         "ground,Peak,percent,-1,,1,\nground,Peak,percent,1,,,\n", Surcharge, 1, {3: "violated|percent", 4: "from_units"}),
        ("TRANSIT", "service,zone,days,observed\nground,99,4,3:120;4:30\nground,98,4,3-120\n", TransitTime, 1, {3: "3:120"}),
        ("LATENESS", "service,slack_days,late_ppm\nground,7,5\nair,x,5\n", Lateness, 0, {2: "violated", 3: "air"}),
        ("SOURCE_LISTS", "key,name,sources\nnew,New,DC-RNO\nbad,Bad,DC-RNO;NOWHERE\n", SourceList, 1, {3: "NOWHERE"}),
    ],
)  # fmt: skip
def test_each_table_takes_its_rows_and_names_what_is_wrong(shipping, name, text, model, taken, faults):
    text = text.replace("MINE", WorkingCalendar.objects.order_by("pk")[0].code)
    before = model.objects.count()
    report = take(getattr(setup_tables, name), text)
    assert (report.taken, model.objects.count() - before) == (taken, taken), report
    assert {row.line for row in report.failed} == set(faults)
    for row in report.failed:
        assert re.search(faults[row.line], row.reason), row.reason


def test_the_members_of_a_list_are_those_of_the_file(shipping):
    other = FulfillmentSource.objects.create(code="DC-CMH", name="Columbus")
    assert take(setup_tables.SOURCE_LISTS, "key,name,sources\nwest,West,DC-CMH; DC-RNO\n").taken == 1
    assert SourceList.objects.get(key="west").sources.count() == 2
    assert take(setup_tables.SOURCE_LISTS, "key,name\nwest,West\n").same == 1
    assert take(setup_tables.SOURCE_LISTS, "key,sources\nwest,DC-CMH\n").taken == 1
    assert list(SourceList.objects.get(key="west").sources.all()) == [other]


def test_columns_that_are_not_in_the_file_stay(shipping):
    before = CarrierService.objects.get(code="ground")
    assert take(setup_tables.SERVICES, "code,name\nground,Ours\n").taken == 1
    after = CarrierService.objects.get(code="ground")
    assert (
        after.name == "Ours" and after.carrier == before.carrier and after.dim_divisor == before.dim_divisor
    )


def test_a_file_goes_through_the_page(browse, shipping):
    client = browse("Integrator")
    url = reverse("admin:fulfillment_carrierpickup_import_table")
    text = b"source,carrier,weekday,time\nDC-RNO,northway,6,10:30\n"
    page = client.post(url, {"file": SimpleUploadedFile("p.csv", text)})
    before = CarrierPickup.objects.count()
    client.post(page.url, {"mode": "all"})
    assert CarrierPickup.objects.count() == before + 1
    exported = client.get(reverse("admin:fulfillment_carrierpickup_export_csv")).content.decode()
    assert "DC-RNO,northway,6,10:30:00" in exported


def test_switching_off_in_the_form_and_in_the_list_is_an_event(browse, world):
    client, source = browse("Integrator"), world["source"]
    url = reverse("admin:inventory_fulfillmentsource_changelist")
    client.post(url, {"action": "switch_off", "_selected_action": [source.pk]})
    assert not FulfillmentSource.objects.get().active
    page = reverse("admin:inventory_fulfillmentsource_change", args=[source.pk])
    form = client.get(page).context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value is not None}
    assert client.post(page, {**values, "active": "on"}).status_code == 302
    assert FulfillmentSource.objects.get().active
    kinds = list(BusinessEvent.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["fulfillment_source.deactivated", "fulfillment_source.activated"]


def test_less_capacity_in_the_form_moves_what_is_planned_beyond_it(browse, world, make_orders):
    client, source, now = browse("Integrator"), world["source"], timezone.now()
    for order in make_orders(3):
        work = FulfillmentOrder.objects.create(
            key=f"fo:{order}", order_id=order, source=source, state_at=now, created_at=now, capacity_day=now.date(),
            capacity_used=1,
        )  # fmt: skip
        line = OrderLine.objects.filter(order=order).first()
        FulfillmentLine.objects.create(fulfillment_order=work, order_line=line, quantity=1)
    day = {"source": source, "day": now.date(), "unit": "orders", "regular": 9, "maximum": 9}
    SourceDay.objects.create(**day, used=3)
    page = reverse("admin:inventory_fulfillmentsource_change", args=[source.pk])
    form = client.get(page).context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value is not None}
    answer = client.post(page, {**values, "capacity_unit": "orders", "capacity_per_day": 2})
    assert answer.status_code == 302
    assert SourceDay.objects.get().used == 2
    assert list(FulfillmentOrder.objects.order_by("pk").values_list("state", flat=True)) == [
        "new",
        "new",
        "canceled",
    ]


def test_a_strategy_is_published_compared_and_put_back_on_its_page(browse, shipping):
    client = browse("Manager")
    strategy = Strategy.objects.get()
    page = reverse("admin:fulfillment_strategy_change", args=[strategy.pk])
    assert "the draft says what works" in client.get(page).content.decode()
    Strategy.objects.update(max_sources_per_order=1)
    assert "sources per order was 5, now it is 1" in client.get(page).content.decode()
    publish = reverse("admin:fulfillment_strategy_publish", args=[strategy.pk])
    assert "sources per order was 5" in client.get(publish).content.decode()
    client.post(publish, {"comment": "one parcel"})
    strategy.refresh_from_db()
    assert strategy.live_version.number == 2 and strategy.live_version.comment == "one parcel"
    first = strategy.versions.get(number=1)
    back = reverse("admin:fulfillment_strategy_restore", args=[strategy.pk, first.pk])
    assert "sources per order was 1, now it is 5" in client.get(back).content.decode()
    client.post(back)
    strategy.refresh_from_db()
    assert strategy.max_sources_per_order == 5 and strategy.live_version.number == 2


def test_who_may_only_look_publishes_nothing(browse, shipping):
    client, strategy = browse("Auditor"), Strategy.objects.get()
    assert client.post(reverse("admin:fulfillment_strategy_publish", args=[strategy.pk])).status_code == 403
    back = reverse("admin:fulfillment_strategy_restore", args=[strategy.pk, strategy.live_version_id])
    assert client.post(back).status_code == 403
    assert strategy.versions.count() == 1
