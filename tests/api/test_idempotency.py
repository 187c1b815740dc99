"""The same key and body again has no second effect and gets the first answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from inventory.models import InventoryMovement, InventoryPosition
from iom.lib.api.idempotency import forget_old
from orders.models import IdempotentRequest, Order
from orders.services.access import create_key


def adjustment(quantity: int = 5) -> dict:
    return {"rows": [{"sku": "TEE-S", "source": "DC-1", "quantity": quantity}]}


@pytest.mark.django_db
def test_replay_answers_the_same_and_does_nothing(api, products, source):
    first = api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")
    again = api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.status_code, again["Idempotent-Replayed"]) == (200, "true")
    assert "Idempotent-Replayed" not in first
    assert InventoryPosition.objects.get().on_hand == 5


@pytest.mark.django_db
def test_errors_are_replayed_too(api, order):
    first = api.post("orders/", order(lines=[]), Idempotency_Key="k1")
    again = api.post("orders/", order(lines=[]), Idempotency_Key="k1")

    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (400, 400, "true")
    assert again["Content-Type"] == "application/problem+json"
    assert again.json()["code"] == "no_lines"


@pytest.mark.django_db
def test_other_body_under_the_same_key_is_refused(api, products, source):
    api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    response = api.post("positions/adjust/", adjustment(6), Idempotency_Key="k1")
    elsewhere = api.post("positions/set/", adjustment(), Idempotency_Key="k1")

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert elsewhere.status_code == 422
    assert InventoryPosition.objects.get().on_hand == 5


@pytest.mark.django_db
def test_clients_do_not_share_keys(api, caller, products, source):
    api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")
    caller("*").post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    assert InventoryPosition.objects.get().on_hand == 10


@pytest.mark.django_db
def test_running_is_told_and_a_dead_process_blocks_for_its_lease_only(api, products, source):
    api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")
    IdempotentRequest.objects.update(status=None, body="", lease_until=timezone.now() + timedelta(seconds=30))

    running = api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")
    IdempotentRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    taken_over = api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    assert (running.status_code, running.json()["code"]) == (409, "idempotency_key_running")
    assert 1 <= int(running["Retry-After"]) <= 31
    assert taken_over.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "a b"])
def test_bad_keys_are_refused(api, products, source, key):
    response = api.post("positions/adjust/", adjustment(), Idempotency_Key=key)

    assert (response.status_code, response.json()["code"]) == (400, "bad_idempotency_key")


@pytest.mark.django_db
def test_a_failure_of_ours_is_not_kept(api, order, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("orders.api.views.intake.create_orders", lambda *_, **__: 1 / 0)
        assert api.post("orders/", order(), Idempotency_Key="k1").status_code == 500

    assert api.post("orders/", order(), Idempotency_Key="k1").status_code == 201


@pytest.mark.django_db
def test_whoever_lost_its_lease_leaves_no_effect(api, products, source, monkeypatch):
    from iom.lib.api import idempotency

    keep = idempotency._keep

    def overtaken(held, status, body):
        IdempotentRequest.objects.update(lease_until=timezone.now() + timedelta(seconds=99))
        keep(held, status, body)

    monkeypatch.setattr(idempotency, "_keep", overtaken)
    response = api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    assert response.json()["code"] == "idempotency_key_running"
    assert not InventoryMovement.objects.exists()


@pytest.mark.django_db
def test_old_answers_are_forgotten(api, products, source):
    api.post("positions/adjust/", adjustment(), Idempotency_Key="k1")

    assert (forget_old(), forget_old(timezone.now() + timedelta(days=4))) == (0, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs writers at the same time")
@pytest.mark.parametrize("with_key", [True, False])
def test_eight_at_once_have_one_effect(calling, products, source, with_key):
    """Without the key each of them counts: the race is real."""
    _, token = create_key("race", scopes=["*"])
    start = Barrier(8)
    headers = {"Idempotency_Key": "k1"} if with_key else {}

    def send(_: int) -> int:
        try:
            start.wait()
            return calling(token).post("positions/adjust/", adjustment(), **headers).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(send, range(8)))

    on_hand = InventoryPosition.objects.get().on_hand
    if with_key:
        assert set(statuses) <= {200, 409} and statuses.count(200) >= 1
        assert on_hand == 5
    else:
        assert (set(statuses), on_hand) == ({200}, 40)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs writers at the same time")
def test_eight_at_once_create_one_order_without_any_key(calling, order):
    _, token = create_key("race", scopes=["*"])
    body, start = order(), Barrier(8)

    def send(_: int) -> str:
        try:
            start.wait()
            return calling(token).post("orders/", body).json()["result"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(send, range(8)))

    assert results == ["created"] + ["existing"] * 7
    assert Order.objects.count() == 1
