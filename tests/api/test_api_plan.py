"""`POST fulfillment/plan`: options with prices and dates, constraints and methods, stock held, refusals, speed."""

import time
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Carrier, MethodRule, ShippingRateFactor, Strategy
from inventory.models import FulfillmentSource, InventoryPosition, Product, Reservation
from orchestration.demo import places
from orchestration.demo.shipping import load_shipping

pytestmark = pytest.mark.django_db
CHICAGO = {"country": "US", "region": "IL", "postal_code": "60601", "latitude": 41.88, "longitude": -87.63}


def _world(count: int = 29, skus: int = 5) -> list[Product]:
    spots = [places.SOURCES[n % len(places.SOURCES)] for n in range(count)]
    FulfillmentSource.objects.bulk_create(
        FulfillmentSource(
            code=code if n < len(places.SOURCES) else f"{code}-{n}", name=code, type=kind, region=region,
            postal_code=postal, latitude=lat + n // 29 * 0.05, longitude=lon, time_zone=zone,
            processing_minutes=places.PACE[kind][0], cutoff_time=places.PACE[kind][1],
        )
        for n, (code, kind, _, region, postal, lat, lon, zone) in enumerate(spots)
    )  # fmt: skip
    load_shipping()
    products = Product.objects.bulk_create(
        Product(sku=f"P-{n}", name="P", weight_grams=400 * (n + 1)) for n in range(skus)
    )
    InventoryPosition.objects.bulk_create(
        InventoryPosition(product=product, source=source, on_hand=20)
        for product in products
        for source in FulfillmentSource.objects.all()
    )
    return products


@pytest.fixture
def stocked():
    return _world()


def cart(*lines, **fields) -> dict:
    rows = [
        {"line_id": str(n), "sku": sku, "quantity": units, **dict(*more)}
        for n, (sku, units, *more) in enumerate(lines or [("P-0", 1), ("P-1", 2)], 1)
    ]
    return {"order_id": "cart-7", "destination": CHICAGO, "lines": rows, **fields}


def test_a_cart_gets_its_plan_and_its_options(api, stocked):
    answer = api.post("fulfillment/plan", cart())
    assert answer.status_code == 200, answer.content
    plan = answer.json()
    assert [line["fulfillment_type"] for line in plan["plan_lines"]] == ["fully", "fully"]
    assert (
        plan["not_fulfilled_lines"] == [] and plan["strategy"] == "standard" and plan["strategy_version"] == 1
    )
    options = {kind: option for option in plan["shipping_options"] for kind in option["kinds"]}
    assert set(options) == {"plan", "cheapest", "earliest", "greenest"}
    assert options["earliest"]["delivers_on"] <= options["cheapest"]["delivers_on"]
    assert options["greenest"]["grams_co2"] <= options["cheapest"]["grams_co2"]
    assert all(option["ships_on"] <= option["delivers_on"] for option in options.values())
    assert plan["reservation"] is None and not Reservation.objects.exists()


def test_the_price_is_the_rate_times_the_factor(api, stocked):
    FulfillmentSource.objects.exclude(code="ST-CHI").update(active=False)
    Carrier.objects.filter(code="cityrun").update(active=False)
    (option, *_) = api.post("fulfillment/plan", cart(("P-1", 1))).json()["shipping_options"]
    # 800 g are 2 lb in zone 2: 705 + 26, fuel 6.5 % of 731 is 48, times 1.1
    assert option["parcels"][0]["service"] == "ground" and option["price_minor"] == 857
    ShippingRateFactor.objects.update(factor=Decimal(2))
    assert api.post("fulfillment/plan", cart(("P-1", 1))).json()["shipping_options"][0]["price_minor"] == 1558


def test_lines_that_ship_free_do_not_weigh(api, stocked):
    free = api.post("fulfillment/plan", cart(("P-1", 1, {"free_shipping": True}))).json()
    assert {option["price_minor"] for option in free["shipping_options"]} == {0}


def test_what_nobody_has_is_named_and_the_rest_is_planned(api, stocked):
    Product.objects.create(sku="NEW", name="New")
    plan = api.post("fulfillment/plan", cart(("P-0", 1), ("NEW", 3))).json()
    assert [line["fulfillment_type"] for line in plan["plan_lines"]] == ["fully", "not_sourced"]
    (missing,) = plan["not_fulfilled_lines"]
    assert (missing["line_id"], missing["quantity"], missing["reason"]) == ("2", 3, "no_stock")


def test_a_pickup_is_at_its_store_only(api, stocked):
    line = {"method": "pickup", "pickup_source": "ST-SEA"}
    plan = api.post("fulfillment/plan", cart(("P-0", 1, line))).json()
    assert [row["source"] for row in plan["plan_lines"][0]["sources"]] == ["ST-SEA"]
    refused = api.post("fulfillment/plan", cart(("P-0", 1, {"method": "pickup", "pickup_source": "DC-RNO"})))
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_source")


def test_a_method_that_is_not_allowed_is_not_used(api, stocked):
    MethodRule.objects.create(method="ship_to_home", source_type="store", allowed=False)
    plan = api.post("fulfillment/plan", cart(("P-0", 1))).json()
    assert not plan["plan_lines"][0]["sources"][0]["source"].startswith("ST-")
    MethodRule.objects.create(method="ship_to_home", allowed=False, product=stocked[0])
    gone = api.post("fulfillment/plan", cart(("P-0", 1))).json()
    assert gone["not_fulfilled_lines"][0]["reason"] == "not_allowed" and gone["shipping_options"] == []


def test_constraints_hold_and_soft_ones_give_way(api, stocked):
    strategy = Strategy.objects.create(key="near", name="Near", objective="cost")
    near = strategy.constraints.create(
        kind="maximum_distance", name="Near", parameters={"km": 1}, is_hard=False
    )
    relaxed = api.post(
        "fulfillment/plan", cart(("P-0", 1), strategy="near", destination={**CHICAGO, "latitude": 43.0})
    ).json()
    assert relaxed["relaxed"] == ["Near"] and relaxed["plan_lines"][0]["fulfilled_quantity"] == 1
    near.is_hard = True
    near.save()
    firm = api.post(
        "fulfillment/plan", cart(("P-0", 1), strategy="near", destination={**CHICAGO, "latitude": 43.0})
    ).json()
    assert firm["relaxed"] == [] and firm["plan_lines"][0]["fulfilled_quantity"] == 0


def test_stock_is_held_once_for_a_repeated_request_and_runs_out(api, stocked):
    sent = cart(("P-0", 3), reserve_seconds=600)
    first = api.post("fulfillment/plan", sent, Idempotency_Key="k1")
    again = api.post("fulfillment/plan", sent, Idempotency_Key="k1")
    assert again.content == first.content and again["Idempotent-Replayed"] == "true"
    (held,) = Reservation.objects.all()
    assert held.quantity == 3 and held.expires_at and held.key in first.json()["reservation"]["keys"]
    assert held.reference == "cart:cart-7"


def test_holding_needs_its_scope_and_planning_does_not(caller, stocked):
    reader = caller("fulfillment:read")
    assert reader.post("fulfillment/plan", cart()).status_code == 200
    assert reader.post("fulfillment/plan", cart(reserve_seconds=60)).status_code == 403
    assert caller("orders:read").post("fulfillment/plan", cart()).status_code == 403
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "sent, status, code",
    [
        (cart(("NO", 1)), 422, "unknown_product"),
        (cart(strategy="none"), 400, "unknown_strategy"),
        (cart(("P-0", 0)), 400, "invalid"),
        (cart(destination={"country": "us"}), 400, "invalid"),
        (cart(destination={"country": "DE"}), 422, "destination_not_located"),
        (cart(channel="other"), 400, "invalid"),
        (cart(colour="red"), 400, "invalid"),
        ([], 400, "invalid"),
    ],
)
def test_bad_carts_are_refused_in_the_usual_shape(api, stocked, sent, status, code):
    answer = api.post("fulfillment/plan", sent)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json" and answer.json()["detail"]
    if code != "invalid":
        assert answer.json()["code"] == code


def test_where_it_goes_without_coordinates(api, stocked):
    found = api.post("fulfillment/plan", cart(destination={"country": "US", "postal_code": "98101"})).json()
    assert found["located_by"] == "postal_code" and found["shipping_options"]


def test_queries_do_not_depend_on_sources_and_lines(api):
    _world(29, 8)
    sent = cart(("P-0", 1))
    api.post("fulfillment/plan", sent)
    with CaptureQueriesContext(connection) as few:
        api.post("fulfillment/plan", sent)
    with CaptureQueriesContext(connection) as many:
        api.post("fulfillment/plan", cart(*[(f"P-{n}", 1) for n in range(8)]))
    assert len(many) == len(few) < 40, [query["sql"] for query in many]


def test_two_hundred_sources_and_five_lines_are_quick(api):
    _world(200)
    sent = cart(*[(f"P-{n}", 1 + n % 2) for n in range(5)])
    spent = []
    for _ in range(5):
        began = time.process_time()
        assert api.post("fulfillment/plan", sent).json()["not_fulfilled_lines"] == []
        spent.append(time.process_time() - began)
    print("cpu seconds", spent)
    assert sorted(spent)[2] < 0.6, spent  # far above what it takes, so that a busy machine is no failure
