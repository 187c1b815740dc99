"""What a 3PL tells us: again, at once, in any order, too late or never; and what it refuses."""

import itertools
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment
from fulfillment.services import cancellation, execution, reporting
from orders.models import BusinessEvent, Order, OrderLine
from providers.errors import MessageFault
from providers.models import ConnectionGate, InboxMessage, ProviderRequest
from providers.services import gates, handlers, inbox, outbox, payloads, pulling
from providers.services.outbox import RequestDraft

pytestmark = pytest.mark.django_db(transaction=True)
State = FulfillmentOrder.State


@pytest.fixture
def make_work(make_order, make_product, make_source, make_stock):
    """A reserved fulfillment order of two units at the 3PL."""
    product, source = make_product("A-1"), make_source("3PL-DFW")
    make_stock(product, source, 1000)

    def make() -> FulfillmentOrder:
        order, now = make_order((product.sku, 2)), timezone.now()
        work = FulfillmentOrder.objects.create(
            key=f"fo:{order.pk}", order=order, source=source, state_at=now, created_at=now
        )
        line = OrderLine.objects.get(order=order)
        FulfillmentLine.objects.create(fulfillment_order=work, order_line=line, product=product, quantity=2)
        execution.reserve_lines([line.pk], actor="test")
        return work

    return make


def send(connection, *works) -> None:
    bodies = payloads.build("threepl.send", [work.pk for work in works])
    outbox.enqueue(
        [
            RequestDraft(f"send/{w.pk}", connection.pk, "threepl.send", bodies[w.pk], "fulfillment_order", w.pk, w.order_id)
            for w in works
        ]
    )  # fmt: skip
    outbox.deliver(1)


def due_now() -> None:
    past = timezone.now() - timedelta(seconds=1)
    ProviderRequest.objects.filter(due_at__isnull=False).update(due_at=past)
    InboxMessage.objects.filter(state="waiting").update(due_at=past, lease_until=None)
    ConnectionGate.objects.update(closed_until=None)


def report(work, status: str, sequence: int, **more) -> dict:
    data = {
        "id": f"3P-{work.pk}",
        "client_key": f"send/{work.pk}",
        "status": status,
        "sequence": sequence,
        **more,
    }
    return {"type": f"order.{status}", "id": f"e{work.pk}-{sequence}", "data": data}


def parcel(work, number: str = "1", lines=None) -> dict:
    return {
        "id": f"S-{work.pk}-{number}", "carrier": "UPS", "service": "ground", "tracking_number": f"1Z{number}",
        "tracking_url": "", "shipped_at": "2026-03-02T15:00:00Z", "cost": "7.35", "currency": "USD", "lines": lines,
    }  # fmt: skip


def tell(connection, body: dict) -> None:
    inbox.store(connection, body["id"], body["type"], {}, json.dumps(body).encode())


def state(work) -> str:
    return FulfillmentOrder.objects.get(pk=work.pk).state


def story(work) -> list[dict]:
    steps = ("accepted", "picking", "packed", "shipped", "delivered")
    return [
        report(work, status, n, shipment=parcel(work) if status in ("shipped", "delivered") else None)
        for n, status in enumerate(steps, 1)
    ]


def test_all_orders_of_a_story_end_alike(connect, make_work):
    """120 permutations, each as messages that come one by one; "delivered" waits for "shipped"."""
    connection = connect("threepl")
    works = [make_work() for _ in range(120)]
    for start in range(0, 120, 40):
        send(connection, *works[start : start + 40])
    tales = list(zip(works, itertools.permutations(range(5)), strict=True))
    for turn in range(5):
        for work, order in tales:
            tell(connection, story(work)[order[turn]])
        inbox.work(8)
    for _ in range(3):
        due_now()
        inbox.work(8)
    assert set(FulfillmentOrder.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert Shipment.objects.count() == 120
    shipped = BusinessEvent.objects.filter(kind="fulfillment_order.shipped")
    assert shipped.count() == shipped.values("record_id").distinct().count() == 120
    assert set(InboxMessage.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.parametrize("guarded", [True, False])
def test_delivered_before_shipped_waits_for_it_and_is_lost_to_who_does_not(
    connect, make_work, monkeypatch, guarded
):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    if not guarded:
        park = MessageFault("early", "It has not shipped yet.")
        monkeypatch.setattr(handlers, "_end", lambda sentence, order: park if sentence else order)
    for body in (report(work, "delivered", 5), report(work, "shipped", 4, shipment=parcel(work))):
        tell(connection, body)
        inbox.work(1)
    due_now()
    inbox.work(1)
    assert state(work) == (State.DELIVERED if guarded else State.SHIPPED)
    left = list(InboxMessage.objects.exclude(state="done").values_list("state", "code"))
    assert left == ([] if guarded else [("parked", "early")])


@pytest.mark.parametrize("guarded, ended", [(True, State.PACKED), (False, State.REJECTED)])
def test_a_refusal_that_the_source_has_overtaken_counts_only_without_its_sequence(
    connect, make_work, monkeypatch, guarded, ended
):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    if not guarded:
        monkeypatch.setattr(reporting, "_is_stale", lambda row, work: False)
    tell(connection, report(work, "packed", 4))
    inbox.work(1)
    tell(connection, report(work, "rejected", 2, reason="no stock on the shelf"))
    inbox.work(1)
    assert state(work) == ended


@pytest.mark.parametrize("guarded", [True, False])
def test_a_callback_before_our_own_call_returns_finds_its_order_by_our_key_alone(
    connect, vendor, make_work, monkeypatch, guarded
):
    """F14. Without the key of ours it could only go by their number, which we learn from the answer."""
    connection, work = connect("threepl"), make_work()
    if not guarded:
        monkeypatch.setattr(handlers, "_names", lambda data: [("id", str(data["id"]))])
    seen = []

    def call_back() -> None:
        tell(connection, report(work, "accepted", 2))
        inbox.work(1)
        seen.append((state(work), ProviderRequest.objects.get().state))
        database.close()

    vendor.before_answer = call_back
    send(connection, work)
    assert seen == [(State.ACCEPTED if guarded else State.NEW, "sending")], (
        "told while the call was under way"
    )
    assert state(work) == (State.ACCEPTED if guarded else State.SENT)
    told = InboxMessage.objects.values_list("state", "code").get()
    assert told == (("done", "") if guarded else ("parked", "unknown_order"))
    assert ProviderRequest.objects.get().state == "done" and len(vendor.ledger) == 1


def test_one_callback_five_times_at_once_is_one_shipment(connect, make_work):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    body = report(work, "shipped", 4, shipment=parcel(work))

    def come() -> None:
        tell(connection, body)
        inbox.work(1)
        database.close()

    threads = [threading.Thread(target=come) for _ in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    inbox.work(1)
    assert InboxMessage.objects.count() == Shipment.objects.count() == 1
    assert BusinessEvent.objects.filter(kind="fulfillment_order.shipped").count() == 1


def test_control_without_its_id_each_repetition_is_worked_on(connect, make_work):
    """The inbox's guard off. The effect is one even so: a second guard, the key and state of a shipment, stands behind."""
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    body = report(work, "shipped", 4, shipment=parcel(work))
    for n in range(5):
        tell(connection, {**body, "id": f"{body['id']}-{n}"})
        inbox.work(1)
    assert list(InboxMessage.objects.values_list("state", "attempts")) == [("done", 1)] * 5
    assert Shipment.objects.count() == 1


def test_control_without_id_and_key_each_repetition_is_a_shipment_that_a_person_must_look_at(
    connect, make_work, monkeypatch
):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    numbers = itertools.count()
    real = handlers.shipment_of
    monkeypatch.setattr(
        handlers, "shipment_of", lambda *known: replace(real(*known), key=f"no-key-{next(numbers)}")
    )
    for n in range(3):
        tell(connection, {**report(work, "shipped", 4, shipment=parcel(work)), "id": f"e-{n}"})
        inbox.work(1)
    assert list(InboxMessage.objects.order_by("pk").values_list("state", flat=True)) == [
        "done",
        "parked",
        "parked",
    ]


def test_a_shipment_with_its_lines_and_its_number(connect, make_work):
    """A fulfillment order ships once: a second parcel is for a person to look at."""
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    line = FulfillmentLine.objects.get(fulfillment_order=work)
    parts = [{"line": str(line.pk), "quantity": 1}]
    tell(connection, report(work, "shipped", 4, shipment=parcel(work, "1", parts)))
    inbox.work(1)
    tell(connection, report(work, "shipped", 5, shipment=parcel(work, "2", parts)))
    inbox.work(1)
    found = Shipment.objects.values_list("carrier", "tracking_number", "cost_minor")
    assert list(found) == [("UPS", "1Z1", 735)] and state(work) == State.SHIPPED
    assert FulfillmentLine.objects.get(pk=line.pk).quantity_shipped == 1
    assert list(InboxMessage.objects.order_by("pk").values_list("state", "code")) == [
        ("done", ""), ("parked", "refused"),
    ]  # fmt: skip


def test_a_rejection_sends_the_line_elsewhere_with_its_reason(connect, make_work):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    tell(connection, report(work, "rejected", 2, reason="no stock on the shelf"))
    inbox.work(1)
    assert state(work) == State.REJECTED
    event = BusinessEvent.objects.get(kind="order_line.rejected")
    told = BusinessEvent.objects.get(kind="fulfillment_order.rejected")
    assert "no stock on the shelf" in json.dumps([event.payload, told.payload])


def test_callbacks_that_never_come_are_found_by_looking(connect, vendor, make_work, monkeypatch):
    connection, works = connect("threepl"), [make_work() for _ in range(3)]
    send(connection, *works)
    rows = [
        {**report(work, "shipped", 4, shipment=parcel(work))["data"], "reference": work.number, "updated_at": "2026-03-02T15:00:01Z"}
        for work in works
    ]  # fmt: skip
    vendor.listed = {"orders": rows, "next_cursor": None}
    assert pulling.pull_due() == 3
    inbox.work(1)
    assert {state(work) for work in works} == {State.SHIPPED} and Shipment.objects.count() == 3
    pulling.pull_now(connection)
    assert pulling.pull_due() == 0


def test_control_who_never_looks_does_not_hear_of_what_no_call_told(connect, vendor, make_work, monkeypatch):
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    row = {**report(work, "shipped", 4, shipment=parcel(work))["data"], "updated_at": "2026-03-02T15:00:01Z"}
    vendor.listed = {"orders": [row], "next_cursor": None}
    with monkeypatch.context() as off:
        off.setattr(pulling, "_claimed", lambda: iter(()))
        assert (pulling.pull_due(), inbox.work(1), state(work)) == (0, 0, State.SENT)
    assert (pulling.pull_due(), inbox.work(1), state(work)) == (1, 1, State.SHIPPED)


def test_a_batch_that_is_refused_as_a_whole_is_sent_singly(connect, vendor, make_work):
    connection, works = connect("threepl"), [make_work() for _ in range(3)]
    vendor.script = [422, "ok", 422, "ok"]
    send(connection, *works)
    found = ProviderRequest.objects.order_by("pk").values_list("state", "error_code")
    assert list(found) == [("done", ""), ("failed", "no"), ("done", "")]
    keys = [headers["Idempotency-Key"] for method, _, headers in vendor.calls if method == "POST"]
    assert keys[0].startswith("batch:") and keys[1:] == [f"send/{work.pk}" for work in works]


def test_a_batch_half_answered_asks_again_for_the_rest(connect, vendor, make_work, monkeypatch):
    monkeypatch.setattr(gates, "spread", lambda most: most)  # the second attempt not within the first round
    connection, works = connect("threepl"), [make_work() for _ in range(3)]
    vendor.silent_about = {f"send/{works[1].pk}"}
    send(connection, *works)
    assert list(ProviderRequest.objects.order_by("pk").values_list("state", flat=True)) == [
        "done",
        "unknown",
        "done",
    ]
    due_now()
    outbox.deliver(1)
    assert set(ProviderRequest.objects.values_list("state", flat=True)) == {"done"}
    assert sorted(vendor.ledger) == sorted(f"send/{work.pk}" for work in works)


# -- cancellation -------------------------------------------------------------------------------------------------


@pytest.fixture
def listening(settings, vendor):
    settings.IOM = {**settings.IOM, "ON_EVENTS": ["providers.listeners.on_events"]}


def test_a_cancellation_before_the_first_try_calls_nobody(connect, vendor, make_work, listening):
    connection, work = connect("threepl"), make_work()
    ConnectionGate.objects.create(connection=connection, closed_until=timezone.now() + timedelta(hours=1))
    send(connection, work)
    cancellation.cancel_orders([work.order_id], actor="user:anna", reason="customer")
    assert (state(work), ProviderRequest.objects.get().state) == (State.CANCELED, "canceled")
    due_now()
    assert outbox.deliver(1) == 0 and not vendor.calls


@pytest.mark.parametrize("who_wins", ["cancel", "ship"])
def test_a_cancellation_and_a_shipment_race(connect, vendor, make_work, listening, who_wins):
    """F33: the provider decides; never both, whatever comes first here."""
    connection, work = connect("threepl"), make_work()
    send(connection, work)
    cancellation.cancel_orders([work.order_id], actor="user:anna", reason="customer")
    assert state(work) == State.SENT
    vendor.script = [409] if who_wins == "ship" else []
    shipped = report(work, "shipped", 4, shipment=parcel(work))
    canceled = report(work, "canceled", 4)
    tell(connection, shipped if who_wins == "ship" else canceled)

    def run(what) -> None:
        what(1)
        database.close()

    threads = [threading.Thread(target=run, args=(what,)) for what in (outbox.deliver, inbox.work)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    inbox.work(1), outbox.deliver(1)
    ended = {"cancel": (State.CANCELED, 0), "ship": (State.SHIPPED, 1)}[who_wins]
    assert (state(work), Shipment.objects.count()) == ended
    assert Order.objects.get(pk=work.order_id).state == ("canceled" if who_wins == "cancel" else "shipped")


# -- a person sends again -----------------------------------------------------------------------------------------


def test_a_retried_send_is_expected_again(connect, vendor, make_work):
    connection, work = connect("threepl"), make_work()
    vendor.script = [422]
    send(connection, work)
    failed = ProviderRequest.objects.get()
    assert failed.state == "failed" and FulfillmentOrder.objects.get().send_requested_at is None
    assert outbox.retry([failed.pk], actor="user:anna") == 1
    assert FulfillmentOrder.objects.get().send_requested_at
    assert outbox.retry([failed.pk], actor="user:anna") == 1, (
        "it is parked no more, but nothing was tried yet"
    )
    outbox.deliver(1)
    assert state(work) == State.SENT


def test_a_send_whose_work_went_elsewhere_is_not_retried(connect, vendor, make_work):
    connection, work = connect("threepl"), make_work()
    vendor.script = [422]
    send(connection, work)
    cancellation.cancel_orders([work.order_id], actor="user:anna", reason="customer")
    assert outbox.retry([ProviderRequest.objects.get().pk], actor="user:anna") == 0
    assert ProviderRequest.objects.get().state == "failed"
