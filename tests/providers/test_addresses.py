"""B39: what may be an address of a provider, at save and at connect."""

import socket

import pytest

from providers import addresses, http
from providers.errors import ForbiddenAddress, ProviderUnavailable

BAD = [
    "", " https://api.example.com", "https://api.example.com ", "http://api.example.com", "file:///etc/passwd",
    "gopher://api.example.com", "ftp://api.example.com", "//api.example.com", "api.example.com", "https://",
    "https://user@api.example.com", "https://user:pw@api.example.com", "https://@api.example.com", "https://:@api.example.com",
    "https://127.0.0.1", "https://127.1", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1",
    "https://0.0.0.0", "https://10.0.0.1", "https://172.16.0.1", "https://192.168.1.1", "https://169.254.169.254",
    "https://100.64.0.1", "https://198.18.0.1", "https://224.0.0.1", "https://255.255.255.255", "https://240.0.0.1",
    "https://[::1]", "https://[::]", "https://[::ffff:127.0.0.1]", "https://[::ffff:8.8.8.8]", "https://[64:ff9b::7f00:1]",
    "https://[2002:7f00:1::]", "https://[fe80::1]", "https://[fc00::1]", "https://[ff02::1]", "https://[2001:db8::1]",
    "https://[::127.0.0.1]", "https://[fe80::1%25eth0]", "https://localhost", "https://intranet", "https://db.internal",
    "https://printer.local", "https://x.localhost", "https://api.example.com:22", "https://api.example.com:80",
    "https://api.example.com:99999", "https://api.example.com:abc", "https://api.example.com#x", "https://api.exa\nmple.com",
    "https://api.example.com\\@evil.example.org", "https://ex\u00e4mple.com", "https://[::1", "https://api..example.com",
    "https://-api.example.com", "https://api.example.com.", "javascript:alert(1)", "data:text/plain,x", "https://127.0.0.1.",
    "https://\u2460\u2461\u2466.0.0.1",
]  # fmt: skip
GOOD = [
    "https://api.example.com",
    "https://api.example.com/v2?x=1",
    "https://a-b.example.co:8443/x",
    "https://8.8.8.8",
]


@pytest.mark.parametrize("url", BAD)
def test_refused_at_save(url):
    with pytest.raises(ForbiddenAddress):
        addresses.check_url(url)


@pytest.mark.parametrize("url", GOOD)
def test_taken(url):
    assert addresses.check_url(url) == url


@pytest.mark.parametrize(
    "found", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%eth0"]
)
def test_a_public_name_that_leads_inside_is_refused_at_connect(monkeypatch, found):
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    answers = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (found, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(ForbiddenAddress):
        http.request("GET", "https://rebinding.example.com/")


def test_the_checked_address_is_the_one_that_is_called(monkeypatch, vendor, settings):
    """A name that answers differently the second time is asked once only."""
    asked, port = [], vendor.server.server_address[1]
    settings.IOM = {**settings.IOM, "ALLOWED_PRIVATE_HOSTS": [f"shop.example.com:{port}"]}
    real = socket.getaddrinfo

    def resolver(host, *args, **kwargs):
        if host != "shop.example.com":
            return real(host, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.9", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert http.request("GET", f"http://shop.example.com:{port}/").status == 200
    assert asked == ["shop.example.com"]


def test_a_redirect_is_an_error(vendor):
    vendor.script = [(302, {"Location": "http://169.254.169.254/"})]
    with pytest.raises(Exception, match="redirects are not followed"):
        http.request("GET", vendor.url)
    assert len(vendor.calls) == 1


def test_an_endless_or_compressed_body_is_refused(vendor):
    vendor.script = [b"x" * (http.LARGEST_ANSWER + 1), (200, {"Content-Encoding": "gzip"})]
    for words in ("larger than 5 MB", "compressed"):
        with pytest.raises(Exception, match=words):
            http.request("GET", vendor.url)


def test_a_slow_answer_ends_at_the_deadline(vendor):
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    from django.conf import settings

    settings.IOM["ALLOWED_PRIVATE_HOSTS"].append(f"127.0.0.1:{silent.getsockname()[1]}")
    with pytest.raises(ProviderUnavailable) as caught:
        http.request("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.3)
    assert not caught.value.undone
    silent.close()
    with pytest.raises(ProviderUnavailable) as caught:
        http.request(
            "GET", f"http://127.0.0.1:{settings.IOM['ALLOWED_PRIVATE_HOSTS'][-1].split(':')[1]}/", timeout=1
        )
    assert caught.value.undone
