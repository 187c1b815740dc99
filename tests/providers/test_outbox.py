"""One effect however often it takes; by the vendor's ledger, not by what we believe."""

import socket
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers.models import ConnectionGate, ProviderRequest, RequestAttempt
from providers.services import claims, delivery, gates, lanes, outbox, results
from providers.services.connections import keep_settings
from providers.services.outbox import RequestDraft

pytestmark = pytest.mark.django_db(transaction=True)


def draft(connection, number: int, action: str = "webhook.event") -> RequestDraft:
    payload = {"client_key": f"k{number}"}
    return RequestDraft(f"k{number}", connection.pk, action, payload, "event", number)


def enqueue(connection, count: int = 1) -> None:
    outbox.enqueue([draft(connection, n) for n in range(1, count + 1)])


def due_now() -> None:
    ProviderRequest.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))
    ConnectionGate.objects.update(closed_until=None)


def drain() -> int:
    """One round: what is due now is sent once."""
    found = [claim for c in claims.due_connections() for claim in claims.claim(c)]
    return results.write_down([delivery.call(claim) for claim in found])


def state() -> str:
    return ProviderRequest.objects.get().state


def test_a_key_that_exists_is_answered(connect, vendor):
    connection = connect()
    first = outbox.enqueue([draft(connection, 1)])
    assert outbox.enqueue([draft(connection, 1), draft(connection, 1)]) == first
    assert ProviderRequest.objects.count() == 1


@pytest.mark.parametrize("fault", ["drop", 500, 503, 504])
def test_done_but_not_heard_of_is_unknown_and_happens_once(connect, vendor, fault):
    enqueue(connect())
    vendor.script = [fault]
    drain()
    assert state() == "unknown" and len(vendor.ledger) == 1
    due_now()
    drain()
    assert state() == "done" and vendor.ledger == ["k1"]
    ids = {headers["webhook-id"] for _, _, headers in vendor.calls}
    assert ids == {"k1"} and len(vendor.calls) == 2


def test_without_the_key_the_ledger_shows_doubles(connect, vendor):
    """The control: the vendor is able to do it twice, only the key keeps it from that."""
    enqueue(connect())
    vendor.script, vendor.uses_keys = ["drop"], False
    drain()
    due_now()
    drain()
    assert len(vendor.ledger) == 2


def test_a_429_is_obeyed_and_not_counted(connect, vendor):
    enqueue(connect())
    vendor.script = [(429, {"Retry-After": "30"})]
    drain()
    request, gate = ProviderRequest.objects.get(), ConnectionGate.objects.get()
    assert (request.state, request.attempts, gate.failures_in_a_row) == ("ready", 0, 0)
    assert 25 < (gate.closed_until - timezone.now()).total_seconds() <= 30
    ProviderRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.deliver(1) == 0 and len(vendor.calls) == 1


def test_control_a_gate_that_does_not_close_lets_calls_through_while_they_asked_for_patience(
    connect, vendor, monkeypatch
):
    monkeypatch.setattr(gates, "_close", lambda *arguments: None)
    enqueue(connect(), 2)
    vendor.script = [(429, {"Retry-After": "30"})] * 2
    drain()
    asked = len(vendor.calls)
    ProviderRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.deliver(1) == 2 and len(vendor.calls) == asked + 2, "well within the thirty seconds"


def test_garbage_is_no_success_and_parks(connect, vendor):
    connection = connect("threepl")
    from providers.definitions import Outgoing
    from providers.errors import ProviderGarbage
    from providers.services.connections import link_of

    enqueue(connect("webhook"))
    payload = {
        "reference": "FO-1",
        "order_number": "SO-1",
        "source": "X",
        "ship_by": None,
        "ship_to": {},
        "lines": [],
    }
    claim = claims.Claim(
        connection, link_of(connection), 1, [ProviderRequest(key="k", action="threepl.send", payload=payload)]
    )
    for raw in (
        b"<html>fine</html>",
        b"[]",
        b"{}",
        b'{"id": null}',
        b'{"id": "9", "client_key": "other"}',
        b"",
    ):
        vendor.script = [raw]
        found = delivery.call(claim).results["k"]
        assert isinstance(found, ProviderGarbage), raw
        vendor.script = []
    assert Outgoing  # the adapter's own form
    request = ProviderRequest.objects.get()
    request.attempts = results.GARBAGE_ATTEMPTS
    parked = results._settled(request, found, 12, None, timezone.now())
    assert (parked.state, parked.due_at) == ("unknown", None)


def test_a_refusal_is_final(connect, vendor):
    enqueue(connect())
    vendor.script = [422]
    drain()
    request = ProviderRequest.objects.get()
    assert (request.state, request.error_code, request.error) == ("failed", "no", "not like this")
    assert RequestAttempt.objects.get().result == "rejected"


def test_credentials_stop_the_connection_not_the_request(connect, vendor):
    enqueue(connect(), 3)
    vendor.script = [401] * 3
    drain()
    assert set(ProviderRequest.objects.values_list("state", "attempts")) == {("ready", 0)}
    assert ConnectionGate.objects.get().health == "misconfigured"
    assert not claims.due_connections()


def test_the_breaker_opens_and_lets_one_probe_through(connect, vendor):
    enqueue(connect(max_concurrency=8), 20)
    ConnectionGate.objects.update(failures_in_a_row=gates.FAILURES_TO_OPEN - 1)
    vendor.script = [500] * 8
    drain()
    assert ConnectionGate.objects.get().health == "down" and not claims.due_connections()
    due_now()
    before = len(vendor.calls)
    drain()
    assert len(vendor.calls) == before + 1
    assert ConnectionGate.objects.get().failures_in_a_row == 0


@pytest.mark.parametrize("guarded", [True, False])
def test_a_late_finisher_is_harmless_as_it_must_show_its_token(connect, vendor, monkeypatch, guarded):
    """F18, on both databases. Without the token its answer is written beside that of who took over."""
    connection = connect()
    enqueue(connection)
    (slow,) = claims.claim(connection)
    called = delivery.call(slow)
    due_now()
    ProviderRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    drain()
    assert state() == "done"
    if not guarded:
        monkeypatch.setattr(
            claims, "still_mine", lambda found: {r.pk for claim in found for r in claim.requests}
        )
    assert results.write_down([called]) == (0 if guarded else 1)
    assert vendor.ledger == ["k1"] and RequestAttempt.objects.count() == (1 if guarded else 2)


@pytest.fixture
def silent(settings):
    """The address of somebody who takes every call and answers none."""
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen(64)
        host = f"127.0.0.1:{ear.getsockname()[1]}"
        settings.IOM["ALLOWED_PRIVATE_HOSTS"].append(host)
        yield f"http://{host}"


@pytest.mark.parametrize("guarded", [True, False])
def test_a_worker_does_not_wait_for_a_provider_that_never_answers(
    connect, vendor, silent, monkeypatch, guarded
):
    """F5: it leaves the call to its thread and is free for the others; without that it sits it out."""
    mute, good = connect(key="mute", parameters={"url": silent}, timeout_seconds=3), connect(key="good")
    monkeypatch.setattr(lanes, "_outlives", guarded)
    outbox.enqueue([draft(mute, 1), draft(good, 2)])

    outbox.deliver(30)

    states = dict(ProviderRequest.objects.values_list("key", "state"))
    assert states == {"k1": "sending" if guarded else "unknown", "k2": "done"}
    limit = time.monotonic() + 30
    while ProviderRequest.objects.get(key="k1").state == "sending":
        assert time.monotonic() < limit, "its thread writes down that nothing was heard"
        time.sleep(0.05)
    assert ProviderRequest.objects.get(key="k1").state == "unknown"
    ProviderRequest.objects.filter(key="k1").update(state="canceled", due_at=None)


def test_two_who_claim_share_concurrency_and_rate(connect, vendor):
    connection = connect(max_concurrency=4, rate_per_minute=180)
    enqueue(connection, 30)
    found, barrier = [], threading.Barrier(4)

    def take():
        barrier.wait()
        found.append(claims.claim(connection))
        database.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    keys = [request.key for group in found for claim in group for request in claim.requests]
    assert len(keys) == len(set(keys)) == 3


def test_an_order_is_not_overtaken_by_its_cancellation(connect, vendor):
    connection = connect()
    first, second = (
        draft(connection, 1),
        RequestDraft("later", connection.pk, "webhook.event", {}, "event", 1),
    )
    outbox.enqueue([first, second])
    keys = [r.key for claim in claims.claim(connection) for r in claim.requests]
    assert keys == ["k1"]


def test_a_person_decides_an_unknown(connect, vendor):
    enqueue(connect())
    ProviderRequest.objects.update(state="unknown", due_at=None)
    pk = ProviderRequest.objects.get().pk
    outbox.answer(pk, "done", actor="user:anna")
    assert state() == "done"
    with pytest.raises(outbox.NotUndecided):
        outbox.answer(pk, "failed", actor="user:anna")
    assert outbox.retry([pk], actor="user:anna") == 0


def test_a_round_costs_the_same_for_1_and_200(connect, vendor):
    def cost(count: int) -> int:
        enqueue(connection, count)
        connection.refresh_from_db()
        with CaptureQueriesContext(
            database,
        ) as queries:
            found = claims.claim(connection)
            written = results.write_down(
                [delivery.Called(c, {r.key: {"id": "x"} for r in c.requests}, 0.1) for c in found]
            )
        assert written == count
        ProviderRequest.objects.all().delete()
        return len(queries)

    connection = connect(max_concurrency=200, rate_per_minute=60_000)
    assert cost(1) == cost(200)


def test_each_call_says_with_which_settings_it_went_out(connect, vendor):
    """Fault F29: a setting that changes between two attempts of one request; both are told apart afterwards."""
    connection = connect()
    first = keep_settings(connection, actor="ann")
    enqueue(connection)
    vendor.script = ["drop"]
    drain()
    connection.refresh_from_db()
    connection.timeout_seconds = 2
    connection.save()
    second = keep_settings(connection, actor="bob")
    due_now()
    drain()

    assert list(RequestAttempt.objects.order_by("pk").values_list("settings", flat=True)) == [first, second]
    log = {row.number: row for row in connection.settings_log.all()}
    timeouts = [log[number].document["limits"]["timeout_seconds"] for number in (first, second)]
    assert timeouts[0] != timeouts[1] == 2
    assert (log[second].set_by, keep_settings(connection, actor="cy")) == ("bob", second)
