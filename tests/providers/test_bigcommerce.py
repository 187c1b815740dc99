"""A shop over real HTTP: orders in by ids only, once each; statuses and shipments back, once each."""

import json
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.test import RequestFactory
from django.utils import timezone
from shop_rig import PLACED, rfc

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services import cancellation, execution
from fulfillment.types import ShipmentReport
from orders.models import Customer, Hold, Order, OrderLine
from providers import views
from providers.models import Checkpoint, ConnectionGate, InboxMessage, ProviderRequest
from providers.services import inbox, outbox, pulling

pytestmark = pytest.mark.django_db(transaction=True)


def tell(number: int, event: str = "h1", scope: str = "store/order/created") -> int:
    body = json.dumps(
        {"scope": scope, "store_id": "1001", "data": {"type": "order", "id": number}, "hash": event}
    )
    request = RequestFactory().post(
        "/hooks/shop/",
        body.encode(),
        content_type="application/json",
        HTTP_X_WEBHOOK_SECRET="a-shared-secret-here",
    )
    return views.hook(request, "shop").status_code


def pull() -> int:
    Checkpoint.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    found = pulling.pull_due()
    inbox.work(1)
    return found


def due_now() -> None:
    past = timezone.now() - timedelta(seconds=1)
    ProviderRequest.objects.filter(due_at__isnull=False).update(due_at=past)
    InboxMessage.objects.filter(state="waiting").update(due_at=past)
    ConnectionGate.objects.update(closed_until=None)


def states() -> list[tuple[str, str]]:
    return list(InboxMessage.objects.order_by("pk").values_list("state", "code"))


def test_an_order_comes_in_to_the_cent(shop, shop_connection, make_product):
    make_product("A-1"), make_product("B-2")
    shop.place(
        118, ("A-1", 2, "19.9900", "3.3000"), ("B-2", 1, "5.0000"), customer_id=7, total_tax="3.7300",
        shipping_cost_ex_tax="5.0000", coupon_discount="1.0000", total_inc_tax="52.7100", customer_message="Ring twice",
    )  # fmt: skip
    assert tell(118) == 202
    inbox.work(1)
    order = Order.objects.get()
    assert (order.external_id, order.total_minor, order.currency) == ("118", 5271, "USD")
    assert (order.shipping_minor, order.tax_minor, order.discount_minor) == (500, 373, 100)
    assert order.placed_at.timestamp() == PLACED and order.notes == "Ring twice"
    lines = order.lines.order_by("line_number").values_list("sku", "quantity", "unit_price", "tax_minor")
    assert list(lines) == [("A-1", 2, Decimal("19.9900"), 330), ("B-2", 1, Decimal("5.0000"), 0)]
    assert (order.ship_to_name, order.ship_to_city, order.ship_to_postal_code) == (
        "Ada Moss",
        "Chicago",
        "60601",
    )
    assert not list(Hold.objects.values_list("reason", flat=True)) and states() == [("done", "")]


@pytest.mark.parametrize(
    ("company", "kind", "name"), [("Moss & Co", "account", "Moss & Co"), ("", "contact", "Ada Moss")]
)
def test_a_company_is_an_account_anybody_else_a_contact(
    shop, shop_connection, make_product, company, kind, name
):
    make_product("A-1")
    for number in (118, 119):
        order = shop.place(number, ("A-1", 1, "10.0000"), customer_id=7, total_inc_tax="10.0000")
        order["billing_address"]["company"] = company
        tell(number, f"h{number}")
    inbox.work(1)
    customer = Customer.objects.get()
    assert (customer.kind, customer.name, customer.email) == (kind, name, "ada@example.com")
    assert list(Order.objects.values_list("customer", flat=True)) == [customer.pk] * 2
    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"total_inc_tax": "11.0000"}, "total"), ({"sku": "GONE"}, "GONE"), ({"country": "XX"}, "country")],
)
def test_what_does_not_add_up_is_parked_with_the_reason(shop, shop_connection, make_product, fields, word):
    make_product("A-1")
    shop.place(
        118, (fields.get("sku", "A-1"), 1, "10.0000"), total_inc_tax=fields.get("total_inc_tax", "10.0000")
    )
    if "sku" in fields:
        shop.orders[118]["products"][0]["name"] = ""
    if "country" in fields:
        shop.orders[118]["shipping_addresses"][0]["country_iso2"] = fields["country"]
    tell(118)
    inbox.work(1)
    assert Order.objects.count() == 1 and word.lower() in Hold.objects.get().reason.lower()


def test_ten_webhooks_at_once_are_one_order(shop, shop_connection, make_product):
    make_product("A-1")
    shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")

    def send(number: int) -> None:
        tell(118, f"h{number % 5}")
        inbox.work(1)
        database.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    inbox.work(1)
    assert Order.objects.count() == 1 and set(states()) == {("done", "")}
    assert InboxMessage.objects.count() == 5


def test_an_order_that_we_have_is_not_fetched_again(shop, shop_connection, make_product):
    make_product("A-1")
    shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    tell(118)
    inbox.work(1)
    before = len(shop.calls)
    tell(118, "h2"), tell(118, "h3", "store/order/statusUpdated")
    inbox.work(1)
    assert len(shop.calls) == before and Order.objects.count() == 1


def test_a_hundred_neighbors_cost_two_calls_each_and_one(shop, shop_connection, make_product):
    make_product("A-1")
    for number in range(1, 101):
        shop.place(number, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
        tell(number, f"h{number}")
    inbox.work(5)
    assert Order.objects.count() == 100 and len(shop.calls) == 201


def test_products_come_in_pages_and_an_empty_list_is_no_body(
    shop, shop_connection, make_product, monkeypatch
):
    from providers.adapters.bigcommerce import reading

    monkeypatch.setattr(reading, "PAGE", 2)
    for sku in ("A-1", "A-2", "A-3", "A-4", "A-5"):
        make_product(sku)
    rows = [(f"A-{n}", 1, "1.0000") for n in (1, 2, 3, 4)]
    shop.place(118, *rows, total_inc_tax="4.0000")
    tell(118)
    inbox.work(1)
    assert Order.objects.get().line_count == 4 and Order.objects.get().total_minor == 400
    assert any("products?limit=2&page=3" in call for call in shop.calls)
    shop.orders.clear()
    assert pull() == 0


def test_an_order_that_nobody_paid_for_waits_in_the_shop(shop, shop_connection, make_product):
    make_product("A-1")
    order = shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000", status_id=7)
    tell(118)
    inbox.work(1)
    assert not Order.objects.exists() and states() == [("ignored", "not_paid")]
    order["status_id"] = 11
    tell(118, "h2", "store/order/statusUpdated")
    inbox.work(1)
    assert Order.objects.count() == 1


def test_lost_webhooks_are_found_once(shop, shop_connection, make_product, monkeypatch):
    from providers.adapters.bigcommerce import fetching

    make_product("A-1")
    monkeypatch.setattr(fetching, "PAGE", 2)
    for number in (5, 9, 12):
        shop.place(number, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    assert pull() == 3 and Order.objects.count() == 3
    shop.place(20, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    assert pull() == 1 and pull() == 0
    assert Order.objects.count() == 4 and Checkpoint.objects.get(puller="orders").value == "20"


def test_late_checkouts_and_edits_are_found_by_their_time(shop, shop_connection, make_product):
    make_product("A-1")
    shop.place(7, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    shop.place(6, ("A-1", 1, "10.0000"), total_inc_tax="10.0000", status_id=0)
    Checkpoint.objects.create(
        connection=shop_connection,
        puller="changes",
        value=f"{PLACED}|1",
        due_at=timezone.now() - timedelta(seconds=1),
    )
    pull()
    assert list(Order.objects.values_list("external_id", flat=True)) == ["7"]
    shop.orders[6]["order"].update(status_id=11, date_modified=rfc(PLACED + 60))
    pull()
    assert set(Order.objects.values_list("external_id", flat=True)) == {"6", "7"}
    shop.place(7, ("A-1", 3, "10.0000"), total_inc_tax="30.0000", modified=90)
    pull(), pull()
    parked = InboxMessage.objects.get(state="parked")
    assert parked.code == "order_changed" and Order.objects.get(external_id="7").total_minor == 1000
    assert Checkpoint.objects.get(puller="changes").value == f"{PLACED + 90}|1"


def test_more_changes_in_one_second_than_a_page_holds(shop, shop_connection, make_product, monkeypatch):
    from providers.adapters.bigcommerce import fetching

    make_product("A-1")
    monkeypatch.setattr(fetching, "PAGE", 2)
    Checkpoint.objects.create(
        connection=shop_connection,
        puller="changes",
        value=f"{PLACED}|1",
        due_at=timezone.now() - timedelta(seconds=1),
    )
    far = timezone.now() + timedelta(days=1)
    for number in range(1, 8):
        shop.place(number, ("A-1", 1, "10.0000"), total_inc_tax="10.0000", modified=60 if number < 6 else 90)
    Checkpoint.objects.create(connection=shop_connection, puller="orders", value="99", due_at=far)
    assert pulling.pull_due() == 7
    inbox.work(1)
    assert Order.objects.count() == 7


def test_a_shop_that_asks_for_patience_is_left_alone(shop, shop_connection, make_product):
    make_product("A-1")
    for number in (1, 2, 3):
        shop.place(number * 1000, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
        tell(number * 1000, f"h{number}")
    shop_connection.max_concurrency = 1
    shop_connection.save()
    shop.script = [(429, {"Retry-After": "30"})]
    inbox.work(1)
    assert len(shop.calls) == 1 and set(states()) == {("waiting", "rate_limited")}
    InboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    inbox.work(1)
    assert len(shop.calls) == 1
    assert set(InboxMessage.objects.values_list("state", "attempts")) == {("waiting", 0)}
    due_now()
    inbox.work(1)
    assert Order.objects.count() == 3


def test_a_wrong_token_stops_the_connection_and_loses_nothing(shop, shop_connection, make_product):
    make_product("A-1")
    shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    shop.script = [(401, {})]
    tell(118)
    inbox.work(1)
    assert ConnectionGate.objects.get().health == "misconfigured" and states() == [("waiting", "credentials")]
    due_now()
    inbox.work(1)
    assert Order.objects.count() == 1


def test_an_order_that_the_shop_does_not_know_is_parked_and_replayed(shop, shop_connection, make_product):
    make_product("A-1")
    tell(118)
    inbox.work(1)
    assert states()[0][0] == "parked"
    shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    assert inbox.replay([InboxMessage.objects.get().pk], actor="user:anna") == 1
    inbox.work(1)
    assert Order.objects.count() == 1


# -- back to the shop ---------------------------------------------------------------------------------------------


@pytest.fixture
def taken(shop, shop_connection, make_product, make_source, make_stock) -> FulfillmentOrder:
    """An order of the shop whose units are with a source of ours."""
    product, source = make_product("A-1"), make_source("DC-CMH")
    make_stock(product, source, 10)
    shop.place(118, ("A-1", 2, "10.0000"), total_inc_tax="20.0000")
    tell(118)
    inbox.work(1)
    order, now = Order.objects.get(), timezone.now()
    work = FulfillmentOrder.objects.create(
        key="fo:t", order=order, source=source, state_at=now, created_at=now
    )
    line = OrderLine.objects.get(order=order)
    FulfillmentLine.objects.create(fulfillment_order=work, order_line=line, product=product, quantity=2)
    execution.reserve_lines([line.pk], actor="test")
    execution.send([work.pk], actor="test")
    return work


def ship(work: FulfillmentOrder) -> None:
    execution.ship([ShipmentReport("s1", work.pk, "UPS", "1Z9", timezone.now())], actor="test")


@pytest.mark.parametrize("lost", ["ok", "drop"])
def test_a_shipment_is_told_to_the_shop_once(taken, shop, lost):
    ship(taken), ship(taken)
    shop.script = ["ok", "ok", lost]  # products, addresses, and the reply to the shipment itself
    outbox.deliver(1)
    due_now()
    outbox.deliver(1)
    (found,) = shop.shipments
    assert (found["order_id"], found["tracking_number"], found["tracking_carrier"]) == (118, "1Z9", "ups")
    assert (
        found["items"] == [{"order_product_id": 11801, "quantity": 2}] and found["comments"] == taken.number
    )
    back = ProviderRequest.objects.filter(action="bigcommerce.shipment")
    assert list(back.values_list("state", flat=True)) == ["done"]


def test_a_cancellation_is_told_to_the_shop_once(
    shop, shop_connection, make_product, make_order, make_channel
):
    make_product("A-1")
    shop.place(118, ("A-1", 1, "10.0000"), total_inc_tax="10.0000")
    tell(118)
    inbox.work(1)
    other = make_order(("A-1", 1), channel=make_channel("phone"))
    order = Order.objects.get(external_id="118")
    for _ in range(2):
        cancellation.cancel_orders([order.pk, other.pk], actor="user:anna", reason="customer")
    outbox.deliver(1)
    assert shop.statuses == [(118, 5)]
    assert list(ProviderRequest.objects.values_list("order", flat=True)) == [order.pk]
