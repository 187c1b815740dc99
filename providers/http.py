"""The one way out. Checked at connect, no redirects, no proxies of the environment, every time and size bounded."""

import json
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx
from django.utils import timezone

from providers import addresses
from providers.errors import (
    ForbiddenAddress,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)

LARGEST_ANSWER = 5 * 1024 * 1024
CONNECT_SECONDS = 5
LONGEST_RETRY_AFTER = 3600
_present = threading.local()
_clients: dict[int, httpx.Client] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises ProviderGarbage for anything else, HTML with status 200 above all."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise ProviderGarbage(f"The answer is not JSON ({kind}).", status=self.status) from None


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json_body: Any = None,
    content: bytes | None = None,
    params: Mapping[str, Any] | None = None,
    timeout: float = 10,
) -> Answer:
    """One call; a 2xx answer comes back, everything else is one of the four provider errors.

    `timeout` bounds the whole call, however slowly the other side drips.
    """
    addresses.check_url(url)
    body = content if json_body is None else json.dumps(json_body, separators=(",", ":")).encode()
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
    _present.deadline = time.monotonic() + timeout
    try:
        with _client().stream(
            method, url, headers=sent, content=body, params=params, timeout=limits
        ) as response:
            answer = Answer(response.status_code, response.headers, _read(response))
    except httpx.HTTPError as error:
        raise _unreached(error) from None
    except httpx.InvalidURL as error:
        raise ForbiddenAddress(f"This is not an address: {error}.") from None
    return _judged(answer)


def _read(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProviderGarbage(
            "The answer is compressed though we asked for plain.", status=response.status_code
        )
    found = bytearray()
    for chunk in response.iter_raw():
        found += chunk
        if len(found) > LARGEST_ANSWER:
            raise ProviderGarbage("The answer is larger than 5 MB.", status=response.status_code)
    return bytes(found)


def _unreached(error: httpx.HTTPError) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddress):
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ProviderMisconfigured(
                f"The certificate is not valid: {cause.verify_message}.", code="bad_certificate"
            )
        cause = cause.__cause__ or cause.__context__
    undone = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    name = (
        "not_reached" if undone else "timeout" if isinstance(error, httpx.TimeoutException) else "broken_off"
    )
    words = {
        "not_reached": "could not be reached",
        "timeout": "did not answer in time",
        "broken_off": "broke off",
    }
    return ProviderUnavailable(f"The provider {words[name]}.", undone=undone, code=name)


def _judged(answer: Answer) -> Answer:
    status = answer.status
    if 200 <= status < 300:
        return answer
    if status in (401, 403):
        raise ProviderMisconfigured(
            f"The provider refuses our credentials ({status}).", code="credentials", status=status
        )
    if 300 <= status < 400:
        raise ProviderMisconfigured(
            "The provider redirects elsewhere; redirects are not followed.", code="redirect", status=status
        )
    if status in (429, 425):
        wait = retry_after(answer.headers)
        raise ProviderUnavailable(
            "The provider asks for fewer calls.",
            retry_after=wait,
            undone=True,
            code="rate_limited",
            status=status,
        )
    if status >= 500 or status in (100, 408):
        wait = retry_after(answer.headers)
        raise ProviderUnavailable(
            f"The provider failed ({status}).", retry_after=wait, code="server_error", status=status
        )
    code, sentence = said(answer.body)
    raise ProviderRejected(
        sentence or f"The provider refused it ({status}).", code=code or f"http_{status}", status=status
    )


def said(body: bytes) -> tuple[str, str]:
    """Code and sentence of a refusal, from the usual places; empty where there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    found = found[0] if isinstance(found, list) and found else found
    found = found.get("error", found) if isinstance(found, dict) else {}
    if not isinstance(found, dict):
        return "", str(found)[:300]
    sentence = found.get("message") or found.get("title") or found.get("detail") or ""
    return str(found.get("code") or "")[:40], str(sentence)[:300]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number or a date; BigCommerce says it in milliseconds under another name."""
    text = headers.get("retry-after", "")
    try:
        if text:
            wait = float(text)
        elif headers.get("x-rate-limit-time-reset-ms"):
            wait = float(headers["x-rate-limit-time-reset-ms"]) / 1000
        else:
            return None
    except ValueError:
        try:
            wait = (parsedate_to_datetime(text) - timezone.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER) if wait == wait else None


# -- the connection ----------------------------------------------------------------------------------------------


class _Backend(httpcore.SyncBackend):
    """Resolves by itself and connects to the very address it has checked."""

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        try:
            found = addresses.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in found[:-1]:
            try:
                return self._connected(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(found[-1], port, timeout, local_address, socket_options)

    def _connected(self, address, port, timeout, *more) -> "_Stream":
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(address, port, left, *more))

    def connect_unix_socket(self, path, timeout=None, socket_options=None):
        raise httpcore.ConnectError("sockets of this machine are not called")


class _Stream(httpcore.NetworkStream):
    """Every read and write ends at the deadline of the whole call."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self.inner = inner

    def read(self, max_bytes, timeout=None):
        return self.inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer, timeout=None):
        self.inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self):
        self.inner.close()

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self.inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info):
        return self.inner.get_extra_info(info)


def _left(timeout: float | None, error: type[Exception]) -> float:
    left = _present.deadline - time.monotonic()
    if left <= 0:
        raise error("the call took too long")
    return min(timeout or left, left)


class _Transport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__(trust_env=False, retries=0)
        context = httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=20,
            network_backend=_Backend(),
        )


def _client() -> httpx.Client:
    """One pool of connections a process: a forked worker never shares a socket with its parent."""
    with _lock:
        if os.getpid() not in _clients:
            _clients.clear()
            _clients[os.getpid()] = httpx.Client(
                transport=_Transport(), trust_env=False, follow_redirects=False
            )
        return _clients[os.getpid()]
