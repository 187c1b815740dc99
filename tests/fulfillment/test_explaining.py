"""Why not there, and what would have to change: the change told is applied (it wins), and 99 % of it (it does not)."""

from datetime import timedelta

import pytest
from cost_world import cost_strategy, offer
from django.contrib.auth.models import User
from django.db import transaction
from fulfillment_world import ACTOR

from fulfillment.explaining import situations, why_not
from fulfillment.models import FulfillmentOrder, SourceDay
from fulfillment.services.optimizing import optimize_lines
from inventory.models import FulfillmentSource, InventoryPosition
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import Order


@pytest.fixture
def priced(world):
    offer()
    cost_strategy()
    return world


def optimize(world, order):
    with transaction.atomic():
        Order.objects.lock([order.pk])
        optimize_lines(world.demands(order), actor=ACTOR)
    return FulfillmentOrder.objects.get(order=order, state="new").source.code


def test_more_units_would_make_it_win(priced):
    thing = priced.product(CHI=10, RNO=500)
    order = priced.order((thing, 200))
    assert optimize(priced, order) == "RNO"
    answer = why_not(order, "CHI")
    (change,) = answer["changes"]
    assert (change["kind"], change["amount"]) == ("units", 190)
    assert answer["sentence"].endswith(f"It would if it had 190 more of {thing.sku}.")
    chicago = priced.sources["CHI"].pk
    for share, winner in ((0.99, "RNO"), (1.0, "CHI")):
        set_on_hand([StockLevel(thing.pk, chicago, 10 + int(190 * share))], actor=ACTOR, reason="count")
        assert optimize(priced, order) == winner


def test_less_cost_would_make_it_win(priced):
    FulfillmentSource.objects.update(handling_parcel_minor=3000)
    FulfillmentSource.objects.filter(code="DAL").update(handling_parcel_minor=8000)
    order = priced.order((priced.product(CHI=10, DAL=10), 2))
    assert optimize(priced, order) == "CHI"
    (change,) = why_not(order, "DAL")["changes"]
    assert change["kind"] == "cents"
    for share, winner in ((0.99, "CHI"), (1.0, "DAL")):
        FulfillmentSource.objects.filter(code="DAL").update(
            handling_parcel_minor=8000 - int(change["amount"] * share)
        )
        assert optimize(priced, order) == winner


def test_a_rule_would_have_to_go(priced):
    FulfillmentSource.objects.filter(code="CHI").update(active=False)
    order = priced.order((priced.product(CHI=10, RNO=10), 2))
    assert optimize(priced, order) == "RNO"
    answer = why_not(order, "CHI")
    assert answer["changes"][0]["rule"] == "inactive"
    assert "it is switched off" in answer["sentence"]
    FulfillmentSource.objects.filter(code="CHI").update(active=True)
    assert optimize(priced, order) == "CHI"


def test_the_chosen_source_is_told_as_such_and_nothing_is_written(priced):
    order = priced.order((priced.product(CHI=2, RNO=10), 2))
    optimize(priced, order)
    before = list(InventoryPosition.objects.values_list())
    assert (
        why_not(order, "CHI")["sentence"] == "Chicago DC is among the sources that would ship this order now."
    )
    assert why_not(order, "???")["sentence"] == "There is no source ???."
    assert list(InventoryPosition.objects.values_list()) == before
    assert situations(order)[0].solution.total_cents > 0


def test_the_api_tells_the_sentence_first(priced, client):
    client.force_login(User.objects.create_superuser("boss"))
    order = priced.order((priced.product(CHI=5, RNO=5), 2))
    optimize(priced, order)
    answer = client.get(f"/api/v1/orders/{order.number}/decision/?source=RNO").json()
    line = answer["lines"][0]
    assert line["sentence"].startswith("Chicago DC: the least cost")
    assert sum(line["costs"].values()) == line["run"]["cost_minor"]
    assert line["candidates"][0]["code"] == "CHI"
    assert answer["why_not"]["changes"]
    assert client.get("/api/v1/orders/SO-999999/decision/").status_code == 404


def test_the_page_answers_for_a_source(priced, client):
    client.force_login(User.objects.create_superuser("boss"))
    order = priced.order((priced.product(CHI=5, RNO=5), 2))
    optimize(priced, order)
    page = client.get(f"/orders/{order.pk}/why-not/?source=RNO").content.decode()
    assert "Reno DC does not ship it" in page and "It would if" in page
    assert "Why here?" in client.get(f"/orders/{order.pk}/").content.decode()


def test_capacity_of_the_order_itself_is_given_back_in_its_own_unit(priced):
    """Chicago counted orders in the morning and counts units now: the order's own order is no unit."""
    chicago = FulfillmentSource.objects.filter(code="CHI")
    chicago.update(capacity_unit="orders", capacity_per_day=9)
    thing = priced.product(CHI=90, RNO=90)
    early, late = priced.order((thing, 1)), priced.order((thing, 5))
    assert optimize(priced, early) == "CHI"
    chicago.update(capacity_unit="units", capacity_per_day=5)
    assert optimize(priced, late) == "CHI"
    (now,) = situations(early)
    assert now.loaded.problem.nodes.cap_max[now.node("CHI")] == 0
    assert why_not(early, "CHI")["changes"][0]["kind"] == "capacity"
    assert why_not(late, "CHI")["changes"] == []


def test_capacity_of_another_day_is_not_given_back_today(priced):
    FulfillmentSource.objects.filter(code="CHI").update(capacity_unit="units", capacity_per_day=5)
    thing = priced.product(CHI=90, RNO=90)
    early, late = priced.order((thing, 5)), priced.order((thing, 5))
    assert optimize(priced, early) == "CHI"
    (work,) = FulfillmentOrder.objects.filter(order=early)
    for rows in (FulfillmentOrder.objects.filter(pk=work.pk), SourceDay.objects.all()):
        day = "capacity_day" if rows.model is FulfillmentOrder else "day"
        rows.update(**{day: work.capacity_day - timedelta(days=1)})
    assert optimize(priced, late) == "CHI"
    assert why_not(early, "CHI")["changes"][0]["kind"] == "capacity"
