"""JSON within stated limits: what plain `json.loads` lets through and a database or a person would choke on later.

The usual request pays for one C parse, a dictionary an object and one walk over the containers; texts are looked at
one by one only when the bytes hold an escape that could be harmful.
"""

import codecs
import json
import re
import zlib
from decimal import Decimal
from typing import Any, NoReturn

from rest_framework.parsers import BaseParser

from iom.lib.api.errors import Problem, fault
from iom.lib.bodies import SLOW, SlowBody

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 32
MAX_KEYS = 200_000
MAX_NUMBER_LENGTH = 40
MAX_EXPONENT = 30
RISKY_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")  # NUL, or half of a surrogate pair
BAD_TEXT = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """Objects only. Leaves the bytes on the request as `raw_json`, for what must compare whole bodies."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None) -> dict[str, Any]:
        request, encoding = (parser_context or {}).get("request"), ""
        if request is not None:
            encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
            refuse_encoding(encoding)
        raw = _arrived(stream)
        if encoding == "gzip":
            raw = _unpacked(raw)
        if request is not None:
            request._request.raw_json = raw
        return read_object(raw)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; raises Problem. Numbers with a point or exponent come as Decimal."""
    data = _loads(_decoded(raw))
    if not isinstance(data, dict):
        raise Problem("object_expected", "The body must be a JSON object: { … }.")
    _check_depth(data)
    if RISKY_ESCAPE.search(raw):
        check_text(data)
    return data


def refuse_encoding(encoding: str) -> None:
    if encoding not in ("", "identity", "gzip"):
        raise Problem(
            "unsupported_encoding",
            f"Content-Encoding {encoding[:40]!r} is not accepted; send plain JSON, or gzip.",
            status=415,
        )


def _arrived(stream) -> bytes:
    try:
        return stream.read(MAX_BYTES + 1)
    except OSError as error:  # Django words it anew
        if isinstance(error, SlowBody) or isinstance(error.__cause__, SlowBody):
            raise Problem("body_too_slow", SLOW, status=408, headers={"Connection": "close"}) from error
        raise Problem("body_cut_off", "The body did not arrive whole; send it again.") from error


def _unpacked(raw: bytes) -> bytes:
    """Never more than the limit, whatever it would become."""
    packed = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = packed.decompress(raw, MAX_BYTES + 1)
    except zlib.error as error:
        raise Problem(
            "bad_encoding", "The body is not gzip although its Content-Encoding says so."
        ) from error
    if len(plain) <= MAX_BYTES and not packed.eof:
        raise Problem("bad_encoding", "The gzip body ends before its end.")
    return plain


def _decoded(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise Problem(
            "body_too_large", f"The body is larger than {MAX_BYTES:,} bytes; send fewer rows.", status=413
        )
    if not raw.strip():
        raise Problem("empty_body", "The body is empty; send a JSON object.")
    if raw.startswith(codecs.BOM_UTF8):
        raise Problem("bad_encoding", "The body begins with a byte order mark; send UTF-8 without it.")
    if b"\x00" in raw[:4] or raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Problem("bad_encoding", "The body looks like UTF-16 or UTF-32; send UTF-8.")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Problem("bad_encoding", f"The body is not UTF-8: byte {error.start} is wrong.") from error


def _loads(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_Objects().read, parse_constant=_no_constant, parse_float=_number
        )
    except json.JSONDecodeError as error:
        raise Problem(
            "bad_json", f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # an integer longer than the interpreter reads
        raise Problem("bad_number", "The body holds a number with thousands of digits.") from error


class _Objects:
    """Builds the dictionaries of one body and counts their keys."""

    def __init__(self) -> None:
        self.left = MAX_KEYS

    def read(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) != len(pairs):
            raise _duplicate(pairs)
        self.left -= len(pairs)
        if self.left < 0:
            raise Problem("too_many_keys", f"The body holds more than {MAX_KEYS:,} keys.", status=413)
        return data


def _duplicate(pairs: list[tuple[str, Any]]) -> Problem:
    seen: set[str] = set()
    twice = next(name for name, _ in pairs if name in seen or seen.add(name))
    message = f"The key {twice[:60]!r} comes twice in one object."
    return Problem("duplicate_key", message, errors=[fault("duplicate_key", twice[:60], message)])


def _no_constant(name: str) -> NoReturn:
    raise Problem("bad_number", f"{name} is not a JSON number.")


def _number(text: str) -> Decimal:
    value = Decimal(text) if len(text) <= MAX_NUMBER_LENGTH else None
    # A short text such as 1e999999999 would become gigabytes as soon as somebody asks for its integer.
    if value is None or abs(value.adjusted()) > MAX_EXPONENT:
        raise Problem("bad_number", f"{text[:40]} is beyond what a number here can be.")
    return value


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            value
            for container in level
            for value in (container.values() if type(container) is dict else container)
            if type(value) is dict or type(value) is list
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Problem:
    return Problem("too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.")


def check_text(data: Any, path: str = "") -> None:
    """Raises Problem `bad_text` if a text or key holds NUL or half of a surrogate pair; `data` is of limited depth."""
    if isinstance(data, str):
        if BAD_TEXT.search(data):
            message = (
                f"{path or 'A text'} holds a character that cannot be stored (NUL or half a surrogate pair)."
            )
            raise Problem(
                "bad_text", message, errors=[fault("bad_text", path, message, "Leave the character out.")]
            )
    elif isinstance(data, dict):
        for name, value in data.items():
            if BAD_TEXT.search(name):
                raise Problem("bad_text", "A key holds a character that cannot be stored.")
            check_text(value, f"{path}.{name}" if path else name)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            check_text(value, f"{path}[{index}]")
