"""B15 over a real server: wrong type, packed bombs, bodies that come drop by drop or in chunks."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import connection

from orchestration.demo.processes import free_port
from orders.services.access import create_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def web():
    """A real gunicorn on the test's database, whose bodies have one second; yields (port, key)."""
    own, port = connection.settings_dict, free_port()
    url = (
        f"sqlite:///{own['NAME']}" if connection.vendor == "sqlite"
        else f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST'] or '127.0.0.1'}:{own['PORT'] or 5432}/{own['NAME']}"
    )  # fmt: skip
    _, token = create_key("bodies", scopes=["orders:read", "orders:write"])
    environment = {**os.environ, "DATABASE_URL": url, "NO_BOOTSTRAP": "1", "IOM_BODY_SECONDS": "1"}
    command = [sys.executable, "-m", "gunicorn", "iom.wsgi", "--worker-class", "gthread", "--threads", "2"]
    server = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}"], env=environment, cwd=settings.BASE_DIR
    )
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port, token
    finally:
        server.terminate()
        server.wait(30)


def ask(web, *pieces: bytes, pause: float = 0.0, **headers: str) -> tuple[int, dict]:
    """Status and document of a POST whose body is sent in these pieces."""
    port, token = web
    told = {
        "Host": "127.0.0.1",
        "Authorization": f"Bearer {token}",
        "Content_Type": "application/json",
        **headers,
    }
    head = "POST /api/v1/orders/ HTTP/1.1\r\n" + "".join(
        f"{name.replace('_', '-')}: {v}\r\n" for name, v in told.items()
    )
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(f"{head}\r\n".encode())
        with suppress(OSError):  # the server may have answered and gone
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
        answer = b""
        with suppress(OSError):
            while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
                if not (found := line.recv(65536)):
                    break
                answer += found
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def code(answer) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


def test_types_bombs_and_drops(web):
    assert code(ask(web, b"a=1", Content_Length="3", Content_Type="application/x-www-form-urlencoded")) == (
        415,
        "unsupported_media_type",
    )
    bomb = gzip.compress(b" " * 200_000_000)
    assert code(ask(web, bomb, Content_Length=str(len(bomb)), Content_Encoding="gzip")) == (
        413,
        "body_too_large",
    )
    packed = gzip.compress(b'{"channel": "nowhere"}')
    assert ask(web, packed, Content_Length=str(len(packed)), Content_Encoding="gzip")[0] in (400, 422)
    assert code(ask(web, packed[:-9], Content_Length=str(len(packed) - 9), Content_Encoding="gzip")) == (
        400,
        "bad_encoding",
    )

    began = time.monotonic()
    drops = [b" "] * 80
    assert code(ask(web, *drops, pause=0.1, Content_Length="100")) == (408, "body_too_slow")
    assert time.monotonic() - began < 12
    assert code(ask(web, *[chunk(b" ")] * 80, pause=0.1, Transfer_Encoding="chunked")) == (
        408,
        "body_too_slow",
    )

    whole = [chunk(b'{"channel": '), chunk(b'"nowhere"}'), b"0\r\n\r\n"]
    assert ask(web, *whole, Transfer_Encoding="chunked")[1]["code"] == "unknown_channel"
    assert code(ask(web, b"x" * 6_000_000, Content_Length="6000000")) == (413, "body_too_large")
