"""A test run tells what would happen, and leaves nothing: not a row, not a bell, not a request."""

from decimal import Decimal

import pytest
from django.apps import apps

from inventory.models import FulfillmentSource, Product
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from iom.lib import bell
from orchestration.services import publishing
from orchestration.services.simulation import Choices, simulate
from orders.models import Order
from providers.models import ProviderConnection

FLOW = "orchestration/flows/order_to_invoice.json"


@pytest.fixture
def shop(known):
    """Two sources with stock, one of them a 3PL with a connection; billing is connected too."""
    sources = {
        code: FulfillmentSource.objects.create(code=code, name=code, type=kind, latitude=40, longitude=-83)
        for code, kind in (("DC-RNO", "warehouse"), ("DC-CMH", "warehouse"), ("3PL-DFW", "3pl"))
    }
    product = Product.objects.create(sku="A", name="A", price=Decimal("10"))
    set_on_hand([StockLevel(product.pk, sources["3PL-DFW"].pk, 100)], actor="test", reason="count")
    for provider in ("threepl", "billing"):
        ProviderConnection.objects.create(
            key=provider, name=provider.title(), provider=provider, status="active"
        )
    return sources


@pytest.fixture
def draft(shop):
    return publishing.import_flow(FLOW, actor="test").draft


def pasted(**more):
    place = {
        "name": "Ann",
        "line1": "1 Main St",
        "city": "Chicago",
        "region": "IL",
        "postal_code": "60601",
        "country": "US",
    }
    line = {"line_number": 1, "sku": "A", "quantity": 2, "unit_price": "10.00"}
    return {
        "channel": "web-shop", "external_id": "P-1", "currency": "USD", "placed_at": "2026-03-02T15:00:00Z", "ship_to": place,
        "customer_name": "Ann", "lines": [line], **more,
    }  # fmt: skip


@pytest.fixture
def channel(make_channel):
    return make_channel("web-shop", kind="retail")


@pytest.fixture
def rows():
    def count():
        return {m._meta.db_table: m._base_manager.count() for m in apps.get_models(include_auto_created=True)}

    return count


@pytest.fixture
def rung(monkeypatch):
    found = []
    monkeypatch.setattr(bell, "_ring_now", lambda kind, task: found.append(kind))
    return found


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_a_test_run(draft, channel, rows, rung):
    before = rows()
    story = simulate(draft, document=pasted())

    assert story.refused == [] and story.finished, story.standing
    assert [(sent.action, sent.answer) for sent in story.sent] == [
        ("threepl.send", "taken"), ("billing.invoice", "taken"),
    ]  # fmt: skip
    assert rows() == before
    assert rung == []


def test_the_path_and_the_values_that_policies_saw_are_told(draft, channel, db):
    story = simulate(draft, document=pasted())

    told = {step.key: step for step in story.steps}
    assert told["by-source"].branches == {"threepl": 1}
    (retail,) = (found for found in told["by-channel"].policies if found.policy == "Filter policy: retail")
    assert retail.passed and retail.values == {"channel.kind": "retail"}
    assert ("fulfillment_order.shipped", "test run") in story.events
    assert story.state == "Completed"


def test_a_provider_refuses_where_one_chooses(draft, channel, db):
    story = simulate(draft, document=pasted(), choices=Choices(failing=frozenset({"invoice-3pl"})))

    assert not story.finished
    ((step, state, sentence),) = story.standing
    assert (step, state) == ("invoice-3pl", "failed") and "as you chose" in sentence


def test_a_bad_order_is_held_until_one_lets_holds_go(draft, channel, db):
    place = {**pasted()["ship_to"], "country": "FR"}
    held = simulate(draft, document=pasted(ship_to=place))

    assert [(step, state) for step, state, _ in held.standing] == [("hold-header", "waiting")]
    (verdict,) = (
        p for step in held.steps if step.key == "validate-header" for p in step.policies if not p.passed
    )
    assert verdict.values["ship_to_country"] == "FR"


@pytest.mark.django_db(transaction=True)
def test_a_real_order_is_copied_and_stays_as_it_is(draft, make_order, rows, rung):
    Product.objects.get(sku="A")
    order = make_order(("A", 2))
    before, bells = rows(), len(rung)
    kept = Order.objects.filter(pk=order.pk).values().get()

    story = simulate(draft, order_id=order.pk)

    assert story.finished, (story.refused, story.standing)
    assert rows() == before and len(rung) == bells
    assert Order.objects.filter(pk=order.pk).values().get() == kept


def test_what_cannot_start_says_why(draft, channel, db):
    assert (
        "unit_price"
        in simulate(draft, document=pasted(lines=[{"line_number": 1, "sku": "A", "quantity": 1}])).refused[0]
    )
    assert simulate({**draft, "steps": []}, document=pasted()).refused == ["steps: the flow has no step"]
    assert simulate(draft, order_id=999_999).refused == ["There is no such order."]
    never = {**draft, "entry": {"events": ["order.new"], "filters": ["is-large"]}}
    assert "does not take this order in" in simulate(never, document=pasted()).refused[0]
