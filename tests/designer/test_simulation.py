"""A test run tells what would happen, and leaves nothing: not a row, not a bell, not a request."""

import pytest
from django.apps import apps

from inventory.models import Product
from iom.lib import bell
from orchestration.services.simulation import Choices, simulate
from orders.models import Order


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
def test_nothing_is_left_of_a_test_run(draft, channel, rows, rung, pasted):
    before = rows()
    story = simulate(draft, document=pasted())

    assert story.refused == [] and story.finished, story.standing
    assert [(sent.action, sent.answer) for sent in story.sent] == [
        ("threepl.send", "taken"), ("billing.invoice", "taken"),
    ]  # fmt: skip
    assert rows() == before
    assert rung == []


def test_the_path_and_the_values_that_policies_saw_are_told(draft, channel, db, pasted):
    story = simulate(draft, document=pasted())

    told = {step.key: step for step in story.steps}
    assert told["by-source"].branches == {"threepl": 1}
    (retail,) = (found for found in told["by-channel"].policies if found.policy == "Filter policy: retail")
    assert retail.passed and retail.values == {"channel.kind": "retail"}
    assert ("fulfillment_order.shipped", "test run") in story.events
    assert story.state == "Completed"


def test_a_provider_refuses_where_one_chooses(draft, channel, db, pasted):
    story = simulate(draft, document=pasted(), choices=Choices(failing=frozenset({"invoice-3pl"})))

    assert not story.finished
    ((step, state, sentence),) = story.standing
    assert (step, state) == ("invoice-3pl", "failed") and "as you chose" in sentence


def test_a_bad_order_is_held_until_one_lets_holds_go(draft, channel, db, pasted):
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


def test_what_cannot_start_says_why(draft, channel, db, pasted):
    assert (
        "unit_price"
        in simulate(draft, document=pasted(lines=[{"line_number": 1, "sku": "A", "quantity": 1}])).refused[0]
    )
    assert simulate({**draft, "steps": []}, document=pasted()).refused == ["steps: the flow has no step"]
    assert simulate(draft, order_id=999_999).refused == ["There is no such order."]
    never = {**draft, "entry": {"events": ["order.new"], "filters": ["is-large"]}}
    assert "does not take this order in" in simulate(never, document=pasted()).refused[0]
