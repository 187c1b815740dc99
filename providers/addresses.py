"""Which addresses may be called: checked when a setting is saved and again at every connect, on the address itself."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from providers.errors import ForbiddenAddress

FORBIDDEN = [
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
PORTS = {443, 8443}
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")


def check_url(url: str) -> str:
    """The url, if providers may live there: https, a public name, a usual port, no user in it.

    Hosts on the installation's allow-list may be plain http and on any port. Raises ForbiddenAddress.
    """
    if (
        not isinstance(url, str)
        or url != url.strip()
        or not url.isascii()
        or re.search(r"[\x00-\x20\\]", url)
    ):
        raise ForbiddenAddress("The address has spaces or signs that no address has.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise ForbiddenAddress(f"This is not an address: {error}.") from None
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddress("The address must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenAddress("The address must not name a user; secrets have fields of their own.")
    if parts.fragment:
        raise ForbiddenAddress("The address must not have a part after #.")
    if is_allowed(host, port or (443 if parts.scheme == "https" else 80)):
        return url
    _check_public(parts.scheme, host, port or 443)
    return url


def _check_public(scheme: str, host: str, port: int) -> None:
    if scheme != "https":
        raise ForbiddenAddress("The address must begin with https://.")
    if port not in PORTS:
        raise ForbiddenAddress(f"Port {port} is not used by providers; use 443 or 8443.")
    if (address := _literal(host)) is not None:
        if not is_public(address):
            raise ForbiddenAddress(f"{host} is a private or reserved address.")
    elif not HOST.match(host) or host.endswith(
        (".local", ".internal", ".localhost", ".localdomain", ".home.arpa")
    ):
        raise ForbiddenAddress(f"{host or 'An empty name'} is not a public host name.")


def _literal(host: str):
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_allowed(host: str, port: int) -> bool:
    return f"{host}:{port}" in settings.IOM["ALLOWED_PRIVATE_HOSTS"]


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not any(
        address.version == block.version and address in block for block in FORBIDDEN
    )  # fmt: skip


def resolve(host: str, port: int) -> list[str]:
    """Addresses to connect to. All that the name has must be public, so that no answer can be slipped in between.

    Raises ForbiddenAddress, or OSError if the name has no address.
    """
    found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not is_allowed(host, port):
        check_addresses(host, found)
    return list(dict.fromkeys(found))


def check_addresses(host: str, found: Iterable[str]) -> None:
    for text in found:
        if not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise ForbiddenAddress(f"{host} leads to {text}, a private or reserved address.")
