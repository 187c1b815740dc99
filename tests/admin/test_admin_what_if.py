"""What if, as a person meets it: the button, the form, sentences for what is wrong, progress, the result, stop."""

import pytest
from django.urls import reverse

from fulfillment.models import (
    Carrier,
    CarrierService,
    Rate,
    SourceService,
    Strategy,
    StrategyConstraint,
    WhatIf,
    ZoneBand,
)
from fulfillment.services import strategies, what_ifs
from fulfillment.services.optimizing import optimize_lines
from fulfillment.types import LineDemand
from inventory.models import FulfillmentSource
from inventory.services.stock import set_on_hand
from inventory.types import StockLevel
from orders.models import Order, OrderLine

pytestmark = pytest.mark.django_db
HOME = {"ship_to_latitude": 39.5, "ship_to_longitude": -119.8}


@pytest.fixture
def strategy(world) -> Strategy:
    """Reno and Dallas, one service, a published strategy by cost."""
    FulfillmentSource.objects.filter(pk=world["source"].pk).update(latitude=39.53, longitude=-119.81)
    FulfillmentSource.objects.create(code="DC-DAL", name="Dallas", latitude=32.78, longitude=-96.8)
    service = CarrierService.objects.create(
        carrier=Carrier.objects.create(code="road", name="Road"), code="ground", name="Ground"
    )
    for zone, limit, cents in ((1, 250, 700), (2, None, 1900)):
        ZoneBand.objects.create(service=service, zone=zone, up_to_km=limit)
        Rate.objects.create(service=service, zone=zone, base_minor=cents)
    for source in FulfillmentSource.objects.all():
        SourceService.objects.create(source=source, service=service)
        set_on_hand([StockLevel(world["product"].pk, source.pk, 50)], actor="test", reason="count")
    made = Strategy.objects.create(key="money", name="Least money", objective="cost", is_default=True)
    strategies.publish(made.pk, actor="test")
    return made


@pytest.fixture
def sourced(strategy, make_orders, world) -> list[int]:
    ids = make_orders(3)
    Order.objects.update(**HOME)
    lines = OrderLine.objects.filter(order__in=ids).order_by("pk")
    optimize_lines(
        [LineDemand(line.order_id, line.pk, line.product_id, line.sku, line.quantity, 39.5, -119.8) for line in lines],
        actor="test",
    )  # fmt: skip
    return ids


def ask(strategy) -> str:
    return reverse("admin:fulfillment_strategy_try", args=[strategy.pk])


def bar(strategy, code: str) -> None:
    StrategyConstraint.objects.create(
        strategy=strategy, kind="offline", name=f"Not {code}", parameters={"codes": [code]}
    )


def started(client, strategy, **asked) -> WhatIf:
    answer = client.post(ask(strategy), {"against": "draft", "days": 7, "most_orders": 100} | asked)
    job = WhatIf.objects.get()
    assert answer["Location"].endswith(f"/try/{job.pk}/")
    return job


def test_from_the_button_to_the_result(browse, strategy, sourced):
    client = browse("Flow designer")
    bar(strategy, "DC-RNO")
    page = client.get(reverse("admin:fulfillment_strategy_change", args=[strategy.pk])).content.decode()
    assert "What if…" in page and f"{ask(strategy)}?against=draft" in page and "?against=live" in page
    button = client.get(f"/admin/fulfillment/strategy/{strategy.pk}/what-if/")
    assert button.status_code == 302 and button["Location"] == ask(strategy)
    assert "The draft differs from version 1" in client.get(ask(strategy)).content.decode()

    job = started(client, strategy)
    waiting = client.get(f"{ask(strategy)}{job.pk}/").content.decode()
    assert "0 % of 3 orders played" in waiting and ">Stop</button>" in waiting
    what_ifs.work(60)
    shown = client.get(f"{ask(strategy)}{job.pk}/").content.decode()
    assert "The draft would have cost 36.00 USD more (+171.4 %) on 3 orders." in shown
    assert "3 of 3 orders would have changed: 0 cost less, 3 more." in shown
    assert "DC-RNO is out: not in the source list; carrier +12.00" in shown
    assert f'href="{reverse("order-page", args=[sourced[0]])}"' in shown
    assert "all 3 decisions and 21.00 USD come out the same" in shown
    part = client.get(f"{ask(strategy)}{job.pk}/?part=live").content.decode()
    assert 'data-live-state="still"' in part and "<html" not in part
    assert "36.00 USD more" in client.get(ask(strategy)).content.decode()
    assert "36.00 USD more" in client.get(reverse("admin:fulfillment_whatif_changelist")).content.decode()


@pytest.mark.parametrize(
    "asked, sentence",
    [
        ({"days": "0"}, "Look at 1 to 90 days."),
        ({"days": "x"}, "Look at 1 to 90 days."),
        ({"days": ""}, "Look at 1 to 90 days."),
        ({"most_orders": "99999999999999999999"}, "Look at 1 to 5,000 orders."),
        ({"against": "nothing"}, "Try the draft or what works now."),
    ],
)
def test_what_is_asked_wrongly_comes_back_with_a_sentence(browse, strategy, sourced, asked, sentence):
    given = {"against": "draft", "days": 7, "most_orders": 100} | asked
    answer = browse("Publisher").post(ask(strategy), given)
    assert answer.status_code == 400 and sentence in answer.content.decode()
    assert not WhatIf.objects.exists()


def test_no_orders_and_contradictions_are_sentences(browse, strategy, world):
    client = browse("Publisher")
    given = {"against": "draft", "days": 2, "most_orders": 100}
    answer = client.post(ask(strategy), given)
    assert answer.status_code == 400
    assert "“Least money” sourced no order in the last 2 days." in answer.content.decode()
    bar(strategy, "DC-RNO"), bar(strategy, "DC-DAL")
    assert "The draft contradicts itself" in client.post(ask(strategy), given).content.decode()


def test_a_double_click_begins_one(browse, strategy, sourced):
    client = browse("Publisher")
    given = {"against": "live", "days": 7, "most_orders": 100, "once": "t" * 32}
    client.post(ask(strategy), given)
    assert client.post(ask(strategy), given).status_code == 302
    assert WhatIf.objects.count() == 1


def test_stop_on_the_page(browse, strategy, sourced):
    client = browse("Publisher")
    job = started(client, strategy)
    address = f"{ask(strategy)}{job.pk}/"
    assert client.get(f"{address}stop/").status_code == 405
    client.post(f"{address}stop/", {"next": address})
    job.refresh_from_db()
    assert job.state == "stopped"
    assert "Stopped after 0 %" in client.get(address).content.decode()


def test_who_may_only_look_can_neither_begin_nor_stop(browse, strategy, sourced):
    job = started(browse("Publisher"), strategy)
    client = browse("Auditor")
    page = client.get(ask(strategy)).content.decode()
    assert "you need the permission" in page and "Try it" not in page
    client.post(ask(strategy), {"against": "draft", "days": 7, "most_orders": 100})
    assert client.post(f"{ask(strategy)}{job.pk}/stop/").status_code == 403
    job.refresh_from_db()
    assert WhatIf.objects.count() == 1 and job.state == "running"


def test_what_is_not_there_is_not_found(browse, strategy, sourced):
    client = browse("Publisher")
    job = started(client, strategy)
    other = Strategy.objects.create(key="other", name="Other")
    assert client.get("/admin/fulfillment/strategy/999999/try/").status_code == 404
    assert client.get(f"{ask(strategy)}999999/").status_code == 404
    assert client.get(f"{ask(other)}{job.pk}/").status_code == 404
