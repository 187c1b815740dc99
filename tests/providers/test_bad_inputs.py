"""B28, B30, B40: senders that flood, providers that lie about who they are, credentials that do not open."""

import datetime
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_inbox import BODY, post, signed

from providers import http
from providers.errors import ProviderMisconfigured
from providers.models import InboxMessage
from providers.registry import adapter
from providers.services import admission
from providers.services.connections import link_of, problems

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_flood_is_told_to_slow_down_and_leaves_no_row(connect, monkeypatch):
    connect("threepl")
    monkeypatch.setattr(admission, "MOST_A_SECOND", 0)

    codes = [post("threepl", BODY, signed(BODY, f"m{n}")) for n in range(3)]

    assert set(codes[1:]) == {429}
    assert InboxMessage.objects.count() <= 1


@pytest.fixture
def impostor(settings, tmp_path):
    """A server on loopback whose certificate nobody vouches for, made out to somebody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    paper = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "paper.pem"
    file.write_bytes(key.private_bytes(*plain) + paper.public_bytes(serialization.Encoding.PEM))
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    settings.IOM = {**settings.IOM, "ALLOWED_PRIVATE_HOSTS": [host]}
    yield f"https://{host}/"
    server.shutdown()
    server.server_close()


def test_a_certificate_of_somebody_else_is_refused_and_named(impostor):
    with pytest.raises(ProviderMisconfigured) as refused:
        http.request("GET", impostor)

    assert refused.value.code == "bad_certificate"


def test_a_wrong_credential_is_named_as_the_cause(connect, vendor):
    vendor.script = [401]

    with pytest.raises(ProviderMisconfigured, match=r"refuses our credentials \(401\)"):
        adapter("threepl").check(link_of(connect("threepl")))


@pytest.mark.parametrize("url", ["https://user:hunter2@api.example.com", "https://hunter2@api.example.com"])
def test_a_secret_pasted_into_the_address_is_refused_and_not_repeated(connect, url):
    connection = connect("threepl")

    found = problems(connection, {**connection.parameters, "base_url": url})

    assert "base_url" in found
    assert "hunter2" not in found["base_url"]
