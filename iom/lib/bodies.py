"""Request bodies end in time: who sends one drop by drop holds a thread for seconds, not for ever.

Around the WSGI application. A body has some seconds and then as many as its length takes at a slow line's rate; when they
are over, one thread of the process closes the reading side of its socket and the reader gets `SlowBody`. A body in
chunks, whose length nobody told, is gathered first, within the largest size that anything here takes.
"""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

LARGEST = 25 * 1024 * 1024
IN_MEMORY = 1024 * 1024
STEP = 64 * 1024
SLOW_LINE = 50_000  # bytes a second
LOOK_SECONDS = 0.25
SLOW = "The body did not arrive in time; send it again over a faster line."
LARGE = f"The body is larger than {LARGEST:,} bytes."


class SlowBody(OSError):
    pass


class LargeBody(OSError):
    pass


class _Watch:
    """One thread that ends reads whose time is over; it begins with the first of them."""

    def __init__(self) -> None:
        self._lock, self._reads, self._thread = threading.Lock(), {}, None

    def begin(self, read: "TimedInput") -> None:
        with self._lock:
            self._reads[id(read)] = read
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look, name="bodies", daemon=True)
                self._thread.start()

    def end(self, read: "TimedInput") -> None:
        self._reads.pop(id(read), None)

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for read in list(self._reads.values()):
                if now > read.deadline:
                    read.cut()


_watch = _Watch()


class TimedInput:
    """The body's stream, until its time is over."""

    def __init__(self, stream: Any, sock: socket.socket | None, seconds: float) -> None:
        self._stream, self._sock = stream, sock
        self.deadline, self.is_late = time.monotonic() + seconds, False

    def read(self, *size: int) -> bytes:
        return self._timed(self._stream.read, *size)

    def readline(self, *size: int) -> bytes:
        return self._timed(self._stream.readline, *size)

    def __iter__(self):
        return iter(self.readline, b"")

    def cut(self) -> None:
        self.is_late = True
        if self._sock is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)

    def _timed(self, read: Callable[..., bytes], *size: int) -> bytes:
        _watch.begin(self)
        try:
            found = read(*size)
        except OSError as error:
            raise (SlowBody(SLOW) if self.is_late else error) from error
        finally:
            _watch.end(self)
        if self.is_late:
            raise SlowBody(SLOW)
        return found


class Timed:
    """Wraps a WSGI application; `seconds` is what every body has beside the time for its length."""

    def __init__(self, application: Callable, *, seconds: float) -> None:
        self.application, self.seconds = application, seconds

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length = _length(environ)
        if not chunked and not length:
            return self.application(environ, start_response)
        seconds = self.seconds + (0 if chunked else length / SLOW_LINE)
        timed = TimedInput(environ["wsgi.input"], environ.get("gunicorn.socket"), seconds)
        environ["wsgi.input"] = timed
        if not chunked:
            return self.application(environ, start_response)
        try:
            body, size = _gathered(timed)
        except SlowBody:
            return _refused(start_response, "408 Request Timeout", "body_too_slow", SLOW)
        except LargeBody:
            return _refused(start_response, "413 Request Entity Too Large", "body_too_large", LARGE)
        with body:
            environ.pop("HTTP_TRANSFER_ENCODING")
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
            return list(self.application(environ, start_response))


def _length(environ: dict[str, Any]) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _gathered(stream: TimedInput) -> tuple[Any, int]:
    body, size = tempfile.SpooledTemporaryFile(IN_MEMORY), 0  # noqa: SIM115 - the caller closes it
    while chunk := stream.read(STEP):
        size += len(chunk)
        if size > LARGEST:
            raise LargeBody(LARGE)
        body.write(chunk)
    body.seek(0)
    return body, size


def _refused(start_response: Callable, status: str, code: str, sentence: str) -> list[bytes]:
    number, _, title = status.partition(" ")
    document = {
        "type": "about:blank", "title": title, "status": int(number), "code": code, "detail": sentence, "errors": [],
    }  # fmt: skip
    body = json.dumps(document).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    start_response(status, headers)
    return [body]
