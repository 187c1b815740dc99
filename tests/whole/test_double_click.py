"""F32: a form that is sent five times at once counts once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connections
from django.test import Client
from django.urls import reverse

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import execution
from fulfillment.services.sourcing import source_lines
from fulfillment.types import LineDemand
from inventory.models import InventoryPosition
from iom.lib import once
from orders.models import BusinessEvent, Order, OrderNote

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
TIMES = 5


def new_order(product, token: str) -> dict[str, str]:
    return {
        "submit_token": token, "currency": "USD", "placed_at_0": "2026-11-20", "placed_at_1": "10:00:00",
        "customer_name": "Ann", "customer_email": "ann@example.com", "customer_phone": "+1 775 555 0100",
        "ship_to_name": "Ann", "ship_to_line1": "1 Main St", "ship_to_city": "Reno", "ship_to_region": "NV",
        "ship_to_postal_code": "89501", "ship_to_country": "us", "priority": "50",
        "lines-TOTAL_FORMS": "1", "lines-INITIAL_FORMS": "0", "lines-MIN_NUM_FORMS": "0", "lines-MAX_NUM_FORMS": "1000",
        "lines-0-product": str(product.pk), "lines-0-quantity": "3", "lines-0-unit_price": "99.50", "_save": "Save",
    }  # fmt: skip


def at_once(address: str, forms: list[dict[str, str]]) -> list:
    """The same person in as many windows; all press the button at the same moment."""
    user = User.objects.create_superuser("root", password="correct horse")
    clients = [Client() for _ in forms]
    for client in clients:
        client.force_login(user)
    start = Barrier(len(forms))

    def press(client: Client, form: dict[str, str]):
        start.wait()
        try:
            return client.post(address, form)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(forms)) as pool:
        return list(pool.map(press, clients, forms))


@pytest.fixture
def product(make_product, make_channel):
    make_channel()
    return make_product("TENT")


def test_a_manual_order_sent_five_times_is_one_order(product):
    answers = at_once(reverse("admin:orders_order_add"), [new_order(product, "M-1")] * TIMES)
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer["Location"] for answer in answers}) == 1
    assert Order.objects.count() == 1


def test_control_five_tokens_are_five_orders(product):
    at_once(reverse("admin:orders_order_add"), [new_order(product, f"M-{n}") for n in range(TIMES)])
    assert Order.objects.count() == TIMES


# -- forms with a token of their own: the worklist and the buttons of an order -----------------------------------------


@pytest.fixture
def work(product, make_source, make_stock, make_order) -> FulfillmentOrder:
    """On the worklist of a warehouse: three of ten."""
    make_stock(product, make_source(), 10)
    order = make_order((product.sku, 3))
    line = order.lines.get()
    source_lines([LineDemand(order.pk, line.pk, product.pk, line.sku, 3, 41.9, -87.6)], actor="test")
    execution.reserve_lines([line.pk], actor="test")
    sent = FulfillmentOrder.objects.get()
    execution.send([sent.pk], actor="test")
    return sent


def ship_form(work: FulfillmentOrder, token: str) -> dict[str, str]:
    tracking = {f"carrier-{work.pk}": "UPS", f"tracking-{work.pk}": "1Z1"}
    return {"once": token, "one": f"ship:{work.pk}", **tracking}


def said(answers: list) -> list[str]:
    assert {answer.status_code for answer in answers} == {302}
    return sorted(str(message) for answer in answers for message in get_messages(answer.wsgi_request))


def left_once(work: FulfillmentOrder) -> bool:
    position = InventoryPosition.objects.get()
    shipped = BusinessEvent.objects.filter(kind="fulfillment_order.shipped", record_id=work.pk)
    return (Shipment.objects.count(), shipped.count(), position.on_hand, position.reserved) == (1, 1, 7, 0)


def test_a_ship_form_sent_five_times_ships_once(work):
    told = said(at_once(reverse("worklist-act"), [ship_form(work, "T")] * TIMES))
    assert told == [f"{work.number} shipped."] + [BEFORE] * (TIMES - 1)
    assert left_once(work)


def test_five_windows_on_the_same_card_ship_once(work):
    """Five tokens, so five acts: here the key of the shipment, the lock and the state are what keeps it one."""
    told = said(at_once(reverse("worklist-act"), [ship_form(work, f"T-{n}") for n in range(TIMES)]))
    assert told == [f"{work.number} shipped."] + ["Nothing to do: it is so already."] * (TIMES - 1)
    assert left_once(work)


BEFORE = "This form was sent before; nothing was done a second time."


@pytest.mark.parametrize("guarded", [True, False])
def test_a_note_sent_five_times_is_one_note_and_without_the_token_five(
    make_order, product, monkeypatch, guarded
):
    if not guarded:  # the control: a note has nothing but its token
        monkeypatch.setattr(once, "take", lambda client, token: True)
    address = reverse("order-note", args=[make_order((product.sku, 1)).pk])
    told = said(at_once(address, [{"once": "T", "text": "ring twice"}] * TIMES))
    assert OrderNote.objects.count() == (1 if guarded else TIMES)
    assert told.count(BEFORE) == (TIMES - 1 if guarded else 0)
