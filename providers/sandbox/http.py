"""A small HTTP/1.1 server with keep-alive: one thread a connection, JSON in and out, faults after the work."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

LARGEST_BODY = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises ValueError when the body is not JSON."""
        return json.loads(self.body or b"null")


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0 hangs up without a word, as a broken line would."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


HANG_UP = Answer(0)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, handle: Callable[[Request], Answer]) -> None:
        self.handle_request_of = handle
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 120

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            return self._send(Answer(413, {"code": "too_large", "message": "The body is too large."}))
        self._send(self._answer(self.rfile.read(length)))

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _answer(self, body: bytes) -> Answer:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        request = Request(self.command, unquote(parts.path), query, self.headers, body)
        try:
            return self.server.handle_request_of(request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer(400, {"code": "bad_request", "message": f"{type(error).__name__}: {error}"})

    def _send(self, answer: Answer) -> None:
        if answer.status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_) -> None:
        """Nothing: the ledger remembers what matters."""
