"""F32: a form that is sent five times at once counts once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import reverse

from orders.models import Order

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
