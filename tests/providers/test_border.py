"""The border under pressure: floods, poison, forged certificates, endless bodies, and receivers that are gone."""

import contextlib
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import timezone
from shop_rig import SECRET
from standardwebhooks import Webhook

from orders.types import Raised
from providers import http, listeners, selectors, views
from providers.errors import ProviderGarbage, ProviderMisconfigured, ProviderUnavailable
from providers.models import ConnectionGate, InboxMessage, ProviderConnection, ProviderRequest, RequestAttempt
from providers.services import admission, handlers, inbox, outbox
from providers.services.outbox import RequestDraft

pytestmark = pytest.mark.django_db(transaction=True)


# -- what comes in ------------------------------------------------------------------------------------------------


def knock(number: int):
    body = json.dumps(
        {"scope": "store/order/created", "data": {"type": "order", "id": number}, "hash": f"h{number}"}
    )
    request = RequestFactory().post(
        "/hooks/bigcommerce/",
        body.encode(),
        content_type="application/json",
        HTTP_X_WEBHOOK_SECRET="a-shared-secret-here",
    )
    return views.hook(request, "bigcommerce")


def test_a_flood_is_told_to_wait_and_nothing_accepted_is_lost(connect, monkeypatch):
    connect("bigcommerce"), connect("threepl")
    monkeypatch.setattr(admission, "MOST_A_SECOND", 5)
    answers = [knock(number) for number in range(200)]
    taken = sum(answer.status_code == 202 for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert taken + len(refused) == 200 and refused and {answer["Retry-After"] for answer in refused} == {"1"}
    assert InboxMessage.objects.count() == taken
    assert ConnectionGate.objects.get(connection__key="bigcommerce").last_in_at


def test_who_fills_the_inbox_is_told_to_wait(connect, monkeypatch):
    connection = connect("bigcommerce")
    monkeypatch.setattr(admission, "MOST_WAITING", 10)
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0)
    codes = [knock(number).status_code for number in range(20)]
    assert codes == [202] * 11 + [429] * 9
    InboxMessage.objects.filter(connection=connection).update(state="done")
    assert knock(99).status_code == 202


def test_a_message_that_fails_here_is_parked_and_its_neighbors_go_on(connect, monkeypatch):
    connection = connect("threepl")

    def handle(connection, ready):
        if any(message.external_message_id == "poison" for message in ready):
            raise ZeroDivisionError("poison")
        return dict.fromkeys(ready)

    monkeypatch.setitem(handlers.HANDLERS, "threepl_status", handle)
    for name in ("a", "poison", "b"):
        inbox.store(connection, name, "order.accepted", {}, b'{"data": {}}')
    for _ in range(inbox.MOST_ATTEMPTS):
        InboxMessage.objects.filter(state="waiting").update(due_at=timezone.now() - timedelta(seconds=1))
        inbox.work(1)
    states = dict(InboxMessage.objects.values_list("external_message_id", "state"))
    assert states == {"a": "done", "poison": "parked", "b": "done"}
    parked = InboxMessage.objects.get(state="parked")
    assert (parked.code, parked.attempts) == ("internal", inbox.MOST_ATTEMPTS)


def test_a_message_that_kills_its_worker_is_tried_alone_and_parked(connect, monkeypatch):
    """The worker dies as by a kill: nothing of what it did after the claim is written."""
    connection, worked = connect("threepl"), []

    class Died(BaseException): ...

    def handle(connection, ready):
        names = [message.external_message_id for message in ready]
        worked.append(names)
        if "poison" in names:
            raise Died
        return dict.fromkeys(ready)

    monkeypatch.setitem(handlers.HANDLERS, "threepl_status", handle)
    for name in ("a", "poison", "b"):
        inbox.store(connection, name, "order.accepted", {}, b'{"data": {}}')
    for _ in range(6):
        InboxMessage.objects.filter(lease_until__isnull=False).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        try:
            inbox.work(1)
        except Died:
            continue
    states = dict(InboxMessage.objects.values_list("external_message_id", "state"))
    assert states == {"a": "done", "poison": "parked", "b": "done"}
    assert sum("poison" in names for names in worked) == inbox.MOST_DEATHS
    assert InboxMessage.objects.get(state="parked").code == "worker_died"


# -- the wire -----------------------------------------------------------------------------------------------------


@pytest.fixture
def wild(settings, tmp_path):
    """Serves raw answers over TLS with a certificate of its own for `other.example.com`, or over plain HTTP."""
    servers = []

    def start(answer, *, tls: bool = False) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(OSError):
                    answer(self)

            def log_message(self, *args): ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(_certificate(tmp_path))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        host = f"127.0.0.1:{server.server_address[1]}"
        settings.IOM = {**settings.IOM, "ALLOWED_PRIVATE_HOSTS": [host]}
        return f"{'https' if tls else 'http'}://{host}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other.example.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    signed = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(plain + signed.public_bytes(pem))
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused(wild):
    url = wild(lambda handler: handler.send_response(200), tls=True)
    with pytest.raises(ProviderMisconfigured) as caught:
        http.request("GET", url, timeout=5)
    assert caught.value.code == "bad_certificate"


def test_a_body_that_drips_for_ever_ends_at_the_deadline(wild):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    url, begun = wild(drip), time.monotonic()
    with pytest.raises(ProviderUnavailable) as caught:
        http.request("GET", url, timeout=0.5)
    assert time.monotonic() - begun < 3 and not caught.value.undone


def test_a_compressed_body_is_not_unpacked(wild):
    def bomb(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b" + b"\0" * 1000)

    with pytest.raises(ProviderGarbage, match="compressed"):
        http.request("GET", wild(bomb), timeout=5)


def test_a_timeout_is_at_most_ten_seconds(connect):
    connection = connect(timeout_seconds=600)
    with pytest.raises(ValidationError) as caught:
        connection.full_clean()
    assert "timeout_seconds" in caught.value.message_dict
    from providers.services.connections import link_of

    assert link_of(connection).timeout == 10


# -- what goes out to those who listen ----------------------------------------------------------------------------


def tell(count: int = 1) -> None:
    listeners.on_events(
        [(n, Raised("order.new", "order", n, None, {"total_minor": 5})) for n in range(1, count + 1)]
    )


def due_now() -> None:
    ProviderRequest.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))
    ConnectionGate.objects.update(closed_until=None)


def test_an_event_is_signed_and_bears_one_id_on_every_try(connect, vendor):
    connection = connect("webhook")
    received = vendor.keep_bodies = []
    tell()
    vendor.script = ["drop", 503]
    for _ in range(3):
        due_now()
        outbox.deliver(1)
    assert len(received) == 3 and len({headers["webhook-id"] for _, headers in received}) == 1
    for body, headers in received:
        found = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
        assert (found["type"], found["id"], found["data"]["total_minor"]) == ("order.new", "1", 5)
    assert ProviderRequest.objects.get().state == "done"
    tell()
    assert ProviderRequest.objects.count() == 1 and connection.status == "active"


def test_a_receiver_that_is_gone_is_told_no_more(connect, vendor):
    connect("webhook", max_concurrency=1)
    tell(5)
    vendor.script = [410] * 9
    outbox.deliver(1)
    due_now()
    outbox.deliver(1)
    gate = ConnectionGate.objects.get()
    assert len(vendor.calls) == 1 and ProviderConnection.objects.get().status == "paused"
    assert gate.health == "misconfigured" and "nobody listens" in gate.last_error
    assert set(ProviderRequest.objects.values_list("state", flat=True)) == {"ready"}


def test_a_receiver_that_is_down_keeps_its_events_for_three_days(connect, vendor):
    connect("webhook", max_attempts=2)
    tell()
    vendor.script = [503] * 20
    for _ in range(5):
        due_now()
        outbox.deliver(1)
    assert ProviderRequest.objects.get().due_at
    ProviderRequest.objects.update(created_at=timezone.now() - timedelta(hours=73))
    due_now()
    outbox.deliver(1)
    dead = ProviderRequest.objects.get()
    assert (dead.state, dead.due_at) == ("unknown", None)
    vendor.script = []
    assert outbox.retry([dead.pk], actor="user:anna") == 1
    due_now()
    outbox.deliver(1)
    assert ProviderRequest.objects.get().state == "done"


def test_what_is_refused_a_connection_for_long_is_seen(connect, vendor):
    connection = connect("webhook", parameters={"url": f"http://{vendor.host}/in"})
    vendor.server.shutdown(), vendor.server.server_close()
    outbox.enqueue([RequestDraft(f"k{n}", connection.pk, "webhook.event", {}, "event", n) for n in range(8)])
    for _ in range(6):
        due_now()
        outbox.deliver(0.5)
    ProviderRequest.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    assert set(ProviderRequest.objects.values_list("state", "attempts")) == {("ready", 0)}
    (row,) = selectors.stuck_by_connection()
    assert (row["waiting"], row["health"]) == (8, "down") and "not be reached" in row["last_error"]
    assert selectors.stuck_requests().count() == 8


def test_what_is_refused_a_connection_for_days_ends_with_a_person(connect, vendor):
    """As often as the connection says and for as long as the action says; then parked, and a person may send it again."""
    connection = connect("webhook", max_attempts=3)
    vendor.server.shutdown(), vendor.server.server_close()
    outbox.enqueue([RequestDraft("k1", connection.pk, "webhook.event", {}, "event", 1)])

    def once() -> ProviderRequest:
        due_now()
        outbox.deliver(0.1)
        return ProviderRequest.objects.get()

    while RequestAttempt.objects.count() < 4:
        assert once().due_at, "its time is not over"
    ProviderRequest.objects.update(created_at=timezone.now() - timedelta(hours=73))
    parked = once()

    assert (parked.state, parked.due_at, parked.error_code) == ("unknown", None, "gave_up")
    assert parked.error.startswith("Tried 5 times since ") and "not be reached" in parked.error
    assert once().due_at is None and RequestAttempt.objects.count() == 5, (
        "nobody tries it by himself any more"
    )
    assert outbox.retry([parked.pk], actor="user:anna") == 1
