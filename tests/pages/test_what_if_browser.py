"""What if, in a browser: asked for, watched while it moves, read; axe-core finds nothing, and no width scrolls sideways."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from test_accessible import found

from fulfillment.models import SourcingDecision, Strategy, StrategyConstraint, WhatIf
from fulfillment.services import strategies, what_ifs

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PLACES = ({"DC-RNO": 3}, {"DC-DAL": 2, "3PL-MEM": 1})


def totals(carrier: int, load: dict, **sums) -> dict:
    zero = dict.fromkeys(
        (
            "lines",
            "unfilled_lines",
            "unfilled_units",
            "parcels",
            "splits",
            "located_parcels",
            "km",
            "late_orders",
        ),
        0,
    )
    components = {"carrier": carrier, "handling": 900, "split": 200}
    return {"components": components, "load": load, "units": 40, **zero, **sums}


RESULT = {
    "recorded": totals(120_000, {"DC-RNO": [40, 20]}),
    "again": totals(121_000, {"DC-RNO": [40, 20]}),
    "then": totals(121_000, {"DC-RNO": [40, 20]}, parcels=20, located_parcels=20, km=9_000),
    "tried": totals(98_000, {"DC-RNO": [10, 5], "DC-DAL": [30, 15]}, parcels=20, splits=3, located_parcels=20, km=4_000),
    "orders": 17, "changed": 9, "cheaper": 8, "dearer": 0, "uneven": 1, "unpriced_lines": 2,
    "blind_calls": 0, "calls": 5, "checked": 20, "same": 19, "kinds": {"stock": 1},
}  # fmt: skip


@pytest.fixture
def strategy(definitions, source) -> Strategy:
    made = Strategy.objects.create(key="near", name="Nearest first", is_default=True)
    strategies.publish(made.pk, actor="test")
    StrategyConstraint.objects.create(
        strategy=made, kind="maximum_distance", name="Not far", parameters={"km": 900}
    )
    return made


def rows(order, **more) -> list[dict]:
    row = {"order": order.pk, "delta": -1250, "weight": 1250, "before": PLACES[0], "after": PLACES[1]}
    return [row | more, row | {"order": order.pk + 1, "delta": 0} | more]


@pytest.fixture
def addresses(strategy, make_order) -> list[str]:
    order, now = make_order(), timezone.now()
    result = RESULT | {
        "top": rows(order, why="DC-RNO is out: too far; carrier −12.50, 1 source more"),
        "differences": rows(
            order, line=1, kind="stock", sentence="DC-RNO had 9 by the record, 1 by the ledger."
        ),
    }
    values = {"strategy": strategy, "document": {}, "days": 7, "most_orders": 100, "since": now - timedelta(days=7),
              "until": now, "orders": 17, "actor": "user:boss", "chunks": [[], []]}  # fmt: skip
    jobs = [
        WhatIf.objects.create(**values),
        WhatIf.objects.create(**values, position=1, result=result),
        WhatIf.objects.create(**values, state="done", result=result, finished_at=now),
        WhatIf.objects.create(**values, state="failed", error="It could not be played on.", finished_at=now),
    ]
    ask = f"/admin/fulfillment/strategy/{strategy.pk}/try/"
    return [ask, *(f"{ask}{job.pk}/" for job in jobs)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser_page, live_server, addresses, scheme):
    faults = {a: bad for a in addresses if (bad := found(browser_page, live_server.url + a, scheme))}

    assert faults == {}


def test_asked_for_watched_and_read(browser_page, live_server, strategy, make_order, source):
    """The page follows by itself: no reload between the question and the answer."""
    page, order = browser_page, make_order()
    line = order.lines.get()
    SourcingDecision.objects.create(
        order=order, order_line=line, strategy="near", outcome="sourced", at=timezone.now(),
        chosen=[{"source": source.pk, "code": source.code, "quantity": line.quantity, "distance_km": 5}],
        candidates=[{"code": source.code, "available": None, "distance_km": 5, "removed_by": ""}],
    )  # fmt: skip
    page.goto(f"{live_server.url}/admin/fulfillment/strategy/{strategy.pk}/try/")
    expect(page.get_by_text("The draft differs from version 1")).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("0 % of 1 order played")).to_be_visible()

    what_ifs.work(60)

    expect(
        page.get_by_role("heading", name="The draft would have changed nothing on 1 order.")
    ).to_be_visible()
    expect(page.get_by_text("1 line could not be priced")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
