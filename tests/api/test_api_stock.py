"""Products, stock, reservations by API."""

import pytest

from inventory.models import InventoryPosition, Product, Reservation

pytestmark = pytest.mark.django_db


def row(**changes) -> dict:
    return {"sku": "TEE-S", "source": "DC-1", "quantity": 10} | changes


def codes(response) -> set[tuple[str, str]]:
    return {(fault["code"], fault["field"]) for fault in response.json()["errors"]}


def test_products_are_made_and_changed_by_sku(api, products):
    body = {
        "products": [
            {"sku": "TEE-S", "name": "Small"},
            {"sku": "TEE-M", "name": "Shirt TEE-M"},
            {"sku": "CAP", "name": "Cap"},
        ]
    }

    answer = api.post("products/", body).json()

    assert [fault["result"] for fault in answer["rows"]] == ["changed", "same", "created"]
    small = api.get("products/TEE-S/").json()
    assert (small["name"], small["price"]) == ("Small", "19.9000")
    assert [item["sku"] for item in api.get("products/?search=cap").json()["results"]] == ["CAP"]
    assert Product.objects.count() == 3


@pytest.mark.parametrize(
    ("product", "code", "field"),
    [
        ({"sku": "A"}, "required", "products[0].name"),
        ({"sku": "A", "name": "A", "prise": 1}, "unknown_field", "products[0].prise"),
        ({"sku": "A", "name": "A", "id": 1}, "read_only", "products[0].id"),
        ({"sku": "A", "name": "A", "price": "NaN"}, "invalid", "products[0].price"),
        ({"sku": "A", "name": "A", "price": "-1"}, "min_value", "products[0].price"),
        ({"sku": "A", "name": "A", "weight_grams": 1.5}, "invalid", "products[0].weight_grams"),
        ({"sku": "A", "name": "A", "weight_grams": 10**30}, "max_value", "products[0].weight_grams"),
        ({"sku": "A", "name": "A", "currency": "ZZZ"}, "invalid_choice", "products[0].currency"),
        ({"sku": "A" * 65, "name": "A"}, "max_length", "products[0].sku"),
        (5, "invalid", "products[0]"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_products(api, db, product, code, field):
    response = api.post("products/", {"products": [product]})

    assert response.status_code == 400
    assert (code, field) in codes(response)
    assert not Product.objects.exists()


def test_count_adjust_and_read(api, products, source):
    assert api.post("positions/set/", {"rows": [row(), row(sku="TEE-M")], "reason": "count"}).json() == {
        "rows": 2
    }
    assert api.post("positions/adjust/", {"rows": [row(quantity=-3)]}).json() == {"rows": 1}
    assert api.post("positions/safety-stock/", {"rows": [row(quantity=2)]}).json() == {"rows": 1}

    answer = api.get("positions/?sku=TEE-S&source=DC-1").json()

    assert answer["results"] == [
        {"sku": "TEE-S", "source": "DC-1", "on_hand": 7, "reserved": 0, "safety_stock": 2, "available": 5}
    ]
    assert len(api.get("positions/?source=DC-1").json()["results"]) == 2


def test_every_bad_stock_row_is_named_and_none_is_written(api, products, source):
    body = {"rows": [row(), row(sku="NO"), row(source="NO")]}

    response = api.post("positions/set/", body)

    assert response.status_code == 422
    assert codes(response) == {("unknown_sku", "rows[1].sku"), ("unknown_source", "rows[2].source")}
    assert not InventoryPosition.objects.exists()


@pytest.mark.parametrize("quantity", [-1, 1.5, 10**30, True, "1", "1,5", None])
def test_counts_are_whole_and_bounded(api, products, source, quantity):
    response = api.post("positions/set/", {"rows": [row(quantity=quantity)]})

    assert response.status_code == 400
    assert {field for _, field in codes(response)} == {"rows[0].quantity"}


def test_stock_cannot_go_below_nothing(api, products, source):
    response = api.post("positions/adjust/", {"rows": [row(quantity=-1)]})

    assert (response.status_code, response.json()["code"]) == (409, "stock_below_reserved")


def test_positions_want_a_filter(api, db):
    assert api.get("positions/").json()["code"] == "filter_required"
    assert api.get("positions/?sku=A&product__price=1").json()["code"] == "unknown_filter"


@pytest.mark.parametrize("count", [1, 200])
def test_positions_cost_one_query(api, products, source, count, django_assert_num_queries):
    InventoryPosition.objects.bulk_create(
        InventoryPosition(product=Product.objects.create(sku=f"P{n}", name="P"), source=source, on_hand=n)
        for n in range(count)
    )
    api.get("me/")  # notes the use of the key

    with django_assert_num_queries(2):  # the key with its channels, the rows
        assert len(api.get("positions/?source=DC-1").json()["results"]) == count


def test_reserve_once_and_release(api, products, source):
    api.post("positions/set/", {"rows": [row()]})
    body = {
        "requests": [{"lines": [row(key="cart-1", quantity=4)]}, {"lines": [row(key="cart-2", quantity=7)]}]
    }

    first, again = api.post("reservations/", body), api.post("reservations/", body)

    assert (first.status_code, first.json()["granted"]) == (201, {"cart-1": 4})
    assert first.json()["short"] == [
        {"key": "cart-2", "sku": "TEE-S", "source": "DC-1", "wanted": 7, "available": 6}
    ]
    assert again.json() == first.json()
    assert api.get("reservations/cart-1/").json()["state"] == "active"
    assert api.post("reservations/release/", {"keys": ["cart-1", "never"]}).json() == {"released": ["cart-1"]}
    assert InventoryPosition.objects.get().reserved == 0


def test_nothing_to_be_had_is_a_conflict(api, products, source):
    response = api.post("reservations/", {"requests": [{"lines": [row(key="cart-1")]}]})

    assert (response.status_code, response.json()["code"]) == (409, "insufficient_stock")
    assert response.json()["shortages"][0]["wanted"] == 10


def test_a_key_of_ours_is_out_of_reach(api, products, source):
    api.post("positions/set/", {"rows": [row()]})
    api.post("reservations/", {"requests": [{"lines": [row(key="a")]}]})
    Reservation.objects.update(key="fl:1")

    assert api.post("reservations/release/", {"keys": ["fl:1"]}).json() == {"released": []}
    assert api.get("reservations/fl:1/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"quantity": 0}, "min_value", "requests[0].lines[0].quantity"),
        ({"sku": "NO"}, "unknown_sku", "requests[0].lines[0].sku"),
        ({"key": ""}, "blank", "requests[0].lines[0].key"),
    ],
)
def test_bad_reservations(api, products, source, changes, code, field):
    response = api.post("reservations/", {"requests": [{"lines": [row(key="a") | changes]}]})

    assert response.status_code in (400, 422)
    assert (code, field) in codes(response)


def test_sources(api, source):
    assert api.get("sources/DC-1/").json()["name"] == "Dallas"
    assert [item["code"] for item in api.get("sources/?type=warehouse&active=true").json()["results"]] == [
        "DC-1"
    ]
    assert api.get("sources/?active=maybe").json()["code"] == "bad_filter"
