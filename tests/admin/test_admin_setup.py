"""Set-up of sourcing in the admin: files both ways, the switch of a source, strategies published and put back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from fulfillment import setup_tables
from fulfillment.models import Carrier, CarrierPickup, CarrierService, MethodRule, Rate, Strategy
from inventory.models import FulfillmentSource
from inventory.services.import_tables import take_rows
from iom.lib import tabular
from orchestration.demo.shipping import load_shipping
from orders.models import BusinessEvent

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
    assert strategy.versions.count() == 1 and Carrier.objects.count() == 2
